// pygan.ops: pooling, resampling and padding of images.
#include "bindings/ops/bind.h"
#include "core/error.h"

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

ops::Resampling to_resampling(const char* op, const std::string& mode, bool align_corners,
                              bool antialias, const std::optional<double>& scale = {}) {
  ops::Resampling how;
  if (mode == "nearest")
    how.filter = ops::Filter::nearest;
  else if (mode == "nearest-exact")
    how.filter = ops::Filter::nearest_exact;
  else if (mode == "bilinear")
    how.filter = ops::Filter::bilinear;
  else if (mode == "bicubic")
    how.filter = ops::Filter::bicubic;
  else
    throw ConfigError(std::string(op) + ": unknown mode \"" + mode +
                      "\": use nearest, nearest-exact, bilinear or bicubic");
  how.align_corners = align_corners;
  how.antialias = antialias;
  if (scale && !(*scale > 0))
    throw ConfigError(std::string(op) + ": scale must be positive, got " + std::to_string(*scale));
  how.scale = scale.value_or(0);
  return how;
}

std::pair<double, double> to_scale(const py::object& scale) {
  try {
    if (!py::isinstance<py::sequence>(scale)) {
      const auto s = scale.cast<double>();
      return {s, s};
    }
    return scale.cast<std::pair<double, double>>();
  } catch (const py::cast_error&) {
    throw ConfigError("upsample: scale must be a number or (height, width), got " +
                      py::repr(scale).cast<std::string>());
  }
}

void bind_resample(py::module_& m) {
  m.def(
      "resample",
      [](const Tensor& x, int axis, int64_t size, const std::string& mode, bool align_corners,
         bool antialias, const std::optional<double>& scale) {
        const auto how = to_resampling("resample", mode, align_corners, antialias, scale);
        return released([&] { return ops::resample(x, axis, size, how); });
      },
      py::arg("x"), py::arg("axis"), py::arg("size"), py::arg("mode") = "bilinear",
      py::arg("align_corners") = false, py::arg("antialias") = false, py::arg("scale") = py::none(),
      R"(x resampled to `size` elements along one axis: y[o] = sum_i A[o,i] x[i], see resize.

scale: output elements an input element, where that is not size / extent.)");
  m.def(
      "resample_grad",
      [](const Tensor& dy, int axis, int64_t size, const std::string& mode, bool align_corners,
         bool antialias, const std::optional<double>& scale) {
        const auto how = to_resampling("resample_grad", mode, align_corners, antialias, scale);
        return released([&] { return ops::resample_grad(dy, axis, size, how); });
      },
      py::arg("dy"), py::arg("axis"), py::arg("size"), py::arg("mode") = "bilinear",
      py::arg("align_corners") = false, py::arg("antialias") = false, py::arg("scale") = py::none(),
      "The adjoint of resample: x[i] = sum_o A[o,i] dy[o], for an x of `size` elements.");
  m.def(
      "resize",
      [](const Tensor& x, const py::object& size, const std::string& mode, bool align_corners,
         bool antialias) {
        const Pair s = to_pair("resize", "size", size);
        const auto how = to_resampling("resize", mode, align_corners, antialias);
        return released([&] { return ops::resize(x, s, how); });
      },
      py::arg("x"), py::arg("size"), py::arg("mode") = "nearest", py::arg("align_corners") = false,
      py::arg("antialias") = false,
      R"(Images of another size: x (N, H, W, C) -> (N, *size, C); up and down. Conventions are PyTorch's.

mode: "nearest" (pixel floor(o H / H')), "nearest-exact" (floor((o + 1/2) H / H'), as Pillow),
"bilinear", "bicubic" (Keys 1981, a = -3/4). Pixel centres lie at half-integers; with align_corners
the corner pixels' centres are kept instead. antialias (bilinear, bicubic): the filter is widened by
the factor of a reduction, as Pillow does, and a = -1/2.
Errors: ShapeError for a size below 1, ConfigError for settings that contradict each other.)");
  m.def(
      "upsample",
      [](const Tensor& x, const py::object& scale, const std::string& mode, bool align_corners) {
        const auto s = to_scale(scale);
        const auto how = to_resampling("upsample", mode, align_corners, false);
        return released([&] { return ops::upsample(x, s, how); });
      },
      py::arg("x"), py::arg("scale"), py::arg("mode") = "nearest", py::arg("align_corners") = false,
      R"(Images enlarged by `scale`, a number or (height, width): (N, H, W, C) -> (N, H', W', C),
H' = floor(H scale). Pixel centres follow `scale` itself, as PyTorch's interpolate(scale_factor=...)
has them, modes are those of resize.)");
  m.def(
      "pixel_shuffle",
      [](const Tensor& x, int64_t r) { return released([&] { return ops::pixel_shuffle(x, r); }); },
      py::arg("x"), py::arg("r"),
      R"(Channels to pixels (Shi et al. 2016): x (N, H, W, C r^2) -> (N, H r, W r, C).

y[n, h r + i, w r + j, c] = x[n, h, w, c r^2 + i r + j], PyTorch's order of channels.
Errors: ShapeError where r^2 does not divide the channels.)");
  m.def(
      "pixel_unshuffle",
      [](const Tensor& x, int64_t r) {
        return released([&] { return ops::pixel_unshuffle(x, r); });
      },
      py::arg("x"), py::arg("r"),
      R"(Pixels to channels, the inverse of pixel_shuffle: x (N, H r, W r, C) -> (N, H, W, C r^2).

Errors: ShapeError where r does not divide H and W.)");
}

ops::PadMode to_pad_mode(const char* op, const std::string& mode) {
  if (mode == "constant") return ops::PadMode::constant;
  if (mode == "reflect") return ops::PadMode::reflect;
  if (mode == "replicate") return ops::PadMode::replicate;
  throw ConfigError(std::string(op) + ": unknown mode \"" + mode +
                    "\": use constant, reflect or replicate");
}

void bind_pad(py::module_& m) {
  m.def(
      "pad",
      [](const Tensor& x, const std::vector<Pair>& widths, const std::string& mode, double value) {
        const auto how = to_pad_mode("pad", mode);
        return released([&] { return ops::pad(x, widths, how, value); });
      },
      py::arg("x"), py::arg("widths"), py::arg("mode") = "constant", py::arg("value") = 0.0,
      R"(A border around x: widths has (before, after) for each axis.

mode: "constant" (`value`), "reflect" (x mirrored at its edges, which are not repeated: widths below
the extent) or "replicate" (x's edge repeated). Any dtype.
Errors: ShapeError for widths that do not fit, ConfigError for a value that the dtype cannot hold.)");
  using PadAxis = Tensor (*)(const Tensor&, int, const Pair&, ops::PadMode);
  const auto along = [&m](const char* name, const char* x, PadAxis f, const char* doc) {
    m.def(
        name,
        [name, f](const Tensor& t, int axis, const Pair& widths, const std::string& mode) {
          const auto how = to_pad_mode(name, mode);
          return released([&] { return f(t, axis, widths, how); });
        },
        py::arg(x), py::arg("axis"), py::arg("widths"), py::arg("mode") = "reflect", doc);
  };
  along("pad_axis", "x", &ops::pad_axis,
        "pad along one axis by widths = (before, after), mode reflect or replicate.");
  along("pad_axis_grad", "dy", &ops::pad_axis_grad,
        "The adjoint of pad_axis: the border is added to the elements that it is a copy of.");
}

}  // namespace

void bind_images(py::module_& m) {
  bind_pad(m);
  bind_pool(m);
  bind_resample(m);
}

}  // namespace pygan::bindings
