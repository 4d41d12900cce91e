// pygan.ops: order along an axis, and sums in that order.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_order(py::module_& m) {
  m.def(
      "cumsum",
      [](const Tensor& x, int axis, bool reverse) {
        return released([&] { return ops::cumsum(x, axis, reverse); });
      },
      py::arg("x"), py::arg("axis"), py::arg("reverse") = false,
      "y_i = x_0 + ... + x_i along `axis`; reverse: x_i + ... + x_(n-1). The bits do not depend on "
      "the number of threads.");
  m.def(
      "sort",
      [](const Tensor& x, int axis, bool descending) {
        return released([&] { return ops::sort(x, axis, descending); });
      },
      py::arg("x"), py::arg("axis") = -1, py::arg("descending") = false,
      R"((values, indices): x in order along `axis`, and the int64 places that the values come from.

Stable either way; NaN counts as the largest: last ascending (as in NumPy), first descending.)");
  m.def(
      "argsort",
      [](const Tensor& x, int axis, bool descending) {
        return released([&] { return ops::argsort(x, axis, descending); });
      },
      py::arg("x"), py::arg("axis") = -1, py::arg("descending") = false,
      "The indices of sort, int64. Non-differentiable.");
  m.def(
      "topk",
      [](const Tensor& x, int64_t k, int axis, bool largest) {
        return released([&] { return ops::topk(x, k, axis, largest); });
      },
      py::arg("x"), py::arg("k"), py::arg("axis") = -1, py::arg("largest") = true,
      "(values, indices) of the k largest (or smallest) along `axis`, in order; ties go to the "
      "first "
      "index; NaN counts as the largest.");
  m.def(
      "median",
      [](const Tensor& x, const py::object& axis, bool keepdims) {
        const Axes a = to_axes("median", axis);
        return released([&] { return ops::median(x, a, keepdims); });
      },
      py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
      "The middle value over `axis` (None: all), or the mean of the middle two; NaN where one is.");
}

}  // namespace pygan::bindings
