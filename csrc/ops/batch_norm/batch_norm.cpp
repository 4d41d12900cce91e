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
// rows: those of one part.
BatchNormArgs prepare(const char* op, const Arrays& in, const Array& x, const Arrays& channelwise,
                      double eps, int64_t parts = 1) {
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
  if (parts < 1 || x.dim(0) % parts != 0)
    throw_shape(op, "x " + x.shape().str() + " must have a batch of " + std::to_string(parts) +
                        " equal parts along its leading axis");
  a.rows /= parts;
  a.eps = eps;
  a.x = x.data();
  a.f64 = x.dtype() == DType::f64;
  return a;
}

const void* data_or_null(const Array& a) { return a.defined() ? a.data() : nullptr; }

Array workspace(const BatchNormArgs& a, Device device) {
  return Array::empty({batch_norm_tasks(a.rows, a.channels), 2, a.channels}, DType::f64, device);
}

// (C,), or (parts, C) where there are several
Shape channelwise_shape(int64_t channels, int64_t parts) {
  return parts > 1 ? Shape{parts, channels} : Shape{channels};
}

void check_statistics(const char* op, const Array& x, const Arrays& mean_and_var, int64_t parts) {
  const Shape expected = channelwise_shape(x.shape().back(), parts);
  for (const Array& v : mean_and_var)
    if (!(v.shape() == expected))
      throw_shape(op, "x " + x.shape().str() + " of " + std::to_string(parts) +
                          " parts needs mean and var of " + expected.str() + ", got " +
                          v.shape().str());
}

// The first element of a part, in an array of `parts` equal pieces
const void* part_of(const Array& a, int64_t part, int64_t parts) {
  return static_cast<const char*>(a.data()) + a.bytes() / static_cast<size_t>(parts) * part;
}
void* part_of_mutable(Array& a, int64_t part, int64_t parts) {
  return static_cast<char*>(a.mutable_data()) + a.bytes() / static_cast<size_t>(parts) * part;
}

// The backward pass of both ops, with a slope of 1 where there is none: dx, dweight, dbias.
Arrays run_grad(BatchNormArgs a, const Array& x, const Array& weight, const Array& bias,
                const Array& dy, const Array& mean, const Array& var, int64_t parts) {
  Array dx = Array::empty(x.shape(), x.dtype(), x.device());
  Array dw = Array::empty(channelwise_shape(a.channels, parts), x.dtype(), x.device());
  Array db = Array::empty(dw.shape(), x.dtype(), x.device());
  Array work = workspace(a, x.device());
  a.weight = data_or_null(weight);
  a.bias = data_or_null(bias);
  a.partial = work.mutable_ptr<double>();
  for (int64_t p = 0; p < parts; ++p) {
    a.x = part_of(x, p, parts);
    a.dy = part_of(dy, p, parts);
    a.mean = const_cast<void*>(part_of(mean, p, parts));
    a.var = const_cast<void*>(part_of(var, p, parts));
    a.out = part_of_mutable(dx, p, parts);
    a.dweight = part_of_mutable(dw, p, parts);
    a.dbias = part_of_mutable(db, p, parts);
    kernel<BatchNormGradKernel>(x.device())(a);
  }
  return {dx, dw, db};
}

// And the forward pass: y, mean, var.
Arrays run_batch(BatchNormArgs a, const Array& x, const Array& weight, const Array& bias,
                 int64_t parts) {
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  Array mean = Array::empty(channelwise_shape(a.channels, parts), x.dtype(), x.device());
  Array var = Array::empty(mean.shape(), x.dtype(), x.device());
  Array work = workspace(a, x.device());
  a.weight = data_or_null(weight);
  a.bias = data_or_null(bias);
  a.partial = work.mutable_ptr<double>();
  for (int64_t p = 0; p < parts; ++p) {
    a.x = part_of(x, p, parts);
    a.mean = part_of_mutable(mean, p, parts);
    a.var = part_of_mutable(var, p, parts);
    a.out = part_of_mutable(y, p, parts);
    kernel<BatchNormKernel>(x.device())(a);
  }
  return {y, mean, var};
}

// What f gives for each part alone, joined: the first along the batch, the others a row a part. f takes
// the part of each of `batches`, (N, ..., C), and of each of `statistics`, (parts, C).
template <class F>
Tensors by_parts(const Tensors& batches, const Tensors& statistics, int64_t parts, F f) {
  std::vector<Tensors> xs, stats;
  for (const Tensor& t : batches) xs.push_back(ops::split(t, parts, 0));
  for (const Tensor& t : statistics) stats.push_back(ops::split(t, parts, 0));
  std::vector<Tensors> found;
  for (size_t p = 0; p < static_cast<size_t>(parts); ++p) {
    Tensors own, of;
    for (const Tensors& x : xs) own.push_back(x[p]);
    for (const Tensors& v : stats) of.push_back(ops::squeeze(v[p], {0}));
    found.push_back(f(own, of));
  }
  Tensors joined;
  for (size_t i = 0; i < found[0].size(); ++i) {
    Tensors all;
    for (const Tensors& one : found) all.push_back(one[i]);
    joined.push_back(i == 0 ? ops::concat(all, 0) : ops::stack(all, 0));
  }
  return joined;
}

