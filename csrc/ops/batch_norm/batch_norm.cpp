#include "ops/batch_norm/batch_norm.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<BatchNormKernel> batch_norm_cpu{Device::cpu, [](const BatchNormArgs& a) {
                                                       PYGAN_DISPATCH(batch_norm_moments)(a);
                                                       PYGAN_DISPATCH(batch_norm_normalize)(a);
                                                     }};
const RegisterKernel<BatchNormEvalKernel> batch_norm_eval_cpu{
    Device::cpu, [](const BatchNormArgs& a) { PYGAN_DISPATCH(batch_norm_normalize)(a); }};
const RegisterKernel<BatchNormGradKernel> batch_norm_grad_cpu{
    Device::cpu, [](const BatchNormArgs& a) { PYGAN_DISPATCH(batch_norm_backward)(a); }};

ops::Axes all_but_last(const Tensor& x) {
  ops::Axes axes;
  for (int i = 0; i + 1 < x.rank(); ++i) axes.push_back(i);
  return axes;
}

// Checks x (..., C) against the (C,) operands and fills what the kernels share.
BatchNormArgs prepare(const char* op, const Arrays& in, const Array& x, const Arrays& channelwise,
                      double eps) {
  check_same_dtype(op, in);
  check_float(op, x);
  check_eps(op, eps);
  if (x.rank() < 2)
    throw_shape(op, "x must have at least two axes, (..., C), got " + x.shape().str());
  const int64_t channels = x.shape().back();
  for (const Array& v : channelwise)
    if (v.defined() && !(v.shape() == Shape{channels}))
      throw_shape(op, "x " + x.shape().str() + " needs weight, bias, mean and var of (" +
                          std::to_string(channels) + ",), got " + v.shape().str());
  BatchNormArgs a{};
  a.channels = channels;
  a.rows = channels ? x.size() / channels : 0;
  if (a.rows == 0) throw_shape(op, "x " + x.shape().str() + " has no elements to normalise over");
  a.eps = eps;
  a.x = x.data();
  a.f64 = x.dtype() == DType::f64;
  return a;
}

const void* data_or_null(const Array& a) { return a.defined() ? a.data() : nullptr; }

Array workspace(const BatchNormArgs& a, Device device) {
  return Array::empty({batch_norm_tasks(a.rows, a.channels), 2, a.channels}, DType::f64, device);
}

// The backward pass of both ops, with a slope of 1 where there is none: dx, dweight, dbias.
Arrays run_grad(BatchNormArgs a, const Array& x, const Array& weight, const Array& bias,
                const Array& dy, const Array& mean, const Array& var) {
  Array dx = Array::empty(x.shape(), x.dtype(), x.device());
  Array dw = Array::empty({a.channels}, x.dtype(), x.device());
  Array db = Array::empty({a.channels}, x.dtype(), x.device());
  Array work = workspace(a, x.device());
  a.weight = data_or_null(weight);
  a.bias = data_or_null(bias);
  a.dy = dy.data();
  a.mean = const_cast<void*>(mean.data());
  a.var = const_cast<void*>(var.data());
  a.out = dx.mutable_data();
  a.dweight = dw.mutable_data();
  a.dbias = db.mutable_data();
  a.partial = work.mutable_ptr<double>();
  kernel<BatchNormGradKernel>(x.device())(a);
  return {dx, dw, db};
}

// And the forward pass: y, mean, var.
Arrays run_batch(BatchNormArgs a, const Array& x, const Array& weight, const Array& bias) {
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  Array mean = Array::empty({a.channels}, x.dtype(), x.device());
  Array var = Array::empty({a.channels}, x.dtype(), x.device());
  Array work = workspace(a, x.device());
  a.weight = data_or_null(weight);
  a.bias = data_or_null(bias);
  a.mean = mean.mutable_data();
  a.var = var.mutable_data();
  a.out = y.mutable_data();
  a.partial = work.mutable_ptr<double>();
  kernel<BatchNormKernel>(x.device())(a);
  return {y, mean, var};
}

