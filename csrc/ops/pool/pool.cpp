#include "ops/pool/pool.h"

#include <algorithm>
#include <string>

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

using ops::Pair;
using ops::Pool;

const RegisterKernel<AvgPoolKernel> avg_pool_cpu{
    Device::cpu, [](const PoolArgs& args) { PYGAN_DISPATCH(avg_pool)(args); }};
const RegisterKernel<AvgPoolGradKernel> avg_pool_grad_cpu{
    Device::cpu, [](const PoolArgs& args) { PYGAN_DISPATCH(avg_pool_grad)(args); }};
const RegisterKernel<MaxPoolKernel> max_pool_cpu{
    Device::cpu, [](const PoolArgs& args) { PYGAN_DISPATCH(max_pool)(args); }};
const RegisterKernel<PixelsKernel> pixels_cpu{
    Device::cpu, [](const PixelsArgs& args) { return PYGAN_DISPATCH(move_pixels)(args); }};

std::string str(const Pair& p) {
  return "(" + std::to_string(p.first) + ", " + std::to_string(p.second) + ")";
}

std::string str(const Pool& p) {
  return "kernel_size " + str(p.kernel) + ", stride " + str(p.stride) + ", padding " +
         str(p.padding) + ", dilation " + str(p.dilation);
}

constexpr int64_t kLargest = int64_t{1} << 31;  // of a setting or an image: nothing overflows

void check_settings(const char* op, const Pool& p) {
  const auto [low, high] = std::minmax({p.kernel.first, p.kernel.second, p.stride.first,
                                        p.stride.second, p.dilation.first, p.dilation.second});
  if (low < 1 || high >= kLargest)
    throw_shape(
        op, "kernel_size, stride and dilation must be at least 1 and below 2^31, got " + str(p));
  const auto [ph, pw] = p.padding;
  if (ph < 0 || pw < 0 || 2 * ph > p.kernel.first || 2 * pw > p.kernel.second)
    throw_shape(op, "padding must be at least 0 and at most half the kernel, got " + str(p));
}

void check_image(const char* op, const Array& x) {
  check_float(op, x);
  if (x.rank() != 4) throw_shape(op, "needs images (N, H, W, C), got " + x.shape().str());
}

// Output extent (H', W') for an image of (H, W).
Pair extent_of(const char* op, const Pool& p, const Pair& image) {
  const auto one = [](int64_t n, int64_t k, int64_t s, int64_t pad, int64_t d) {
    const int64_t room = n + 2 * pad - d * (k - 1) - 1;
    return room < 0 ? 0 : room / s + 1;
  };
  const Pair out{
      one(image.first, p.kernel.first, p.stride.first, p.padding.first, p.dilation.first),
      one(image.second, p.kernel.second, p.stride.second, p.padding.second, p.dilation.second)};
  if (std::min({image.first, image.second, out.first, out.second}) < 1)
    throw_shape(op, "no window fits into an image of " + str(image) + " with " + str(p));
  if (image.second >= kLargest / image.first)
    throw_shape(op, "an image of " + str(image) + " has 2^31 pixels or more");
  return out;
}

PoolArgs arguments(const Pool& p, const Shape& x, const Pair& out, const Array& from, Array& to) {
  return {.from = from.data(),
          .to = to.mutable_data(),
          .indices = nullptr,
          .n = x[0],
          .h = x[1],
          .w = x[2],
          .c = x[3],
          .oh = out.first,
          .ow = out.second,
          .kh = p.kernel.first,
          .kw = p.kernel.second,
          .sh = p.stride.first,
          .sw = p.stride.second,
          .ph = p.padding.first,
          .pw = p.padding.second,
          .dh = p.dilation.first,
          .dw = p.dilation.second,
          .count_include_pad = p.count_include_pad,
          .f64 = from.dtype() == DType::f64};
}

double window_flops(const Pool& p, int64_t windows) {
  return static_cast<double>(windows) * static_cast<double>(p.kernel.first * p.kernel.second);
}

struct PoolOp : Op {
  Pool pool;
  explicit PoolOp(const Pool& p) : pool(p) {}
  bool per_sample() const override { return true; }
  Jacobian jacobian() const override { return Jacobian::constant; }
};

