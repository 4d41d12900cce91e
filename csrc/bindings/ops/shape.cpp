// pygan.ops: moving elements about.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_shape(py::module_& m) {
  m.def(
      "broadcast_to",
      [](const Tensor& x, const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::broadcast_to(x, s); });
      },
      py::arg("x"), py::arg("shape"), "x repeated to `shape` by NumPy's rules.");
  m.def(
      "reshape",
      [](const Tensor& x, const py::object& shape) { return py::cast(x).attr("reshape")(shape); },
      py::arg("x"), py::arg("shape"),
      "The same elements, row-major, in another shape; one extent may be -1. An alias.");
  m.def(
      "transpose",
      [](const Tensor& x, const py::object& axes) {
        const Axes a = to_axes("transpose", axes);
        return released([&] { return ops::transpose(x, a); });
      },
      py::arg("x"), py::arg("axes") = py::none(),
      "Axes in the order `axes` (None: reversed), copied.");
  m.def(
      "slice",
      [](const Tensor& x, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
         const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::slice(x, start, step, s); });
      },
      py::arg("x"), py::arg("start"), py::arg("step"), py::arg("shape"),
      "y[i] = x[start + i step] for i in `shape`, one entry an axis; steps may be negative. x[...] "
      "is the usual way.");
  m.def(
      "unslice",
      [](const Tensor& y, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
         const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::unslice(y, start, step, s); });
      },
      py::arg("y"), py::arg("start"), py::arg("step"), py::arg("shape"),
      "The adjoint of slice: zeros of `shape` with y at start + i step.");
  m.def(
      "concat",
      [](const Tensors& xs, int axis) { return released([&] { return ops::concat(xs, axis); }); },
      py::arg("xs"), py::arg("axis") = 0, "The tensors one after another along `axis`.");
  m.def(
      "pad",
      [](const Tensor& x, const std::vector<Pair>& widths) {
        return released([&] { return ops::pad(x, widths); });
      },
      py::arg("x"), py::arg("widths"), "Zeros around x: (before, after) for each axis.");
}

}  // namespace pygan::bindings
