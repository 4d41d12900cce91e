// pygan.ops: moving elements about.
#include <variant>

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
      "to",
      [](const Tensor& x, const std::optional<std::string>& device) {
        const Device d = device ? parse_device(*device) : x.device();
        return released([&] { return ops::to(x, d); });
      },
      py::arg("x"), py::arg("device") = py::none(),
      "A copy of x on `device`: cpu, cuda or emu (None: x's own). Its gradient comes back to x's.");
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
      "expand_dims",
      [](const Tensor& x, int axis) { return released([&] { return ops::expand_dims(x, axis); }); },
      py::arg("x"), py::arg("axis"), "x with a new axis of extent 1 at `axis` of the result.");
  m.def(
      "squeeze",
      [](const Tensor& x, const py::object& axis) {
        const Axes a = to_axes("squeeze", axis);
        return released([&] { return ops::squeeze(x, a); });
      },
      py::arg("x"), py::arg("axis") = py::none(),
      "x without the axes `axis`, which must have extent 1 (None: without all of extent 1).");
  m.def(
      "stack",
      [](const Tensors& xs, int axis) { return released([&] { return ops::stack(xs, axis); }); },
      py::arg("xs"), py::arg("axis") = 0,
      "Tensors of one shape along a new axis, at `axis` of the result.");
  m.def(
      "split",
      [](const Tensor& x, const std::variant<int64_t, std::vector<int64_t>>& sections, int axis) {
        return released([&] {
          return std::visit([&](const auto& s) { return ops::split(x, s, axis); }, sections);
        });
      },
      py::arg("x"), py::arg("sections"), py::arg("axis") = 0,
      "x cut along `axis` into `sections` equal parts, or at the places that a list names.");
  m.def(
      "flip",
      [](const Tensor& x, const py::object& axis) {
        const Axes a = to_axes("flip", axis);
        return released([&] { return ops::flip(x, a); });
      },
      py::arg("x"), py::arg("axis") = py::none(), "x backwards along `axis` (None: all).");
  m.def(
      "roll",
      [](const Tensor& x, int64_t shift, int axis) {
        return released([&] { return ops::roll(x, shift, axis); });
      },
      py::arg("x"), py::arg("shift"), py::arg("axis"),
      "y[(i + shift) mod n] = x[i] along `axis`: what leaves at one end comes back at the other.");
}

}  // namespace pygan::bindings
