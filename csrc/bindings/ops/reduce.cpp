// pygan.ops: sums, means, maxima.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_reduce(py::module_& m) {
  using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);
  const auto reduce = [&m](const char* name, Reduce f, const char* doc) {
    m.def(
        name,
        [name, f](const Tensor& x, const py::object& axis, bool keepdims) {
          const Axes a = to_axes(name, axis);
          return released([&] { return f(x, a, keepdims); });
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false, doc);
  };
  reduce("sum", &ops::sum,
         "Sum over `axis` (None: all), in a fixed order for any number of threads.");
  reduce("mean", &ops::mean, "Mean over `axis` (None: all).");
  reduce("norm", &ops::norm, "(sum x^2)^(1/2) over `axis` (None: all); its derivative at 0 is 0.");
  reduce("logsumexp", &ops::logsumexp,
         "log sum e^x over `axis` (None: all), without overflow; -inf where all are, with gradient "
         "0.");
  reduce(
      "max", [](const Tensor& x, const Axes& a, bool k) { return ops::max(x, a, k).first; },
      "Maximum over `axis` (None: all); ties: the gradient goes to the first; NaN wins.");
  reduce(
      "min", [](const Tensor& x, const Axes& a, bool k) { return ops::min(x, a, k).first; },
      "Minimum over `axis` (None: all); ties: the gradient goes to the first; NaN wins.");
  reduce("argmax", &ops::argmax,
         "int64 flat index of the first maximum within `axis` (None: all); the first NaN wins.");
  reduce("argmin", &ops::argmin,
         "int64 flat index of the first minimum within `axis` (None: all); the first NaN wins.");
  using ReducePair = std::pair<Tensor, Tensor> (*)(const Tensor&, const Axes&, bool);
  const auto with_indices = [&m](const char* name, const char* op, ReducePair f, const char* doc) {
    m.def(
        name,
        [op, f](const Tensor& x, const py::object& axis, bool keepdims) {
          const Axes a = to_axes(op, axis);
          return released([&] { return f(x, a, keepdims); });
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false, doc);
  };
  with_indices("max_with_indices", "max", &ops::max,
               "(values, indices): int64 flat index of the first maximum within the reduced axes.");
  with_indices("min_with_indices", "min", &ops::min,
               "(values, indices): int64 flat index of the first minimum within the reduced axes.");
  m.def(
      "take_reduced",
      [](const Tensor& x, const Tensor& indices, const py::object& axis, bool keepdims) {
        const Axes a = to_axes("take_reduced", axis);
        return released([&] { return ops::take_reduced(x, indices, a, keepdims); });
      },
      py::arg("x"), py::arg("indices"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
      "The element of x at each of max_with_indices' indices.");
  m.def(
      "put_reduced",
      [](const Tensor& y, const Tensor& indices, const py::object& shape, const py::object& axis) {
        const Axes a = to_axes("put_reduced", axis);
        const Shape s = to_shape(shape);
        return released([&] { return ops::put_reduced(y, indices, s, a); });
      },
      py::arg("y"), py::arg("indices"), py::arg("shape"), py::arg("axis") = py::none(),
      "The adjoint of take_reduced: zeros of `shape` with y at the indices.");
  m.def(
      "sum_to",
      [](const Tensor& x, const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::sum_to(x, s); });
      },
      py::arg("x"), py::arg("shape"),
      "Sums x over the axes along which `shape` would broadcast to x's shape.");
}

}  // namespace pygan::bindings