void check_cotangent(const char* op, const Array& dy, const Array& x) {
  if (!(dy.shape() == x.shape()))
    throw_shape(op, "dy " + dy.shape().str() + " must have x's shape " + x.shape().str());
}

void check_slope(const char* op, double slope) {
  if (!(slope >= 0 && std::isfinite(slope)))
    throw ConfigError(std::string(op) + ": negative_slope must be finite and not negative, got " +
                      number(slope));
}

// h and y in plain ops, from x, mean and var.
Tensor affine(const Tensor& h, const Tensor& weight, const Tensor& bias) {
  Tensor y = weight.defined() ? ops::mul(h, weight) : h;
  return bias.defined() ? ops::add(y, bias) : y;
}

struct Statistics {
  Tensor mean, var, centred, deviation;  // (C,), (C,), like x, (C,)
};

Statistics statistics(const Tensor& x, double eps) {
  Statistics s;
  s.mean = ops::mean(x, all_but_last(x), false);
  s.centred = ops::sub(x, s.mean);
  s.var = ops::mean(ops::square(s.centred), all_but_last(x), false);
  s.deviation = ops::sqrt(ops::shift(s.var, eps));
  return s;
}

// inputs: x, weight, dy, mean, var -> dx, dweight, dbias. mean and var are what the forward found;
// the derivative does not read them but goes through x again, of which they are functions.
struct BatchNormGrad final : FusedOp {
  double eps;
  explicit BatchNormGrad(double e) : eps(e) {}
  const char* name() const override { return "batch_norm_grad"; }
  Saves saves() const override { return {0b00111, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &weight = in[1], &dy = in[2];
    const BatchNormArgs a = prepare(name(), in, x, {weight, in[3], in[4]}, eps);
    check_cotangent(name(), dy, x);
    return run_grad(a, x, weight, Array(), dy, in[3], in[4]);
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1], &dy = in[2];
    const Statistics s = statistics(x, eps);
    const Tensor h = ops::div(s.centred, s.deviation);
    const double m = static_cast<double>(x.size() / x.shape().back());
    const Tensor db = ops::sum(dy, all_but_last(x), false);
    const Tensor dw = ops::sum(ops::mul(dy, h), all_but_last(x), false);
    const Tensor rest = ops::add(ops::scale(db, 1 / m), ops::mul(h, ops::scale(dw, 1 / m)));
    const Tensor dh = ops::div(ops::sub(dy, rest), s.deviation);
    return {weight.defined() ? ops::mul(dh, weight) : dh, dw, db};
  }
};

struct BatchNorm final : FusedOp {
  double eps;
  explicit BatchNorm(double e) : eps(e) {}
  const char* name() const override { return "batch_norm"; }
  Saves saves() const override { return {0b011, 0b110}; }
  uint32_t differentiable_outputs() const override { return 0b001; }

  Arrays eval(const Arrays& in) const override {
    return run_batch(prepare(name(), in, in[0], {in[1], in[2]}, eps), in[0], in[1], in[2]);
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return ops::batch_norm_grad(in[0], in[1], dout[0], out[1], out[2], eps);
  }

  Tensors reference(const Tensors& in) const override {
    const Statistics s = statistics(in[0], eps);
    return {affine(ops::div(s.centred, s.deviation), in[1], in[2]), s.mean, s.var};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 8.0 * static_cast<double>(in[0].size());
  }
};

// inputs: x, weight, bias, dy, mean, var -> dx, dweight, dbias, as batch_norm_grad of the dy behind
// the activation. Its sign is of what the forward pass found, and constant.
struct BatchNormLeakyReluGrad final : FusedOp {
  double slope, eps;
  BatchNormLeakyReluGrad(double s, double e) : slope(s), eps(e) { check_slope(name(), slope); }
  const char* name() const override { return "batch_norm_leaky_relu_grad"; }
  Saves saves() const override { return {kAll, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &dy = in[3];
    BatchNormArgs a = prepare(name(), in, x, {in[1], in[2], in[4], in[5]}, eps);
    check_cotangent(name(), dy, x);
    a.slope = slope;
    return run_grad(a, x, in[1], in[2], dy, in[4], in[5]);
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1], &mean = in[4], &var = in[5];
    const Tensor y = ops::batch_norm_eval(x, weight, in[2], mean, var, eps);
    return ops::batch_norm_grad(x, weight, ops::leaky_relu_grad(in[3], y, slope), mean, var, eps);
  }
};

