#include "bindings/convert.h"

#include "core/device.h"
#include "core/error.h"
#include "core/recording.h"

namespace pygan::bindings {
namespace {

// The dtype of a NumPy array, in native byte order.
DType dtype_of(const py::dtype& d) {
  const char kind = d.kind();
  const auto size = d.itemsize();
  if (kind == 'f' && size == 4) return DType::f32;
  if (kind == 'f' && size == 8) return DType::f64;
  if (kind == 'i' && size == 8) return DType::i64;
  if (kind == 'u' && size == 1) return DType::u8;
  if (kind == 'b') return DType::boolean;
  throw DTypeError("dtype " + py::str(py::object(d)).cast<std::string>() +
                   " is not supported: use float32, float64, int64, uint8 or bool");
}

}  // namespace

py::object numpy_dtype(DType t) {
  switch (t) {
    case DType::f32:
      return py::dtype::of<float>();
    case DType::f64:
      return py::dtype::of<double>();
    case DType::i64:
      return py::dtype::of<int64_t>();
    case DType::u8:
      return py::dtype::of<uint8_t>();
    case DType::boolean:
      return py::dtype::of<bool>();
  }
  return py::none();
}

DType to_dtype(const py::object& dtype) {
  if (py::isinstance<py::str>(dtype)) return parse_dtype(dtype.cast<std::string>());
  try {
    if (!dtype.is_none()) return dtype_of(py::dtype::from_args(dtype));
  } catch (const py::error_already_set&) {
  }
  throw DTypeError(py::repr(dtype).cast<std::string>() +
                   " is not a dtype: use float32, float64, int64, uint8 or bool");
}

Array copy_in(const py::object& value, const std::optional<std::string>& dtype,
              std::optional<Device> where) {
  Device device = where.value_or(Device::cpu);
  if (py::isinstance<Tensor>(value)) {
    check_export("pygan.tensor");
    const Array a = value.cast<Tensor>().array();
    if (!where) device = a.device();
    if (!dtype || parse_dtype(*dtype) == a.dtype())
      return released([&] { return to_device(a, device); });
  }
  if (!py::isinstance<Tensor>(value) && py::hasattr(value, "__cuda_array_interface__")) {
    const Array a = copy_from_cuda(value, where);
    return !dtype || parse_dtype(*dtype) == a.dtype() ? a : copy_in(view_out(a), dtype, a.device());
  }
  const auto numpy = py::module_::import("numpy");
  const bool typed = py::hasattr(value, "dtype") || py::hasattr(value, "__array_interface__") ||
                     py::hasattr(value, "__array__");
  py::array a;
  try {
    a = numpy.attr("asarray")(value).cast<py::array>();
  } catch (const py::error_already_set& e) {
    throw ShapeError(std::string("tensor: not a number, an array or a regular nested list: ") +
                     e.what());
  }
  DType target;
  if (dtype)
    target = parse_dtype(*dtype);
  else if (!typed && a.dtype().kind() == 'f')
    target = DType::f32;  // Python floats
  else if (!typed && a.size() == 0)
    target = DType::f32;
  else
    target = dtype_of(a.dtype());
  if (!typed) {  // NumPy refuses a number that the dtype cannot hold; an array it would wrap
    try {
      a = numpy.attr("array")(value, py::arg("dtype") = numpy_dtype(target)).cast<py::array>();
    } catch (const py::error_already_set& e) {
      throw DTypeError(std::string("tensor: ") + py::str(e.value()).cast<std::string>());
    }
  }
  const py::array dense =
      numpy.attr("ascontiguousarray")(a, py::arg("dtype") = numpy_dtype(target)).cast<py::array>();
  Shape shape;
  for (py::ssize_t i = 0; i < a.ndim(); ++i) shape.push_back(a.shape(i));
  check_dtype_on("tensor", target, device);
  Array out = Array::empty(shape, target, device);
  copy_bytes(out.mutable_data(), device, dense.data(), Device::cpu,
             static_cast<size_t>(out.bytes()));
  return out;
}

Array alias_in(const py::array& a) {
  const bool native = a.dtype().byteorder() == '=' || a.dtype().byteorder() == '|';
  const bool aligned = a.attr("flags").attr("aligned").cast<bool>();
  if (!native || !aligned || !(a.flags() & py::array::c_style))
    return copy_in(a, std::nullopt, Device::cpu);
  Shape shape;
  for (py::ssize_t i = 0; i < a.ndim(); ++i) shape.push_back(a.shape(i));
  const DType dtype = dtype_of(a.dtype());
  PyObject* owner = py::object(a).release().ptr();
  return Array::borrow(const_cast<void*>(a.data()), shape, dtype, Device::cpu, !a.writeable(),
                       [owner] {
                         if (!Py_IsInitialized()) return;
                         py::gil_scoped_acquire gil;
                         Py_DECREF(owner);
                       });
}

py::array view_out(const Array& a) {
  if (StepRecording* r = active_recording())
    r->break_off("the value of " + a.str() + " was read within the step");
  const Array host = to_host(a);
  py::capsule owner(new Array(host), [](void* p) { delete static_cast<Array*>(p); });
  py::array view(numpy_dtype(a.dtype()).cast<py::dtype>(),
                 std::vector<py::ssize_t>(a.shape().begin(), a.shape().end()), host.data(), owner);
  view.attr("flags").attr("writeable") = false;
  return view;
}

bool is_scalar(const py::handle& x) {
  if (PyFloat_Check(x.ptr()) || PyLong_Check(x.ptr())) return true;
  return !py::isinstance<Tensor>(x) && !py::isinstance<py::array>(x) && py::hasattr(x, "dtype") &&
         py::hasattr(x, "item") && py::hasattr(x, "__float__") && x.attr("ndim").cast<int>() == 0;
}

Shape to_shape(const py::object& shape) {
  try {
    if (PyLong_Check(shape.ptr())) return Shape{shape.cast<int64_t>()};
    return Shape(shape.cast<std::vector<int64_t>>());
  } catch (const py::cast_error&) {
    throw ShapeError(py::repr(shape).cast<std::string>() +
                     " is not a shape: use an int or a sequence of ints");
  }
}

ops::Axes to_axes(const char* op, const py::object& axis) {
  if (axis.is_none()) return {};
  ops::Axes axes;
  try {
    if (py::isinstance<py::sequence>(axis))
      axes = axis.cast<ops::Axes>();
    else
      axes = {axis.cast<int>()};
  } catch (const py::cast_error&) {
    throw ShapeError(std::string(op) + ": axis must be None, an int or a sequence of ints, got " +
                     py::repr(axis).cast<std::string>());
  }
  if (axes.empty())
    throw ShapeError(std::string(op) + ": axis () reduces nothing: use None for all axes");
  return axes;
}

ops::Pair to_pair(const char* op, const char* what, const py::object& v) {
  try {
    if (!py::isinstance<py::sequence>(v)) {
      const auto n = v.cast<int64_t>();
      return {n, n};
    }
    return v.cast<ops::Pair>();
  } catch (const py::cast_error&) {
    throw ShapeError(std::string(op) + ": " + what + " must be an int or (height, width), got " +
                     py::repr(v).cast<std::string>());
  }
}

py::tuple from_shape(const Shape& s) {
  py::tuple t(s.rank());
  for (int i = 0; i < s.rank(); ++i) t[static_cast<size_t>(i)] = s[i];
  return t;
}

Tensor to_operand(const char* op, const py::handle& x, const Tensor& like) {
  if (py::isinstance<Tensor>(x)) return x.cast<Tensor>();
  if (is_scalar(x)) {
    const double v = PyFloat_AsDouble(x.ptr());
    if (v == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      throw ConfigError(std::string(op) + ": a whole number is too large for " +
                        name(like.dtype()));
    }
    return Tensor(Array::full({}, v, like.dtype(), like.device()));
  }
  throw DTypeError(std::string(op) + ": " + py::repr(py::type::handle_of(x)).cast<std::string>() +
                   " is neither a Tensor nor a number: wrap arrays with pygan.tensor");
}

Tensor to_exact_operand(const char* op, const py::handle& x, const Tensor& like) {
  if (!is_scalar(x) || is_float(like.dtype())) return to_operand(op, x, like);
  const py::object number = py::reinterpret_borrow<py::object>(x);
  const py::object type = numpy_dtype(like.dtype()).attr("type");
  py::object held;
  try {
    held = type(number);
  } catch (py::error_already_set&) {  // out of range, infinite or NaN
  }
  if (!held || !held.equal(number))
    throw DTypeError(std::string(op) + ": " + name(like.dtype()) + " does not hold the number " +
                     py::str(number).cast<std::string>() + ": convert the tensor with astype");
  return Tensor(copy_in(held, std::string(name(like.dtype())), like.device()));
}

namespace {

template <class Convert>
std::pair<Tensor, Tensor> operands(const char* op, const py::object& a, const py::object& b,
                                   Convert convert) {
  const bool left = py::isinstance<Tensor>(a);
  if (!left && !py::isinstance<Tensor>(b))
    throw DTypeError(std::string(op) +
                     ": one operand must be a Tensor: wrap arrays with pygan.tensor");
  const Tensor like = (left ? a : b).cast<Tensor>();
  return {convert(op, a, like), convert(op, b, like)};
}

}  // namespace

std::pair<Tensor, Tensor> to_operands(const char* op, const py::object& a, const py::object& b) {
  return operands(op, a, b, &to_operand);
}
std::pair<Tensor, Tensor> to_exact_operands(const char* op, const py::object& a,
                                            const py::object& b) {
  return operands(op, a, b, &to_exact_operand);
}

}  // namespace pygan::bindings
