#include "ops/conv2d/conv2d.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/error.h"
#include "gemm/precision.h"
#include "ops/ops.h"

namespace pygan {
namespace {

using ops::Conv;
using ops::Pair;

std::string str(const Pair& p) {
  return "(" + std::to_string(p.first) + ", " + std::to_string(p.second) + ")";
}

std::string str(const Conv& c) {
  return "stride " + str(c.stride) + ", padding " + str(c.padding) + ", dilation " +
         str(c.dilation) + ", groups " + std::to_string(c.groups);
}

constexpr int64_t kLargest = int64_t{1} << 31;  // of a setting: extents cannot overflow below it

void check_settings(const char* op, const Conv& c) {
  if (std::max({c.stride.first, c.stride.second, c.dilation.first, c.dilation.second,
                c.padding.first, c.padding.second, c.groups}) >= kLargest)
    throw_shape(op, "stride, padding, dilation and groups must be below 2^31, got " + str(c));
  if (std::min({c.stride.first, c.stride.second, c.dilation.first, c.dilation.second, c.groups}) <
          1 ||
      std::min(c.padding.first, c.padding.second) < 0)
    throw_shape(
        op, "stride, dilation and groups must be at least 1 and padding at least 0, got " + str(c));
}

void check_images(const char* op, const Array& a, const Array& b, const char* what) {
  check_same_dtype(op, {a, b});
  check_float(op, a);
  if (a.rank() != 4 || b.rank() != 4)
    throw_shape(
        op, std::string("needs ") + what + ", got " + a.shape().str() + " and " + b.shape().str());
}

// Output extent of the underlying convolution, or 0 where the kernel does not fit.
int64_t conv_extent(int64_t in, int64_t k, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t room = in + 2 * pad - dilation * (k - 1) - 1;
  return k < 1 || room < 0 ? 0 : room / stride + 1;
}

gemm::Conv geometry(const Conv& c, const Shape& x, const Pair& kernel, const Shape& y) {
  return {x[0],
          x[1],
          x[2],
          x[3],
          y[1],
          y[2],
          y[3],
          kernel.first,
          kernel.second,
          c.stride.first,
          c.stride.second,
          c.padding.first,
          c.padding.second,
          c.dilation.first,
          c.dilation.second,
          c.groups};
}

bool use_tf32() { return gemm::precision() == gemm::Precision::high; }

double conv_flops(const Shape& y, const Shape& w) {
  return 2.0 * static_cast<double>(y.size()) * static_cast<double>(w[0] * w[1] * w[2]);
}

struct ConvOp : Op {
  Conv conv;
  explicit ConvOp(const Conv& c) : conv(c) {}
  Saves saves() const override { return {kAll, 0}; }
  Jacobian jacobian() const override { return Jacobian::multilinear; }
  bool keeps_samples(const Arrays&, const std::vector<bool>& batched, const Arrays&,
                     int64_t) const override {
    return per_sample() && !batched[1];  // one weight for all samples
  }
  // Tangents of a bilinear op: f(ta, b) + f(a, tb).
  template <class F>
  static Tensors bilinear_jvp(const Tensors& in, const Tensors& tx, F f) {
    Tensor t;
    if (tx[0].defined()) t = f(tx[0], in[1]);
    if (tx[1].defined()) {
      const Tensor u = f(in[0], tx[1]);
      t = t.defined() ? ops::add(t, u) : u;
    }
    return {t};
  }
};

// conv_transpose2d with the output extent (H, W) given: what conv2d's derivative needs for any H.
Tensor transpose_to(const Tensor& y, const Tensor& w, const Conv& conv, const Pair& extent);

struct Conv2d final : ConvOp {
  using ConvOp::ConvOp;
  const char* name() const override { return "conv2d"; }
  bool per_sample() const override { return true; }