struct BatchNormLeakyRelu final : FusedOp {
  double slope, eps;
  BatchNormLeakyRelu(double s, double e) : slope(s), eps(e) { check_slope(name(), slope); }
  const char* name() const override { return "batch_norm_leaky_relu"; }
  Saves saves() const override { return {0b111, 0b110}; }
  uint32_t differentiable_outputs() const override { return 0b001; }

  Arrays eval(const Arrays& in) const override {
    BatchNormArgs a = prepare(name(), in, in[0], {in[1], in[2]}, eps);
    a.slope = slope;
    return run_batch(a, in[0], in[1], in[2]);
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return ops::batch_norm_leaky_relu_grad(in[0], in[1], in[2], dout[0], out[1], out[2], slope,
                                           eps);
  }

  Tensors reference(const Tensors& in) const override {
    const ops::BatchNormOut o = ops::batch_norm(in[0], in[1], in[2], eps);
    return {ops::leaky_relu(o.y, slope), o.mean, o.var};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 9.0 * static_cast<double>(in[0].size());
  }
};

struct BatchNormEval final : FusedOp {
  double eps;
  explicit BatchNormEval(double e) : eps(e) {}
  const char* name() const override { return "batch_norm_eval"; }
  bool per_sample() const override { return true; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    BatchNormArgs a = prepare(name(), in, x, {in[1], in[2], in[3], in[4]}, eps);
    if (!in[3].defined() || !in[4].defined()) throw_shape(name(), "needs mean and var of (C,)");
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    a.weight = data_or_null(in[1]);
    a.bias = data_or_null(in[2]);
    a.mean = const_cast<void*>(in[3].data());
    a.var = const_cast<void*>(in[4].data());
    a.out = y.mutable_data();
    kernel<BatchNormEvalKernel>(x.device())(a);
    return {y};
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor deviation = ops::sqrt(ops::shift(in[4], eps));
    return {affine(ops::div(ops::sub(in[0], in[3]), deviation), in[1], in[2])};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 3.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(batch_norm, true, true)
PYGAN_REGISTER_OP(batch_norm_grad, true, true)
PYGAN_REGISTER_OP(batch_norm_leaky_relu, true, true)
PYGAN_REGISTER_OP(batch_norm_leaky_relu_grad, true, true)
PYGAN_REGISTER_OP(batch_norm_eval, true, true)

}  // namespace

namespace ops {

BatchNormOut batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensors out = apply_op<BatchNorm>({x, weight, bias}, eps);
  return {out[0], out[1], out[2]};
}

Tensors batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& mean,
                        const Tensor& var, double eps) {
  return apply_op<BatchNormGrad>({x, weight, dy, mean, var}, eps);
}

BatchNormOut batch_norm_leaky_relu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   double negative_slope, double eps) {
  const Tensors out = apply_op<BatchNormLeakyRelu>({x, weight, bias}, negative_slope, eps);
  return {out[0], out[1], out[2]};
}

Tensors batch_norm_leaky_relu_grad(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   const Tensor& dy, const Tensor& mean, const Tensor& var,
                                   double negative_slope, double eps) {
  return apply_op<BatchNormLeakyReluGrad>({x, weight, bias, dy, mean, var}, negative_slope, eps);
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Tensor& mean, const Tensor& var, double eps) {
  return apply_op<BatchNormEval>({x, weight, bias, mean, var}, eps)[0];
}

}  // namespace ops
}  // namespace pygan
