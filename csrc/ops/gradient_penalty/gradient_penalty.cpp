#include "ops/gradient_penalty/gradient_penalty.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<InterpolateKernel> interpolate_cpu{
    Device::cpu, [](const InterpolateArgs& a) { PYGAN_DISPATCH(interpolate)(a); }};
const RegisterKernel<NormPenaltyKernel> norm_penalty_cpu{
    Device::cpu, [](const NormPenaltyArgs& a) { PYGAN_DISPATCH(norm_penalty)(a); }};

// c (N) against x (N, ...)
Tensor column(const Tensor& c, const Tensor& x) {
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) shape.push_back(i == 0 ? x.dim(0) : 1);
  return ops::reshape(c, shape);
}

ops::Axes sample_axes(const Tensor& x) {
  ops::Axes axes;
  for (int i = 1; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

// inputs: real, fake, u
struct Interpolate final : FusedOp {
  const char* name() const override { return "interpolate"; }
  bool per_sample() const override { return true; }

  Arrays eval(const Arrays& in) const override {
    const Array &real = in[0], &fake = in[1], &u = in[2];
    check_same_dtype(name(), in);
    check_float(name(), real);
    if (real.rank() < 1 || !(real.shape() == fake.shape()))
      throw_shape(name(), "real and fake must both be (N, ...), got " + real.shape().str() +
                              " and " + fake.shape().str());
    if (!(u.shape() == Shape{real.dim(0)}))
      throw_shape(name(), "u must be (" + std::to_string(real.dim(0)) +
                              ",), one coefficient per sample of " + real.shape().str() + ", got " +
                              u.shape().str());
    Array x = Array::empty(real.shape(), real.dtype(), real.device());
    if (x.size() > 0)
      kernel<InterpolateKernel>(x.device())({.real = real.data(),
                                             .fake = fake.data(),
                                             .u = u.data(),
                                             .x = x.mutable_data(),
                                             .n = x.dim(0),
                                             .d = x.size() / x.dim(0),
                                             .f64 = x.dtype() == DType::f64});
    return {x};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor u = column(in[2], in[0]);
    return {ops::add(ops::mul(u, in[0]), ops::mul(ops::shift(ops::neg(u), 1), in[1]))};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 3.0 * static_cast<double>(in[0].size());
  }
};

// inputs: g -> value, coefficient
struct NormPenalty final : FusedOp {
  PenaltyCost cost;
  double weight;
  NormPenalty(PenaltyCost c, double w) : cost(c), weight(w) {}
  const char* name() const override { return "norm_penalty"; }
  Saves saves() const override { return {1, 0b10}; }
  uint32_t differentiable_outputs() const override { return 0b01; }

  Arrays eval(const Arrays& in) const override {
    const Array& g = in[0];
    check_float(name(), g);
    if (g.rank() < 1 || g.dim(0) == 0)
      throw_shape(name(), "g must be (N, ...) with N >= 1, got " + g.shape().str());
    const int64_t n = g.dim(0);
    Array value = Array::empty({}, g.dtype(), g.device());
    Array coefficient = Array::empty({n}, g.dtype(), g.device());
    Array costs = Array::empty({n}, DType::f64, g.device());
    kernel<NormPenaltyKernel>(g.device())({.g = g.data(),
                                           .value = value.mutable_data(),
                                           .coefficient = coefficient.mutable_data(),
                                           .costs = costs.mutable_ptr<double>(),
                                           .n = n,
                                           .d = g.size() / n,
                                           .cost = cost,
                                           .weight = weight,
                                           .f64 = g.dtype() == DType::f64});
    return {value, coefficient};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs& needs) const override {
    if (recording()) return FusedOp::vjp(in, out, dout, needs);
    return {ops::mul(column(ops::mul(out[1], dout[0]), in[0]), in[0])};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor& g = in[0];
    Tensor costs;  // (N)
    if (cost == PenaltyCost::squared) {
      costs = g.rank() > 1 ? ops::sum(ops::square(g), sample_axes(g), false) : ops::square(g);
    } else {
      const Tensor n = g.rank() > 1 ? ops::norm(g, sample_axes(g), false) : ops::abs(g);
      const Tensor excess = ops::shift(n, -1);
      costs = ops::square(cost == PenaltyCost::one_sided ? ops::relu(excess) : excess);
    }
    return {ops::scale(ops::mean(costs, {}, false), weight)};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 2.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(interpolate, true, true)
PYGAN_REGISTER_OP(norm_penalty, true, true)

}  // namespace

namespace ops {

Tensor interpolate(const Tensor& real, const Tensor& fake, const Tensor& u) {
  return apply_op<Interpolate>({real, fake, u})[0];
}

std::pair<Tensor, Tensor> norm_penalty(const Tensor& g, PenaltyCost cost, double weight) {
  if (!std::isfinite(weight))
    throw ConfigError("norm_penalty: weight must be finite, got " + number(weight));
  const Tensors y = apply_op<NormPenalty>({g}, cost, weight);
  return {y[0], y[1]};
}

}  // namespace ops
}  // namespace pygan
