#include "core/autograd.h"

#include "bindings/convert.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

Tensors to_tensors(const char* what, const py::object& x) {
  if (py::isinstance<Tensor>(x)) return {x.cast<Tensor>()};
  if (!py::isinstance<py::iterable>(x))
    throw DTypeError(std::string(what) + " must be a tensor or a list of tensors, got " +
                     py::repr(x).cast<std::string>());
  Tensors t;
  for (const py::handle h : py::reinterpret_borrow<py::iterable>(x)) {
    if (h.is_none())
      t.emplace_back();
    else if (py::isinstance<Tensor>(h))
      t.push_back(h.cast<Tensor>());
    else
      throw DTypeError(std::string(what) + " must be tensors, got " +
                       py::repr(py::type::handle_of(h)).cast<std::string>());
  }
  return t;
}

Tensors to_cotangents(const py::object& x, size_t outputs) {
  if (x.is_none()) return {};
  Tensors t = to_tensors("cotangents", x);
  if (t.size() != outputs)
    throw ShapeError("grad: " + std::to_string(outputs) + " outputs but " +
                     std::to_string(t.size()) + " cotangents");
  return t;
}

Unused to_unused(const std::string& s) {
  if (s == "zero") return Unused::zero;
  if (s == "none") return Unused::none;
  if (s == "raise") return Unused::raise;
  throw ConfigError("grad: unused must be \"zero\", \"none\" or \"raise\", got \"" + s + "\"");
}

py::dict to_dict(const TraceEvent& e) {
  py::dict d;
  d["op"] = e.op;
  d["parent"] = e.parent;
  d["inputs"] = e.inputs;
  d["outputs"] = e.outputs;
  d["flops"] = e.flops;
  d["bytes"] = e.bytes;
  d["seconds"] = e.seconds;
  return d;
}

}  // namespace

void bind_autograd(py::module_& m) {
  m.def(
      "grad",
      [](const py::object& outputs, const py::object& inputs, const py::object& cotangents,
         bool create_graph, std::optional<bool> retain_graph, const std::string& unused) {
        const Tensors y = to_tensors("outputs", outputs), x = to_tensors("inputs", inputs);
        const Tensors dy = to_cotangents(cotangents, y.size());
        const Unused u = to_unused(unused);
        const Tensors dx = released(
            [&] { return grad(y, x, dy, create_graph, retain_graph.value_or(create_graph), u); });
        py::tuple result(dx.size());
        for (size_t i = 0; i < dx.size(); ++i)
          result[i] = dx[i].defined() ? py::cast(dx[i]) : py::object(py::none());
        return result;
      },
      py::arg("outputs"), py::arg("inputs"), py::arg("cotangents") = py::none(),
      py::arg("create_graph") = false, py::arg("retain_graph") = py::none(),
      py::arg("unused") = "zero",
      R"(Derivatives of sum_i <outputs_i, cotangents_i> with respect to each input, as a tuple.

outputs, cotangents: a tensor or a list; inputs: a list. cotangents=None is 1, for scalars only.
create_graph: the result is recorded, so that it can be differentiated again.
retain_graph=None means create_graph; otherwise saved values are released on the way and a second use raises.
unused: what an input gets that the outputs do not depend on: "zero", "none" or "raise".
Results may share memory with each other and with the cotangents.)");

  m.def(
      "jvp",
      [](const py::object& outputs, const py::object& inputs, const py::object& tangents) {
        const Tensors y = to_tensors("outputs", outputs), x = to_tensors("inputs", inputs);
        const Tensors tx = to_tensors("tangents", tangents);
        const Tensors ty = released([&] { return jvp(y, x, tx); });
        return py::tuple(py::cast(ty));
      },
      py::arg("outputs"), py::arg("inputs"), py::arg("tangents"),
      R"(Tangents of the outputs for tangents of the inputs, J t, as a tuple; zero where nothing depends.

Runs forward along what was recorded from inputs to outputs, and is itself recorded.)");
  py::type tensor = py::type::of<Tensor>();
  tensor.attr("backward") = py::cpp_function(
      [](const Tensor& y, const py::object& cotangent, bool create_graph,
         std::optional<bool> retain_graph) {
        const Tensors dy = to_cotangents(cotangent, 1);
        released([&] { backward({y}, dy, create_graph, retain_graph.value_or(create_graph)); });
      },
      py::name("backward"), py::is_method(tensor), py::arg("cotangent") = py::none(),
      py::arg("create_graph") = false, py::arg("retain_graph") = py::none(),
      "Accumulates derivatives into .grad of every leaf this was computed from.");

  m.def("is_grad_enabled", &recording);
  m.def("set_grad_enabled", &set_recording, "Returns the setting before.");
  m.def("set_check_finite", &set_check_finite, "Returns the setting before.");
  m.def(
      "set_trace",
      [](const py::object& callback) {
        if (callback.is_none()) {
          set_trace_sink({});
          return;
        }
        // The callback is destroyed and called under the GIL, which evaluate runs without.
        std::shared_ptr<py::object> f(new py::object(callback), [](py::object* o) {
          if (!Py_IsInitialized()) return;  // the thread outlives the interpreter
          py::gil_scoped_acquire gil;
          delete o;
        });
        set_trace_sink([f](const TraceEvent& e) {
          py::gil_scoped_acquire gil;
          (*f)(to_dict(e));
        });
      },
      "callback(event: dict) for every operation this thread evaluates; None stops.");
  m.def("live_nodes", &live_nodes);
}

}  // namespace pygan::bindings
