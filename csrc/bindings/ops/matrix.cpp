// pygan.ops: matrix products and the convolution family.
#include "bindings/ops/bind.h"

namespace pygan::bindings {
namespace {

ops::Conv to_conv(const char* op, const py::object& stride, const py::object& padding,
                  const py::object& dilation, int64_t groups) {
  ops::Conv c;
  c.stride = to_pair(op, "stride", stride);
  c.padding = to_pair(op, "padding", padding);
  c.dilation = to_pair(op, "dilation", dilation);
  c.groups = groups;
  return c;
}

}  // namespace

void bind_matrix(py::module_& m) {
  m.def(
      "matmul",
      [](const Tensor& a, const Tensor& b, bool ta, bool tb) {
        return released([&] { return ops::matmul(a, b, ta, tb); });
      },
      py::arg("a"), py::arg("b"), py::arg("transpose_a") = false, py::arg("transpose_b") = false,
      "y[..., i, j] = sum_k a[..., i, k] b[..., k, j]; leading axes broadcast; transposed operands "
      "are read in place.");
  m.def(
      "conv2d",
      [](const Tensor& x, const Tensor& w, const py::object& stride, const py::object& padding,
         const py::object& dilation, int64_t groups) {
        const ops::Conv c = to_conv("conv2d", stride, padding, dilation, groups);
        return released([&] { return ops::conv2d(x, w, c); });
      },
      py::arg("x"), py::arg("w"), py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(2-D convolution (cross-correlation).

y[n,i,j,o] = sum_{r,s,c} x[n, i sh - ph + r dh, j sw - pw + s dw, c] w[r,s,c,o]
x (N, H, W, C_in), w (kh, kw, C_in / groups, C_out) -> (N, H', W', C_out),
H' = floor((H + 2 ph - dh (kh - 1) - 1) / sh) + 1. stride, padding, dilation: ints or (height, width).
Errors: ShapeError where channels, groups or the kernel do not fit, DTypeError for mixed dtypes.)");
  m.def(
      "conv_transpose2d",
      [](const Tensor& x, const Tensor& w, const py::object& stride, const py::object& padding,
         const py::object& output_padding, const py::object& dilation, int64_t groups) {
        const ops::Conv c = to_conv("conv_transpose2d", stride, padding, dilation, groups);
        const Pair extra = to_pair("conv_transpose2d", "output_padding", output_padding);
        return released([&] { return ops::conv_transpose2d(x, w, c, extra); });
      },
      py::arg("x"), py::arg("w"), py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("output_padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(Transposed 2-D convolution: exactly the adjoint of conv2d with the same weight.

x (N, H, W, C_in), w (kh, kw, C_out / groups, C_in) -> (N, H', W', C_out),
H' = (H - 1) sh - 2 ph + dh (kh - 1) + 1 + output_padding, 0 <= output_padding < sh.
Errors: ShapeError where channels, groups or output_padding do not fit, DTypeError for mixed dtypes.)");
  m.def(
      "conv2d_weight_grad",
      [](const Tensor& x, const Tensor& dout, const py::object& kernel_size,
         const py::object& stride, const py::object& padding, const py::object& dilation,
         int64_t groups) {
        const ops::Conv c = to_conv("conv2d_weight_grad", stride, padding, dilation, groups);
        const Pair k = to_pair("conv2d_weight_grad", "kernel_size", kernel_size);
        return released([&] { return ops::conv2d_weight_grad(x, dout, k, c); });
      },
      py::arg("x"), py::arg("dout"), py::arg("kernel_size"), py::arg("stride") = 1,
      py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(The adjoint of conv2d in its weight.

dw[r,s,c,o] = sum_{n,i,j} x[n, i sh - ph + r dh, j sw - pw + s dw, c] dout[n,i,j,o]
x (N, H, W, C_in), dout (N, H', W', C_out) -> (kh, kw, C_in / groups, C_out).)");
}

}  // namespace pygan::bindings