  bool fuses() const override { return true; }
  Arrays eval(const Arrays& in) const override { return eval_then(in, {}); }
  Arrays eval_then(const Arrays& in, const After& after) const override {
    const Array &x = in[0], &w = in[1];
    check_images(name(), x, w, "x (N, H, W, C_in) and w (kh, kw, C_in / groups, C_out)");
    if (x.dim(3) != w.dim(2) * conv.groups || w.dim(3) % conv.groups)
      throw_shape(name(), "x " + x.shape().str() + " has " + std::to_string(x.dim(3)) +
                              " channels, w " + w.shape().str() + " with groups " +
                              std::to_string(conv.groups) + " takes " +
                              std::to_string(w.dim(2) * conv.groups) +
                              " and must have C_out divisible by groups");
    const int64_t h =
        conv_extent(x.dim(1), w.dim(0), conv.stride.first, conv.padding.first, conv.dilation.first);
    const int64_t v = conv_extent(x.dim(2), w.dim(1), conv.stride.second, conv.padding.second,
                                  conv.dilation.second);
    if (h < 1 || v < 1)
      throw_shape(name(), "the kernel of w " + w.shape().str() + " does not fit into x " +
                              x.shape().str() + " with " + str(conv));
    Array y = Array::empty({x.dim(0), h, v, w.dim(3)}, x.dtype(), x.device());
    const gemm::Conv g = geometry(conv, x.shape(), {w.dim(0), w.dim(1)}, y.shape());
    kernel<Conv2dKernel>(x.device())(
        {g, x.data(), w.data(), y.mutable_data(), x.dtype() == DType::f64, use_tf32(), &after});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &x = in[0], &w = in[1], &dy = dout[0];
    return {needs[0] ? transpose_to(dy, w, conv, {x.dim(1), x.dim(2)}) : Tensor(),
            needs[1] ? ops::conv2d_weight_grad(x, dy, {w.dim(0), w.dim(1)}, conv) : Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    return bilinear_jvp(in, tx,
                        [&](const Tensor& x, const Tensor& w) { return ops::conv2d(x, w, conv); });
  }
  double flops(const Arrays& in, const Arrays& out) const override {
    return conv_flops(out[0].shape(), in[1].shape());
  }
};

struct ConvTranspose2d final : ConvOp {
  Pair extent;
  ConvTranspose2d(const Conv& c, const Pair& e) : ConvOp(c), extent(e) {}
  const char* name() const override { return "conv_transpose2d"; }
  bool per_sample() const override { return true; }