// dx, dweight, dbias of the backward pass, as the gradients of x, weight, bias
Tensors summed(Tensors d, int64_t parts) {
  for (size_t i = 1; parts > 1 && i < d.size(); ++i) d[i] = ops::sum(d[i], {0}, false);
  return d;
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
  int64_t parts;
  BatchNormGrad(double e, int64_t p) : eps(e), parts(p) {}
  const char* name() const override { return "batch_norm_grad"; }
  Saves saves() const override { return {0b00111, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &weight = in[1], &dy = in[2];
    const BatchNormArgs a = prepare(name(), in, x, {weight}, eps, parts);
    check_cotangent(name(), dy, x);
    check_statistics(name(), x, {in[3], in[4]}, parts);
    return run_grad(a, x, weight, Array(), dy, in[3], in[4], parts);
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1], &dy = in[2];
    if (parts > 1)
      return by_parts({x, dy}, {}, parts, [&](const Tensors& b, const Tensors&) {
        return BatchNormGrad(eps, 1).reference({b[0], weight, b[1], Tensor(), Tensor()});
      });
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
  int64_t parts;
  BatchNorm(double e, int64_t p) : eps(e), parts(p) {}
  const char* name() const override { return "batch_norm"; }
  Saves saves() const override { return {0b011, 0b110}; }
  uint32_t differentiable_outputs() const override { return 0b001; }

  Arrays eval(const Arrays& in) const override {
    return run_batch(prepare(name(), in, in[0], {in[1], in[2]}, eps, parts), in[0], in[1], in[2],
                     parts);
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return summed(ops::batch_norm_grad(in[0], in[1], dout[0], out[1], out[2], eps, parts), parts);
  }

  Tensors reference(const Tensors& in) const override {
    if (parts > 1)
      return by_parts({in[0]}, {}, parts, [&](const Tensors& b, const Tensors&) {
        return BatchNorm(eps, 1).reference({b[0], in[1], in[2]});
      });
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
  int64_t parts;
  BatchNormLeakyReluGrad(double s, double e, int64_t p) : slope(s), eps(e), parts(p) {
    check_slope(name(), slope);
  }
  const char* name() const override { return "batch_norm_leaky_relu_grad"; }
  Saves saves() const override { return {kAll, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &dy = in[3];
    BatchNormArgs a = prepare(name(), in, x, {in[1], in[2]}, eps, parts);
    check_cotangent(name(), dy, x);
    check_statistics(name(), x, {in[4], in[5]}, parts);
    a.slope = slope;
    return run_grad(a, x, in[1], in[2], dy, in[4], in[5], parts);
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1], &mean = in[4], &var = in[5];
    if (parts > 1)
      return by_parts({x, in[3]}, {mean, var}, parts, [&](const Tensors& b, const Tensors& of) {
        return ops::batch_norm_leaky_relu_grad(b[0], weight, in[2], b[1], of[0], of[1], slope, eps);
      });
    const Tensor y = ops::batch_norm_eval(x, weight, in[2], mean, var, eps);
    return ops::batch_norm_grad(x, weight, ops::leaky_relu_grad(in[3], y, slope), mean, var, eps);
  }
};

struct BatchNormLeakyRelu final : FusedOp {
  double slope, eps;
  int64_t parts;
  BatchNormLeakyRelu(double s, double e, int64_t p) : slope(s), eps(e), parts(p) {
    check_slope(name(), slope);
  }
  const char* name() const override { return "batch_norm_leaky_relu"; }
  Saves saves() const override { return {0b111, 0b110}; }
  uint32_t differentiable_outputs() const override { return 0b001; }

  Arrays eval(const Arrays& in) const override {
    BatchNormArgs a = prepare(name(), in, in[0], {in[1], in[2]}, eps, parts);
    a.slope = slope;
    return run_batch(a, in[0], in[1], in[2], parts);
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return summed(ops::batch_norm_leaky_relu_grad(in[0], in[1], in[2], dout[0], out[1], out[2],
                                                  slope, eps, parts),
                  parts);
  }

  Tensors reference(const Tensors& in) const override {
    const ops::BatchNormOut o = ops::batch_norm(in[0], in[1], in[2], eps, parts);
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

BatchNormOut batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                        int64_t parts) {
  const Tensors out = apply_op<BatchNorm>({x, weight, bias}, eps, parts);
  return {out[0], out[1], out[2]};
}

Tensors batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& mean,
                        const Tensor& var, double eps, int64_t parts) {
  return apply_op<BatchNormGrad>({x, weight, dy, mean, var}, eps, parts);
}

BatchNormOut batch_norm_leaky_relu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   double negative_slope, double eps, int64_t parts) {
  const Tensors out = apply_op<BatchNormLeakyRelu>({x, weight, bias}, negative_slope, eps, parts);
  return {out[0], out[1], out[2]};
}

Tensors batch_norm_leaky_relu_grad(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   const Tensor& dy, const Tensor& mean, const Tensor& var,
                                   double negative_slope, double eps, int64_t parts) {
  return apply_op<BatchNormLeakyReluGrad>({x, weight, bias, dy, mean, var}, negative_slope, eps,
                                          parts);
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Tensor& mean, const Tensor& var, double eps) {
  return apply_op<BatchNormEval>({x, weight, bias, mean, var}, eps)[0];
}

}  // namespace ops
}  // namespace pygan
