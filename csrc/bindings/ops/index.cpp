// pygan.ops: reading and adding at indices.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_index(py::module_& m) {
  m.def(
      "gather",
      [](const Tensor& x, const Tensor& indices, int axis) {
        return released([&] { return ops::gather(x, indices, axis); });
      },
      py::arg("x"), py::arg("indices"), py::arg("axis") = 0,
      R"(x at int64 indices of any shape along one axis (NumPy's take).

x (a..., n, b...), indices (k...) -> (a..., k..., b...); negative indices count from the end.
Errors: ShapeError that names an index out of range and its position; DTypeError for other indices.)");
  m.def(
      "scatter_add",
      [](const Tensor& y, const Tensor& indices, const py::object& shape, int axis) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::scatter_add(y, indices, s, axis); });
      },
      py::arg("y"), py::arg("indices"), py::arg("shape"), py::arg("axis") = 0,
      "The adjoint of gather: zeros of `shape` with y added at the indices. Equal indices add up, "
      "in their order for any number of threads.");
  m.def(
      "take_along_axis",
      [](const Tensor& x, const Tensor& indices, int axis) {
        return released([&] { return ops::take_along_axis(x, indices, axis); });
      },
      py::arg("x"), py::arg("indices"), py::arg("axis"),
      "y[..., k, ...] = x[..., indices[..., k, ...], ...] along `axis`; indices: int64, x's shape "
      "but for that axis. What argsort and topk return fits.");
  m.def(
      "scatter_add_along_axis",
      [](const Tensor& y, const Tensor& indices, const py::object& shape, int axis) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::scatter_add_along_axis(y, indices, s, axis); });
      },
      py::arg("y"), py::arg("indices"), py::arg("shape"), py::arg("axis"),
      "The adjoint of take_along_axis: zeros of `shape` with y added at the indices. Equal indices "
      "add up, in their order for any number of threads.");
  m.def(
      "embedding",
      [](const Tensor& table, const Tensor& indices) {
        return released([&] { return ops::embedding(table, indices); });
      },
      py::arg("table"), py::arg("indices"),
      "Rows of a table: table (entries, features), int64 indices (k...) -> (k..., features).");
  m.def(
      "one_hot",
      [](const Tensor& indices, int64_t classes, const py::object& dtype) {
        const DType d = to_dtype(dtype);
        return released([&] { return ops::one_hot(indices, classes, d); });
      },
      py::arg("indices"), py::arg("classes"), py::arg("dtype") = "float32",
      "1 at each index, else 0: int64 indices (k...) in [0, classes) -> (k..., classes). "
      "Non-differentiable.");
}

}  // namespace pygan::bindings
