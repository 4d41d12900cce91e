#include "ops/softmax/softmax.h"

#include <string>

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<SoftmaxKernel> softmax_cpu{
    Device::cpu, [](const SoftmaxArgs& a) { PYGAN_DISPATCH(softmax)(a); }};
const RegisterKernel<CrossEntropyKernel> cross_entropy_cpu{
    Device::cpu,
    [](const CrossEntropyArgs& a) { return PYGAN_DISPATCH(softmax_cross_entropy)(a); }};

int checked_axis(const char* op, const Tensor& x, int axis) {
  const int i = axis < 0 ? axis + x.rank() : axis;
  if (i < 0 || i >= x.rank())
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.shape().str());
  return i;
}

class SoftmaxOp : public Op {
 public:
  SoftmaxOp(const char* name, int axis, bool log) : name_(name), axis_(axis), log_(log) {}

  const char* name() const final { return name_; }
  bool per_sample() const final { return axis_ != 0; }
  double flops(const Arrays& in, const Arrays&) const final {
    return 4.0 * static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const final {
    const Array& x = in[0];
    check_float(name_, x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    if (y.size() == 0) return {y};
    SoftmaxArgs args{};
    args.x = x.data();
    args.y = y.mutable_data();
    args.outer = args.inner = 1;
    for (int i = 0; i < axis_; ++i) args.outer *= x.dim(i);
    args.count = x.dim(axis_);
    for (int i = axis_ + 1; i < x.rank(); ++i) args.inner *= x.dim(i);
    args.log = log_;
    args.f64 = x.dtype() == DType::f64;
    kernel<SoftmaxKernel>(x.device())(args);
    return {y};
  }

 protected:
  Tensor total(const Tensor& x) const { return ops::sum(x, {axis_}, true); }
  int axis() const { return axis_; }

 private:
  const char* name_;
  int axis_;
  bool log_;
};

struct Softmax final : SoftmaxOp {
  explicit Softmax(int axis) : SoftmaxOp("softmax", axis, false) {}
  Saves saves() const override { return {0, 1}; }
  // The Jacobian diag(y) - y y^T is symmetric: it serves cotangents and tangents.
  Tensors vjp(const Tensors&, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return {times_jacobian(out[0], dout[0])};
  }
  Tensors jvp(const Tensors&, const Tensors& out, const Tensors& tx) const override {
    return {times_jacobian(out[0], tx[0])};
  }
  Tensor times_jacobian(const Tensor& y, const Tensor& d) const {
    return ops::mul(y, ops::sub(d, total(ops::mul(y, d))));
  }
};

struct LogSoftmax final : SoftmaxOp {
  explicit LogSoftmax(int axis) : SoftmaxOp("log_softmax", axis, true) {}
  // softmax from x again: e^y would carry y's rounding, which grows with y.
  Saves saves() const override { return {1, 0}; }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::sub(dout[0], ops::mul(ops::softmax(in[0], axis()), total(dout[0])))};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    return {ops::sub(tx[0], total(ops::mul(ops::softmax(in[0], axis()), tx[0])))};
  }
};

// Checks logits (N, K) and targets; the losses (N), or with dy (N) the gradient (N, K).
Array cross_entropy(const char* op, const Array& x, const Array& t, const Array& dy) {
  check_float(op, x);
  if (x.rank() != 2 || x.dim(1) < 1)
    throw_shape(op, "logits must be (N, K) with K >= 1, got " + x.shape().str());
  const bool classes = t.dtype() == DType::i64;
  if (!classes && t.dtype() != x.dtype())
    throw_dtype(op, "targets must be int64 classes (N,) or " + std::string(name(x.dtype())) +
                        " probabilities (N, K), got " + t.str() + " for logits " + x.str());
  const Shape rows{x.dim(0)}, expected = classes ? rows : x.shape();
  if (!(t.shape() == expected))
    throw_shape(op, std::string(classes ? "classes" : "probabilities") + " for logits " +
                        x.shape().str() + " must be " + expected.str() + ", got " +
                        t.shape().str());
  if (dy.defined() && (!(dy.shape() == rows) || dy.dtype() != x.dtype()))
    throw_shape(op, "dy must be " + rows.str() + " of the logits' dtype, got " + dy.str());
  Array y = Array::empty(dy.defined() ? x.shape() : rows, x.dtype(), x.device());
  const int64_t bad =
      kernel<CrossEntropyKernel>(x.device())({.x = x.data(),
                                              .classes = classes ? t.ptr<int64_t>() : nullptr,
                                              .weights = classes ? nullptr : t.data(),
                                              .dy = dy.defined() ? dy.data() : nullptr,
                                              .y = y.mutable_data(),
                                              .rows = x.dim(0),
                                              .count = x.dim(1),
                                              .f64 = x.dtype() == DType::f64});
  if (bad >= 0)
    throw_shape(op, "targets[" + std::to_string(bad) + "] is " +
                        std::to_string(host_value<int64_t>(t, bad)) + ", but logits " +
                        x.shape().str() + " have the classes 0 to " + std::to_string(x.dim(1) - 1));
  return y;
}