struct AvgPool2d final : PoolOp {
  using PoolOp::PoolOp;
  const char* name() const override { return "avg_pool2d"; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays&, const Arrays& out) const override {
    return window_flops(pool, out[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_image(name(), x);
    const Pair out = extent_of(name(), pool, {x.dim(1), x.dim(2)});
    Array y = Array::empty({x.dim(0), out.first, out.second, x.dim(3)}, x.dtype(), x.device());
    kernel<AvgPoolKernel>(x.device())(arguments(pool, x.shape(), out, x, y));
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::avg_pool2d_grad(dout[0], {in[0].dim(1), in[0].dim(2)}, pool)};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::avg_pool2d(tx[0], pool)};
  }
};

struct AvgPool2dGrad final : PoolOp {
  Pair size;  // (H, W)
  AvgPool2dGrad(const Pair& s, const Pool& p) : PoolOp(p), size(s) {}
  const char* name() const override { return "avg_pool2d_grad"; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays& in, const Arrays&) const override {
    return window_flops(pool, in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& dy = in[0];
    check_image(name(), dy);
    const Pair out = extent_of(name(), pool, size);
    if (dy.dim(1) != out.first || dy.dim(2) != out.second)
      throw_shape(name(), "dy " + dy.shape().str() + " for images of " + str(size) +
                              ": expected (N, " + std::to_string(out.first) + ", " +
                              std::to_string(out.second) + ", C)");
    const Shape shape{dy.dim(0), size.first, size.second, dy.dim(3)};
    Array dx = Array::empty(shape, dy.dtype(), dy.device());
    kernel<AvgPoolGradKernel>(dy.device())(arguments(pool, shape, out, dy, dx));
    return {dx};
  }
  Tensors vjp(const Tensors&, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::avg_pool2d(dout[0], pool)};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::avg_pool2d_grad(tx[0], size, pool)};
  }
};

// Under dilation a window can straddle the image without touching it: there is no maximum then.
void check_windows_touch(const char* op, const Pool& p, int64_t n, int64_t out, bool height) {
  const int64_t kernel = height ? p.kernel.first : p.kernel.second;
  const int64_t stride = height ? p.stride.first : p.stride.second;
  const int64_t padding = height ? p.padding.first : p.padding.second;
  const int64_t dilation = height ? p.dilation.first : p.dilation.second;
  if (dilation == 1 || padding == 0) return;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t origin = i * stride - padding;
    const int64_t tap = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
    if (tap >= kernel || origin + tap * dilation >= n)
      throw_shape(op, "window " + std::to_string(i) + " along the " +
                          (height ? "height" : "width") + " of " + std::to_string(n) +
                          " pixels has no pixel within the image, with " + str(p) +
                          ": use less padding");
  }
}