  bool fuses() const override { return true; }
  Arrays eval(const Arrays& in) const override { return eval_then(in, {}); }
  Arrays eval_then(const Arrays& in, const After& after) const override {
    const Array &y = in[0], &w = in[1];
    Array x = Array::empty({y.dim(0), extent.first, extent.second, w.dim(2) * conv.groups},
                           y.dtype(), y.device());
    const gemm::Conv g = geometry(conv, x.shape(), {w.dim(0), w.dim(1)}, y.shape());
    kernel<ConvTranspose2dKernel>(y.device())(
        {g, y.data(), w.data(), x.mutable_data(), y.dtype() == DType::f64, use_tf32(), &after});
    return {x};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &y = in[0], &w = in[1], &dx = dout[0];
    return {needs[0] ? ops::conv2d(dx, w, conv) : Tensor(),
            needs[1] ? ops::conv2d_weight_grad(dx, y, {w.dim(0), w.dim(1)}, conv) : Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    return bilinear_jvp(
        in, tx, [&](const Tensor& y, const Tensor& w) { return transpose_to(y, w, conv, extent); });
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return conv_flops(in[0].shape(), in[1].shape());
  }
};

struct Conv2dWeightGrad final : ConvOp {
  Pair kernel_size;
  Conv2dWeightGrad(const Conv& c, const Pair& k) : ConvOp(c), kernel_size(k) {}
  const char* name() const override { return "conv2d_weight_grad"; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &y = in[1];
    check_images(name(), x, y, "x (N, H, W, C_in) and dout (N, H', W', C_out)");
    const auto [kh, kw] = kernel_size;
    if (kh < 1 || kw < 1)
      throw_shape(name(), "kernel_size must be at least 1, got " + str(kernel_size));
    const int64_t h =
        conv_extent(x.dim(1), kh, conv.stride.first, conv.padding.first, conv.dilation.first);
    const int64_t v =
        conv_extent(x.dim(2), kw, conv.stride.second, conv.padding.second, conv.dilation.second);
    if (x.dim(0) != y.dim(0) || y.dim(1) != h || y.dim(2) != v)
      throw_shape(name(), "x " + x.shape().str() + " with kernel " + str(kernel_size) + ", " +
                              str(conv) + " needs dout (" + std::to_string(x.dim(0)) + ", " +
                              std::to_string(h) + ", " + std::to_string(v) + ", C_out), got " +
                              y.shape().str());
    if (x.dim(3) % conv.groups || y.dim(3) % conv.groups)
      throw_shape(name(), "channels of x " + x.shape().str() + " and dout " + y.shape().str() +
                              " must be divisible by groups " + std::to_string(conv.groups));
    Array w = Array::empty({kh, kw, x.dim(3) / conv.groups, y.dim(3)}, x.dtype(), x.device());
    const gemm::Conv g = geometry(conv, x.shape(), kernel_size, y.shape());
    kernel<Conv2dWeightGradKernel>(x.device())(
        {g, x.data(), y.data(), w.mutable_data(), x.dtype() == DType::f64, use_tf32()});
    return {w};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &x = in[0], &y = in[1], &dw = dout[0];
    return {needs[0] ? transpose_to(y, dw, conv, {x.dim(1), x.dim(2)}) : Tensor(),
            needs[1] ? ops::conv2d(x, dw, conv) : Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    return bilinear_jvp(in, tx, [&](const Tensor& x, const Tensor& y) {
      return ops::conv2d_weight_grad(x, y, kernel_size, conv);
    });
  }
  double flops(const Arrays& in, const Arrays& out) const override {
    return conv_flops(in[1].shape(), out[0].shape());
  }
};

Tensor transpose_to(const Tensor& y, const Tensor& w, const Conv& conv, const Pair& extent) {
  return apply_op<ConvTranspose2d>({y, w}, conv, extent)[0];
}

PYGAN_REGISTER_OP(conv2d, true, false)
PYGAN_REGISTER_OP(conv_transpose2d, true, false)
PYGAN_REGISTER_OP(conv2d_weight_grad, true, false)

}  // namespace

namespace ops {

Tensor conv2d(const Tensor& x, const Tensor& w, const Conv& conv) {
  check_settings("conv2d", conv);
  return apply_op<Conv2d>({x, w}, conv)[0];
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Conv& conv,
                        const Pair& output_padding) {
  const char* op = "conv_transpose2d";
  check_settings(op, conv);
  check_images(op, x.array(), w.array(), "x (N, H, W, C_in) and w (kh, kw, C_out / groups, C_in)");
  if (x.dim(3) != w.dim(3) || w.dim(3) % conv.groups)
    throw_shape(op, "x " + x.shape().str() + " has " + std::to_string(x.dim(3)) + " channels, w " +
                        w.shape().str() + " takes " + std::to_string(w.dim(3)) + ", which groups " +
                        std::to_string(conv.groups) + " must divide");
  const auto [oh, ow] = output_padding;
  if (oh < 0 || ow < 0 || oh >= conv.stride.first || ow >= conv.stride.second)
    throw_shape(op, "output_padding " + str(output_padding) +
                        " must be at least 0 and below the stride " + str(conv.stride));
  auto extent = [](int64_t in, int64_t k, int64_t stride, int64_t pad, int64_t dilation,
                   int64_t extra) {
    return (in - 1) * stride - 2 * pad + dilation * (k - 1) + 1 + extra;
  };
  const int64_t h =
      extent(x.dim(1), w.dim(0), conv.stride.first, conv.padding.first, conv.dilation.first, oh);
  const int64_t v =
      extent(x.dim(2), w.dim(1), conv.stride.second, conv.padding.second, conv.dilation.second, ow);
  if (std::min({x.dim(1), x.dim(2), w.dim(0), w.dim(1), h, v}) < 1)
    throw_shape(op, "x " + x.shape().str() + " and w " + w.shape().str() + " with " + str(conv) +
                        " leave an empty image (" + std::to_string(h) + " x " + std::to_string(v) +
                        ")");
  return transpose_to(x, w, conv, {h, v});
}

Tensor conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Pair& kernel, const Conv& conv) {
  check_settings("conv2d_weight_grad", conv);
  return apply_op<Conv2dWeightGrad>({x, dy}, conv, kernel)[0];
}

}  // namespace ops
}  // namespace pygan