Tensor as_column(const Tensor& rows) { return ops::reshape(rows, {rows.dim(0), 1}); }

struct SoftmaxCrossEntropy final : FusedOp {
  const char* name() const override { return "softmax_cross_entropy"; }
  bool per_sample() const override { return true; }

  Arrays eval(const Arrays& in) const override {
    return {cross_entropy(name(), in[0], in[1], Array())};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &x = in[0], &t = in[1], &dy = dout[0];
    return {needs[0] ? ops::softmax_cross_entropy_grad(x, t, dy) : Tensor(),
            needs[1] ? ops::neg(ops::mul(as_column(dy), ops::log_softmax(x, 1))) : Tensor()};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor y = ops::log_softmax(in[0], 1);
    return {ops::neg(in[1].dtype() == DType::i64 ? ops::take_reduced(y, in[1], {1}, false)
                                                 : ops::sum(ops::mul(in[1], y), {1}, false))};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 5.0 * static_cast<double>(in[0].size());
  }
};

struct SoftmaxCrossEntropyGrad final : FusedOp {
  const char* name() const override { return "softmax_cross_entropy_grad"; }
  bool per_sample() const override { return true; }

  Arrays eval(const Arrays& in) const override {
    return {cross_entropy(name(), in[0], in[1], in[2])};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &t = in[1], &dy = in[2], p = ops::softmax(x, 1);
    if (t.dtype() == DType::i64)
      return {ops::sub(ops::mul(as_column(dy), p), ops::put_reduced(dy, t, x.shape(), {1}))};
    return {ops::mul(as_column(dy), ops::sub(ops::mul(p, ops::sum(t, {1}, true)), t))};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 6.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(softmax, true, false)
PYGAN_REGISTER_OP(log_softmax, true, false)
PYGAN_REGISTER_OP(softmax_cross_entropy, true, true)
PYGAN_REGISTER_OP(softmax_cross_entropy_grad, true, true)

}  // namespace

namespace ops {

Tensor softmax(const Tensor& x, int axis) {
  return apply_op<Softmax>({x}, checked_axis("softmax", x, axis))[0];
}
Tensor log_softmax(const Tensor& x, int axis) {
  return apply_op<LogSoftmax>({x}, checked_axis("log_softmax", x, axis))[0];
}
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& targets) {
  return apply_op<SoftmaxCrossEntropy>({logits, targets})[0];
}
Tensor softmax_cross_entropy_grad(const Tensor& logits, const Tensor& targets, const Tensor& dy) {
  return apply_op<SoftmaxCrossEntropyGrad>({logits, targets, dy})[0];
}

Tensor cross_entropy_with_logits(const Tensor& logits, const Tensor& targets, Reduction reduction,
                                 double label_smoothing) {
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    throw ConfigError("cross_entropy_with_logits: label_smoothing must be in [0, 1], got " +
                      number(label_smoothing));
  Tensor y = softmax_cross_entropy(logits, targets);
  if (label_smoothing > 0) {  // (1 - a) t + a / K in place of t
    const Tensor uniform = neg(mean(log_softmax(logits, 1), {1}, false));
    y = add(scale(y, 1 - label_smoothing), scale(uniform, label_smoothing));
  }
  if (reduction == Reduction::none) return y;
  return reduction == Reduction::sum ? sum(y, {}, false) : mean(y, {}, false);
}

}  // namespace ops
}  // namespace pygan
