#include <sstream>

#include "bindings/convert.h"
#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "optim/optim.h"

namespace pygan::bindings {
namespace {

uint64_t replaced_memories = 0;  // by set_; the GIL guards it

std::string repr(const Tensor& t) {
  std::string s = "Tensor(shape=" + t.shape().str() + ", dtype=" + name(t.dtype());
  if (t.device() != Device::cpu) s += std::string(", device=") + name(t.device());
  if (t.requires_grad()) s += t.is_leaf() ? ", requires_grad=True" : ", recorded";
  if (t.size() <= 64 && t.array().has_data())
    s += ",\n" + py::str(py::object(view_out(t.array()))).cast<std::string>();
  return s + ")";
}

double item(const Tensor& t, const char* what) {
  check_export(what);
  if (t.size() != 1)
    throw ShapeError("item: a tensor of one element is needed, got " + t.shape().str());
  return view_out(t.array()).attr("item")().cast<double>();
}

// x[index] as start, step and extent for every axis, then the shape with ints dropped and None
// added.
Tensor getitem(const Tensor& x, const py::object& index) {
  const py::tuple parts =
      py::isinstance<py::tuple>(index) ? index.cast<py::tuple>() : py::make_tuple(index);
  int named = 0;
  bool dots = false;
  for (const py::handle part : parts) {
    if (part.ptr() == Py_Ellipsis) {
      if (dots) throw py::index_error("an index can hold one ... only");
      dots = true;
    } else if (!part.is_none()) {
      ++named;
    }
  }
  if (named > x.rank())
    throw py::index_error("too many indices for a tensor of shape " + x.shape().str());
  std::vector<int64_t> start, step;
  Shape part_shape, result;
  auto whole = [&](int axis) {
    start.push_back(0);
    step.push_back(1);
    part_shape.push_back(x.dim(axis));
    result.push_back(x.dim(axis));
  };
  int axis = 0;
  for (const py::handle part : parts) {
    if (part.is_none()) {
      result.push_back(1);
    } else if (part.ptr() == Py_Ellipsis) {
      for (int k = x.rank() - named; k-- > 0;) whole(axis++);
    } else if (PySlice_Check(part.ptr())) {
      py::ssize_t from, to, by, count;
      if (!py::reinterpret_borrow<py::slice>(part).compute(x.dim(axis), &from, &to, &by, &count))
        throw py::error_already_set();
      start.push_back(count ? from : 0);
      step.push_back(by);
      part_shape.push_back(count);
      result.push_back(count);
      ++axis;
    } else if (PyIndex_Check(part.ptr()) && !PyBool_Check(part.ptr())) {
      const int64_t n = x.dim(axis);
      const py::int_ wide = part.attr("__index__")();
      int overflow = 0;
      const int64_t i = PyLong_AsLongLongAndOverflow(wide.ptr(), &overflow);
      if (overflow || i < -n || i >= n)
        throw py::index_error("index " + py::str(wide).cast<std::string>() +
                              " is out of range for axis " + std::to_string(axis) + " of shape " +
                              x.shape().str());
      start.push_back(i < 0 ? i + n : i);
      step.push_back(1);
      part_shape.push_back(1);
      ++axis;
    } else {
      throw py::type_error("a tensor is indexed by ints, slices, None and ..., not by " +
                           py::repr(py::type::handle_of(part)).cast<std::string>());
    }
  }
  while (axis < x.rank()) whole(axis++);
  return released([&] {
    Tensor y = ops::slice(x, start, step, part_shape);
    return part_shape == result ? y : ops::reshape(y, result);
  });
}

Shape reshape_target(const Tensor& x, const py::args& args) {
  std::vector<int64_t> d;
  const auto wanted = [&] {
    return py::repr(args.size() == 1 ? py::object(args[0]) : py::object(args)).cast<std::string>();
  };
  try {
    d = args.size() == 1 && py::isinstance<py::sequence>(args[0])
            ? args[0].cast<std::vector<int64_t>>()
            : py::object(args).cast<std::vector<int64_t>>();
  } catch (const py::cast_error&) {
    throw ShapeError("reshape: the shape must be ints, got " + wanted());
  }
  int64_t known = 1, hole = -1;
  for (size_t i = 0; i < d.size(); ++i) {
    if (d[i] == -1 && hole < 0)
      hole = static_cast<int64_t>(i);
    else if (d[i] < 0)
      throw ShapeError("reshape: one extent may be -1, the others must not be negative, got " +
                       wanted());
    else if (__builtin_mul_overflow(known, d[i], &known))
      throw ShapeError("reshape: the shape " + wanted() + " is too large");
  }
  if (hole >= 0) {
    if (known == 0 || x.size() % known)
      throw ShapeError("reshape: " + x.shape().str() + " does not fit " + wanted());
    d[static_cast<size_t>(hole)] = x.size() / known;
  }
  return Shape(d);
}

// Refuses a value that the whole numbers of the dtype do not reach.
void check_holds(DType dtype, double value) {
  const bool i64 = dtype == DType::i64 && value >= -0x1p63 && value < 0x1p63;
  const bool u8 = dtype == DType::u8 && value >= 0 && value < 256;
  if (!is_float(dtype) && dtype != DType::boolean && !i64 && !u8)
    throw ConfigError("full: " + number(value) + " is out of bounds for " + name(dtype));
}

// a (op) b with a number on either side. Returns NotImplemented for anything else, so that Python
// can ask the other operand.
using Binary = Tensor (*)(const Tensor&, const Tensor&);
py::object binary(const Tensor& a, const py::object& other, bool reflected, const char* op,
                  Binary f, decltype(&to_operand) convert = &to_operand) {
  if (py::isinstance<py::array>(other)) to_operand(op, other, a);  // raises: it must be wrapped
  if (!py::isinstance<Tensor>(other) && !is_scalar(other))
    return py::reinterpret_borrow<py::object>(Py_NotImplemented);
  const Tensor b = convert(op, other, a);
  return py::cast(released([&] { return reflected ? f(b, a) : f(a, b); }));
}

py::object power(const Tensor& a, const py::object& other) {
  if (!is_scalar(other)) return binary(a, other, false, "pow", &ops::pow);
  const double n = py::float_(other).cast<double>();
  return py::cast(released([&] { return ops::power(a, n); }));
}

py::object move_to(const py::object& self, const py::object& target) {
  const Tensor& t = self.cast<const Tensor&>();
  if (py::isinstance<py::str>(target)) {
    const std::string text = target.cast<std::string>();
    for (const Device d : {Device::cpu, Device::emu, Device::cuda})
      if (text == name(d)) {
        if (t.device() == d) return self;
        return py::cast(released([&] { return ops::to(t, d); }));
      }
  }
  DType dtype;
  try {
    dtype = to_dtype(target);
  } catch (const DTypeError&) {
    throw DTypeError("to: expected a dtype or a device (cpu, cuda, emu), got " +
                     py::repr(target).cast<std::string>());
  }
  if (t.dtype() == dtype) return self;
  return py::cast(released([&] { return ops::astype(t, dtype); }));
}

}  // namespace

void bind_tensor(py::module_& m) {
  py::class_<Tensor> c(
      m, "Tensor", py::dynamic_attr(),
      "An array and its place in the graph. Make one with pygan.tensor; operations in pygan.ops.");
  c.def(py::init([](const Tensor& t, bool requires_grad) {
          Tensor u = t.detach();
          if (requires_grad) u.set_requires_grad(true);
          return u;
        }),
        py::arg("tensor"), py::arg("requires_grad") = false,
        "The same memory as `tensor`, as a new leaf.");
  c.attr("__array_ufunc__") = py::none();

  c.def_property_readonly("shape", [](const Tensor& t) { return from_shape(t.shape()); });
  c.def_property_readonly("dtype", [](const Tensor& t) { return numpy_dtype(t.dtype()); });
  c.def_property_readonly("device", [](const Tensor& t) { return std::string(name(t.device())); });
  c.def_property_readonly("ndim", [](const Tensor& t) { return t.rank(); });
  c.def_property_readonly("size", [](const Tensor& t) { return t.size(); });
  c.def_property_readonly("is_leaf", &Tensor::is_leaf);
  c.def_property("requires_grad", &Tensor::requires_grad,
                 [](Tensor& t, bool on) { t.set_requires_grad(on); });
  c.def(
      "requires_grad_",
      [](py::object self, bool on) {
        self.cast<Tensor&>().set_requires_grad(on);
        return self;
      },
      py::arg("on") = true, "Sets whether this leaf is a variable; returns itself.");
  c.def_property(
      "grad",
      [](const Tensor& t) {
        return t.grad().defined() ? py::cast(t.grad()) : py::object(py::none());
      },
      [](Tensor& t, const py::object& g) {
        if (!g.is_none() && !py::isinstance<Tensor>(g))
          throw DTypeError("grad must be a Tensor or None, got " + py::repr(g).cast<std::string>());
        t.set_grad(g.is_none() ? Tensor() : g.cast<Tensor>());
      });

  c.def(
      "numpy",
      [](const Tensor& t) {
        check_export("numpy()");
        return view_out(t.array());
      },
      "A read-only NumPy view of the value; of a tensor on another device, of a copy.");
  c.def(
      "__array__",
      [](const Tensor& t, const py::object& dtype, const py::object& copy) {
        check_export("conversion to a NumPy array");
        if (t.device() != Device::cpu && !copy.is_none() && !copy.cast<bool>())
          throw py::value_error("a NumPy array of " + t.array().str() + " is a copy: copy=False");
        py::object a = view_out(t.array());
        if (!dtype.is_none() && !py::object(a.attr("dtype")).equal(dtype))
          return py::object(a.attr("astype")(dtype));
        return !copy.is_none() && copy.cast<bool>() ? py::object(a.attr("copy")()) : a;
      },
      py::arg("dtype") = py::none(), py::arg("copy") = py::none());
  c.def_property_readonly("__array_interface__", [](const py::object& self) {
    check_export("conversion to a NumPy array");
    if (self.cast<const Tensor&>().device() != Device::cpu)  // NumPy then asks __array__
      throw py::attribute_error("__array_interface__: the memory is on another device");
    // NumPy keeps this handle alive, not its memory, which set_ may replace: the handle keeps both.
    const py::array view = view_out(self.cast<const Tensor&>().array());
    const py::dict kept = self.attr("__dict__");
    if (!kept.contains("_exported")) kept["_exported"] = py::dict();
    kept["_exported"][py::int_(reinterpret_cast<uintptr_t>(view.data()))] = view;
    return py::object(view.attr("__array_interface__"));
  });
  c.def(
      "item",
      [](const Tensor& t) {
        check_export("item()");
        if (t.size() != 1)
          throw ShapeError("item: a tensor of one element is needed, got " + t.shape().str());
        return py::object(view_out(t.array()).attr("item")());
      },
      "The value of a one-element tensor as a Python number.");
  c.def("__float__", [](const Tensor& t) { return item(t, "float()"); });
  c.def("__bool__", [](const Tensor& t) { return item(t, "bool()") != 0; });
  c.def("__len__", [](const Tensor& t) {
    if (t.rank() == 0) throw py::type_error("len() of a tensor without axes");
    return t.dim(0);
  });
  c.def("__iter__", [](const Tensor& t) {
    if (t.rank() == 0) throw py::type_error("a tensor without axes cannot be iterated over");
    py::list rows;
    for (int64_t i = 0; i < t.dim(0); ++i) rows.append(getitem(t, py::int_(i)));
    return py::iter(rows);
  });
  c.def(
      "__deepcopy__",
      [](const Tensor& t, const py::dict&) {
        Array a = Array::empty(t.shape(), t.dtype(), t.device());
        optim::assign(a, t.array());
        Tensor copy(a);
        if (t.is_leaf() && t.requires_grad()) copy.set_requires_grad(true);
        return copy;
      },
      "A leaf with memory of its own.");
  c.def("__reduce__", [](const Tensor&) -> py::object {
    throw py::type_error("tensors are not pickled: save x.numpy(), or a state_dict as safetensors");
  });
  c.def("__repr__", &repr);
  c.def("__getitem__", &getitem);
  c.def("detach", &Tensor::detach, "The same memory without history.");
  c.def(
      "astype",
      [](const Tensor& t, const py::object& dtype) {
        const DType d = to_dtype(dtype);
        return released([&] { return ops::astype(t, d); });
      },
      py::arg("dtype"));
  c.def("to", &move_to, py::arg("target"),
        "On another device (\"cpu\", \"cuda\", \"emu\"), or in another dtype, recorded as any "
        "operation; this tensor itself where it is so already.");
  c.def("reshape", [](const Tensor& t, const py::args& args) {
    const Shape s = reshape_target(t, args);
    return released([&] { return ops::reshape(t, s); });
  });
  c.def("transpose", [](const Tensor& t, const py::args& args) {
    py::object axes = args;
    if (args.size() == 1) axes = args[0];
    const ops::Axes a = args.size() == 0 ? ops::Axes{} : to_axes("transpose", axes);
    return released([&] { return ops::transpose(t, a); });
  });
  c.def_property_readonly(
      "T", [](const Tensor& t) { return released([&] { return ops::transpose(t, {}); }); });

  using Reduce = Tensor (*)(const Tensor&, const ops::Axes&, bool);
  const auto reduction = [&c](const char* name, Reduce f) {
    c.def(
        name,
        [name, f](const Tensor& t, const py::object& axis, bool keepdims) {
          const ops::Axes axes = to_axes(name, axis);
          return released([&] { return f(t, axes, keepdims); });
        },
        py::arg("axis") = py::none(), py::arg("keepdims") = false);
  };
  reduction("sum", &ops::sum);
  reduction("mean", &ops::mean);
  reduction("median", &ops::median);
  reduction("max",
            [](const Tensor& t, const ops::Axes& a, bool k) { return ops::max(t, a, k).first; });
  reduction("min",
            [](const Tensor& t, const ops::Axes& a, bool k) { return ops::min(t, a, k).first; });
  reduction("argmax", &ops::argmax);
  reduction("argmin", &ops::argmin);

  const auto arithmetic = [&c](const char* plain, const char* reflected, const char* op, Binary f) {
    c.def(plain,
          [op, f](const Tensor& a, const py::object& b) { return binary(a, b, false, op, f); });
    c.def(reflected,
          [op, f](const Tensor& a, const py::object& b) { return binary(a, b, true, op, f); });
  };
  arithmetic("__add__", "__radd__", "add", &ops::add);
  arithmetic("__sub__", "__rsub__", "sub", &ops::sub);
  arithmetic("__mul__", "__rmul__", "mul", &ops::mul);
  arithmetic("__truediv__", "__rtruediv__", "div", &ops::div);
  c.def("__pow__", &power);
  c.def("__rpow__",
        [](const Tensor& a, const py::object& b) { return binary(a, b, true, "pow", &ops::pow); });
  // No __eq__: tensors are keys of dicts and members of sets by identity. pygan.ops.equal compares.
  const auto comparison = [&c](const char* symbol, const char* op, Binary f) {
    c.def(symbol, [op, f](const Tensor& a, const py::object& b) {
      return binary(a, b, false, op, f, &to_exact_operand);
    });
  };
  comparison("__lt__", "less", &ops::less);
  comparison("__le__", "less_equal", &ops::less_equal);
  comparison("__gt__", "greater", &ops::greater);
  comparison("__ge__", "greater_equal", &ops::greater_equal);
  c.def("__abs__", [](const Tensor& t) { return released([&] { return ops::abs(t); }); });
  c.def("abs", [](const Tensor& t) { return released([&] { return ops::abs(t); }); });
  c.def(
      "clip",
      [](const Tensor& t, std::optional<double> low, std::optional<double> high) {
        return released([&] { return ops::clip(t, low, high); });
      },
      py::arg("low") = py::none(), py::arg("high") = py::none());
  c.def("__neg__", [](const Tensor& t) { return released([&] { return ops::neg(t); }); });
  c.def(
      "__matmul__",
      [](const Tensor& a, const Tensor& b) {
        return released([&] { return ops::matmul(a, b, false, false); });
      },
      py::is_operator());

  c.def(
      "assign_",
      [](py::object self, const py::object& value) {
        Tensor& t = self.cast<Tensor&>();
        const Array v = py::isinstance<Tensor>(value)
                            ? value.cast<Tensor>().array()
                            : copy_in(value, std::string(name(t.dtype())), t.device());
        released([&] { optim::assign(t.array(), v); });
        return self;
      },
      py::arg("value"),
      "Writes `value` into this memory, the only way values change; returns itself.");
  c.def(
      "set_",
      [](py::object self, const Tensor& other) {
        Tensor& t = self.cast<Tensor&>();
        const bool variable = t.requires_grad();
        Tensor u = other.detach();
        if (variable) u.set_requires_grad(true);
        t = u;
        ++replaced_memories;
        return self;
      },
      py::arg("other"), "This handle now holds `other`'s memory, as a new leaf; returns itself.");
  m.def(
      "replaced_memories", [] { return replaced_memories; },
      "How often set_ was called: a recorded step holds memory, not handles.");

  m.def(
      "tensor",
      [](const py::object& value, const py::object& dtype, const std::optional<std::string>& device,
         bool requires_grad) {
        std::optional<std::string> d;
        if (!dtype.is_none()) d = name(to_dtype(dtype));
        std::optional<Device> where;
        if (device) where = parse_device(*device);
        Tensor t(copy_in(value, d, where));
        if (requires_grad) t.set_requires_grad(true);
        return t;
      },
      py::arg("value"), py::arg("dtype") = py::none(), py::arg("device") = py::none(),
      py::arg("requires_grad") = false,
      "A tensor with a copy of `value`: an array (dtype kept), a number or nested lists (floats "
      "become float32, ints int64). device: cpu, cuda or emu; None: where a tensor is, else cpu.");
  m.def(
      "from_numpy", [](const py::array& a) { return Tensor(alias_in(a)); }, py::arg("array"),
      "A tensor over the memory of a dense NumPy array (a strided one is copied).");
  m.def(
      "full",
      [](const py::object& shape, double value, const py::object& dtype,
         const std::string& device) {
        const DType d = to_dtype(dtype);
        check_holds(d, value);
        const Device where = parse_device(device);
        check_dtype_on("full", d, where);
        return Tensor(Array::full(to_shape(shape), value, d, where));
      },
      py::arg("shape"), py::arg("value"), py::arg("dtype") = "float32", py::arg("device") = "cpu");
}

}  // namespace pygan::bindings
