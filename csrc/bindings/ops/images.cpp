// pygan.ops: pooling, resampling and padding of images.
#include "bindings/ops/bind.h"

namespace pygan::bindings {
namespace {

ops::Pool to_pool(const char* op, const py::object& kernel_size, const py::object& stride,
                  const py::object& padding, const py::object& dilation = py::int_(1),
                  bool count_include_pad = true) {
  ops::Pool p;
  p.kernel = to_pair(op, "kernel_size", kernel_size);
  p.stride = stride.is_none() ? p.kernel : to_pair(op, "stride", stride);
  p.padding = to_pair(op, "padding", padding);
  p.dilation = to_pair(op, "dilation", dilation);
  p.count_include_pad = count_include_pad;
  return p;
}

void bind_pool(py::module_& m) {
  m.def(
      "avg_pool2d",
      [](const Tensor& x, const py::object& kernel_size, const py::object& stride,
         const py::object& padding, bool count_include_pad) {
        const ops::Pool p =
            to_pool("avg_pool2d", kernel_size, stride, padding, py::int_(1), count_include_pad);
        return released([&] { return ops::avg_pool2d(x, p); });
      },
      py::arg("x"), py::arg("kernel_size"), py::arg("stride") = py::none(), py::arg("padding") = 0,
      py::arg("count_include_pad") = true,
      R"(The mean of each window of images.

y[n,i,j,c] = 1 / d sum_{r,s} x[n, i sh - ph + r, j sw - pw + s, c], x zero outside the image
x (N, H, W, C) -> (N, H', W', C), H' = floor((H + 2 ph - kh) / sh) + 1. stride: None for kernel_size.
d = kh kw, or without count_include_pad the window's pixels within the image.
Errors: ShapeError where no window fits or padding is more than half the kernel.)");
  m.def(
      "avg_pool2d_grad",
      [](const Tensor& dy, const py::object& size, const py::object& kernel_size,
         const py::object& stride, const py::object& padding, bool count_include_pad) {
        const ops::Pool p = to_pool("avg_pool2d_grad", kernel_size, stride, padding, py::int_(1),
                                    count_include_pad);
        const Pair s = to_pair("avg_pool2d_grad", "size", size);
        return released([&] { return ops::avg_pool2d_grad(dy, s, p); });
      },
      py::arg("dy"), py::arg("size"), py::arg("kernel_size"), py::arg("stride") = py::none(),
      py::arg("padding") = 0, py::arg("count_include_pad") = true,
      "The adjoint of avg_pool2d: dy (N, H', W', C) -> (N, H, W, C) for size = (H, W).");
  const char* max_doc = R"(The maximum of each window of images; padding never wins, NaN does.

y[n,i,j,c] = max_{r,s} x[n, i sh - ph + r dh, j sw - pw + s dw, c] over the pixels within the image
x (N, H, W, C) -> (N, H', W', C), H' = floor((H + 2 ph - dh (kh - 1) - 1) / sh) + 1. stride: None for
kernel_size. Ties: the gradient goes to the first in row-major order.
Errors: ShapeError where no window fits, padding is more than half the kernel, or a dilated window
has no pixel within the image.)";
  m.def(
      "max_pool2d",
      [](const Tensor& x, const py::object& kernel_size, const py::object& stride,
         const py::object& padding, const py::object& dilation) {
        const ops::Pool p = to_pool("max_pool2d", kernel_size, stride, padding, dilation);
        return released([&] { return ops::max_pool2d(x, p).first; });
      },
      py::arg("x"), py::arg("kernel_size"), py::arg("stride") = py::none(), py::arg("padding") = 0,
      py::arg("dilation") = 1, max_doc);
  m.def(
      "max_pool2d_with_indices",
      [](const Tensor& x, const py::object& kernel_size, const py::object& stride,
         const py::object& padding, const py::object& dilation) {
        const ops::Pool p = to_pool("max_pool2d", kernel_size, stride, padding, dilation);
        return released([&] { return ops::max_pool2d(x, p); });
      },
      py::arg("x"), py::arg("kernel_size"), py::arg("stride") = py::none(), py::arg("padding") = 0,
      py::arg("dilation") = 1,
      "(max_pool2d, indices): int64 place h W + w in its image of each (first) maximum.");
  m.def(
      "take_pixels",
      [](const Tensor& x, const Tensor& indices) {
        return released([&] { return ops::take_pixels(x, indices); });
      },
      py::arg("x"), py::arg("indices"),
      R"(y[n,i,j,c] = x[n, indices[n,i,j,c], c], the pixels of an image counted row-major.

x (N, H, W, C), indices int64 (N, H', W', C) -> (N, H', W', C): max_pool2d at its indices.
Errors: ShapeError where N or C differ or an index is outside the image.)");
  m.def(
      "put_pixels",
      [](const Tensor& y, const Tensor& indices, const py::object& size) {
        const Pair s = to_pair("put_pixels", "size", size);
        return released([&] { return ops::put_pixels(y, indices, s); });
      },
      py::arg("y"), py::arg("indices"), py::arg("size"),
      R"(The adjoint of take_pixels: zeros of (N, H, W, C), size = (H, W), with y added at the indices.

With the indices of a max_pool2d it is max-unpooling, where windows overlap their sum.)");
}

}  // namespace

void bind_images(py::module_& m) { bind_pool(m); }

}  // namespace pygan::bindings