struct MaxPool2d final : PoolOp {
  using PoolOp::PoolOp;
  const char* name() const override { return "max_pool2d"; }
  Saves saves() const override { return {0, 1u << 1}; }                 // the indices
  uint32_t differentiable_outputs() const override { return 1u << 0; }  // the values
  double flops(const Arrays&, const Arrays& out) const override {
    return window_flops(pool, out[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_image(name(), x);
    const Pair out = extent_of(name(), pool, {x.dim(1), x.dim(2)});
    check_windows_touch(name(), pool, x.dim(1), out.first, true);
    check_windows_touch(name(), pool, x.dim(2), out.second, false);
    const Shape shape{x.dim(0), out.first, out.second, x.dim(3)};
    Array y = Array::empty(shape, x.dtype(), x.device());
    Array indices = Array::empty(shape, DType::i64, x.device());
    PoolArgs args = arguments(pool, x.shape(), out, x, y);
    args.indices = indices.mutable_ptr<int64_t>();
    kernel<MaxPoolKernel>(x.device())(args);
    return {y, indices};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    if (!dout[0].defined()) return {Tensor()};
    return {ops::put_pixels(dout[0], out[1], {in[0].dim(1), in[0].dim(2)})};
  }
  Tensors jvp(const Tensors&, const Tensors& out, const Tensors& tx) const override {
    return {ops::take_pixels(tx[0], out[1]), Tensor()};
  }
};

// `from` is x (take) or y (put); `image` the extent of x, `windows` the shape of y and indices.
Array move(const char* op, const Array& from, const Array& indices, const Pair& image, bool put) {
  check_image(op, from);
  if (indices.dtype() != DType::i64)
    throw_dtype(op, "indices must be int64, got " + indices.str() + ": convert with astype");
  const Shape& y = indices.shape();
  const bool fits =
      put ? from.shape() == y : y.rank() == 4 && y[0] == from.dim(0) && y[3] == from.dim(3);
  if (!fits)
    throw_shape(op, std::string(put ? "y " : "x ") + from.shape().str() + " and indices " +
                        y.str() + (put ? " differ" : ": N and C must agree"));
  if (image.first < 0 || image.second < 0 ||
      (image.second > 0 && image.first >= kLargest / image.second))
    throw_shape(op, "an image cannot have the extent " + str(image));
  const Shape x{y[0], image.first, image.second, y[3]};
  Array to = Array::empty(put ? x : y, from.dtype(), from.device());
  const int64_t bad = kernel<PixelsKernel>(from.device())({.from = from.data(),
                                                           .indices = indices.ptr<int64_t>(),
                                                           .to = to.mutable_data(),
                                                           .n = y[0],
                                                           .pixels = image.first * image.second,
                                                           .windows = y[1] * y[2],
                                                           .c = y[3],
                                                           .put = put,
                                                           .f64 = from.dtype() == DType::f64});
  if (bad >= 0)
    throw_shape(op, "indices[" + std::to_string(bad) +
                        "] (row-major) = " + std::to_string(host_value<int64_t>(indices, bad)) +
                        " is not within the " + std::to_string(image.first * image.second) +
                        " pixels of an image of " + str(image));
  return to;
}

struct TakePixels final : Op {
  const char* name() const override { return "take_pixels"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {1u << 1, 0}; }  // the indices
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    check_image(name(), in[0]);
    return {move(name(), in[0], in[1], {in[0].dim(1), in[0].dim(2)}, false)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::put_pixels(dout[0], in[1], {in[0].dim(1), in[0].dim(2)}), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::take_pixels(tx[0], in[1])};
  }
};

struct PutPixels final : Op {
  Pair size;  // (H, W)
  explicit PutPixels(const Pair& s) : size(s) {}
  const char* name() const override { return "put_pixels"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {1u << 1, 0}; }  // the indices

  Arrays eval(const Arrays& in) const override { return {move(name(), in[0], in[1], size, true)}; }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::take_pixels(dout[0], in[1]), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::put_pixels(tx[0], in[1], size)};
  }
};

PYGAN_REGISTER_OP(avg_pool2d, true, false)
PYGAN_REGISTER_OP(avg_pool2d_grad, true, false)
PYGAN_REGISTER_OP(max_pool2d, true, false)
PYGAN_REGISTER_OP(take_pixels, true, false)
PYGAN_REGISTER_OP(put_pixels, true, false)

}  // namespace

namespace ops {

Tensor avg_pool2d(const Tensor& x, const Pool& pool) {
  check_settings("avg_pool2d", pool);
  return apply_op<AvgPool2d>({x}, pool)[0];
}

Tensor avg_pool2d_grad(const Tensor& dy, const Pair& size, const Pool& pool) {
  check_settings("avg_pool2d_grad", pool);
  return apply_op<AvgPool2dGrad>({dy}, size, pool)[0];
}

std::pair<Tensor, Tensor> max_pool2d(const Tensor& x, const Pool& pool) {
  check_settings("max_pool2d", pool);
  const Tensors y = apply_op<MaxPool2d>({x}, pool);
  return {y[0], y[1]};
}

Tensor take_pixels(const Tensor& x, const Tensor& indices) {
  return apply_op<TakePixels>({x, indices})[0];
}

Tensor put_pixels(const Tensor& y, const Tensor& indices, const Pair& size) {
  return apply_op<PutPixels>({y, indices}, size)[0];
}

}  // namespace ops
}  // namespace pygan
