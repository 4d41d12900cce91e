// PythonOp: an operation whose forward, vjp and jvp are methods of a Python object
// (pygan/user_ops.py, which checks what they return). The engine calls it without the GIL and
// without holding a lock; it takes the GIL for every call and for its own destruction.
#include "bindings/convert.h"
#include "core/autograd.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

struct Running {
  const char* op = nullptr;  // null: no derivative of a user's op runs in this thread
  const char* method = nullptr;
};
thread_local Running running_user_derivative;

class DerivativeScope {
 public:
  explicit DerivativeScope(Running r) : before_(std::exchange(running_user_derivative, r)) {}
  ~DerivativeScope() { running_user_derivative = before_; }
  DerivativeScope(const DerivativeScope&) = delete;

 private:
  Running before_;
};

struct Traits {
  std::string name;
  Saves saves;
  uint32_t differentiable_outputs = kAll;
  bool differentiable = true, per_sample = false, has_jvp = false;
};

class PythonOp final : public Op {
 public:
  PythonOp(py::object op, Traits traits) : op_(std::move(op)), traits_(std::move(traits)) {}
  ~PythonOp() override {
    if (!Py_IsInitialized()) {  // the graph outlives the interpreter
      op_.release();
      return;
    }
    py::gil_scoped_acquire gil;
    op_ = py::object();
  }

  const char* name() const override { return traits_.name.c_str(); }
  Saves saves() const override { return traits_.saves; }
  uint32_t differentiable_outputs() const override { return traits_.differentiable_outputs; }
  bool differentiable() const override { return traits_.differentiable; }
  bool per_sample() const override { return traits_.per_sample; }

  Arrays eval(const Arrays& in) const override {
    RecordGuard record(false);
    py::gil_scoped_acquire gil;
    DerivativeScope kernel({});  // a kernel reads values, also where a vjp runs it
    py::tuple views(in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i].device() != Device::cpu)
        throw DeviceError(traits_.name + ": a user's op runs on NumPy arrays, input " +
                          std::to_string(i) + " is " + in[i].str() + ": move it with .to(\"cpu\")");
      views[i] = view_out(in[i]);
    }
    const py::list results = op_.attr("_forward")(views);
    Arrays out;  // copies: the kernel may hand out its input, or a buffer that it uses again
    for (const py::handle a : results)
      out.push_back(copy_in(py::reinterpret_borrow<py::object>(a), std::nullopt, Device::cpu));
    return out;
  }

  Tensors vjp(const Tensors& inputs, const Tensors& outputs, const Tensors& dout,
              const Needs& needs) const override {
    py::gil_scoped_acquire gil;
    DerivativeScope scope({name(), "vjp"});
    py::tuple cotangents(outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i)
      cotangents[i] = carries_gradient(i, outputs[i]) ? defined(dout[i], outputs[i]) : py::none();
    const py::list dx = op_.attr("_vjp")(to_tuple(inputs), to_tuple(outputs), cotangents, needs);
    return to_tensors(dx);
  }

  Tensors jvp(const Tensors& inputs, const Tensors& outputs, const Tensors& tx) const override {
    if (!traits_.has_jvp) return Op::jvp(inputs, outputs, tx);
    py::gil_scoped_acquire gil;
    DerivativeScope scope({name(), "jvp"});
    py::tuple tangents(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i)
      tangents[i] = is_float(inputs[i].dtype()) ? defined(tx[i], inputs[i]) : py::none();
    const py::list ty = op_.attr("_jvp")(to_tuple(inputs), to_tuple(outputs), tangents);
    return to_tensors(ty);
  }

 private:
  bool carries_gradient(size_t i, const Tensor& y) const {
    const uint32_t mask = traits_.differentiable_outputs;
    return (mask == kAll || (mask >> i & 1)) && is_float(y.dtype());
  }
  // Python sees zeros where the engine has an undefined tensor.
  static py::object defined(const Tensor& t, const Tensor& like) {
    return py::cast(t.defined() ? t
                                : Tensor(Array::zeros(like.shape(), like.dtype(), like.device())));
  }
  static py::tuple to_tuple(const Tensors& tensors) { return py::tuple(py::cast(tensors)); }
  static Tensors to_tensors(const py::list& list) {
    Tensors t;
    for (const py::handle h : list) t.push_back(h.is_none() ? Tensor() : h.cast<Tensor>());
    return t;
  }

  py::object op_;
  const Traits traits_;
};

}  // namespace

void check_export(const char* what) {
  const Running& r = running_user_derivative;
  if (r.op)
    throw Error(std::string(what) + " within the " + r.method + " of user op '" + r.op +
                "': a value taken out of the graph is a constant to autograd, so higher "
                "derivatives would be silently wrong; compute with pygan.ops on the tensors, or "
                "in the forward of another op");
}

void bind_user_op(py::module_& m) {
  m.def(
      "apply_user",
      [](const py::object& op, const Tensors& inputs, const std::string& name, uint32_t save_inputs,
         uint32_t save_outputs, uint32_t differentiable_outputs, bool differentiable,
         bool per_sample, bool has_jvp) {
        const auto native = std::make_shared<const PythonOp>(
            op, Traits{name, Saves{save_inputs, save_outputs}, differentiable_outputs,
                       differentiable, per_sample, has_jvp});
        return py::tuple(py::cast(released([&] { return pygan::apply(native, inputs); })));
      },
      py::arg("op"), py::arg("inputs"), py::arg("name"), py::arg("save_inputs"),
      py::arg("save_outputs"), py::arg("differentiable_outputs"), py::arg("differentiable"),
      py::arg("per_sample"), py::arg("has_jvp"),
      "Applies a pygan.Op; the masks have bit i for input or output i.");
}

}  // namespace pygan::bindings
