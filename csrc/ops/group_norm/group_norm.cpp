#include "ops/group_norm/group_norm.h"

#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<GroupNormKernel> forward_cpu{
    Device::cpu, [](const GroupNormArgs& a) { PYGAN_DISPATCH(group_norm_forward)(a); }};
const RegisterKernel<GroupNormGradKernel> backward_cpu{
    Device::cpu, [](const GroupNormArgs& a) { PYGAN_DISPATCH(group_norm_backward)(a); }};

const void* data_or_null(const Array& a) { return a.defined() ? a.data() : nullptr; }

// Checks x (N, ..., C) and the (C,) operands and fills what both passes share.
GroupNormArgs prepare(const char* op, const Arrays& in, const Array& x, const Arrays& channelwise,
                      int64_t groups, double eps) {
  check_same_dtype(op, in);
  check_float(op, x);
  check_eps(op, eps);
  if (x.rank() < 2)
    throw_shape(op, "x must have at least two axes, (N, ..., C), got " + x.shape().str());
  const int64_t channels = x.shape().back();
  if (groups < 1 || channels % groups != 0)
    throw_shape(op, std::to_string(groups) + " groups do not divide the " +
                        std::to_string(channels) + " channels of x " + x.shape().str());
  for (const Array& v : channelwise)
    if (v.defined() && !(v.shape() == Shape{channels}))
      throw_shape(op, "x " + x.shape().str() + " needs weight and bias of (" +
                          std::to_string(channels) + ",), got " + v.shape().str());
  GroupNormArgs a{};
  a.samples = x.dim(0);
  a.positions = 1;
  for (int i = 1; i + 1 < x.rank(); ++i) a.positions *= x.dim(i);
  a.groups = groups;
  a.width = channels / groups;
  if (a.positions * a.width == 0)
    throw_shape(op, "x " + x.shape().str() + " has no elements to normalise over");
  a.eps = eps;
  a.x = x.data();
  a.f64 = x.dtype() == DType::f64;
  return a;
}

Array doubles(const GroupNormArgs& a, int64_t count, Device device) {
  const int64_t tasks = group_norm_tasks(a.samples, a.positions, a.groups * a.width);
  return Array::empty({tasks, 2, count}, DType::f64, device);
}

// x (N, P, G, D) and its statistics (N, 1, G, 1) in plain ops.
struct Statistics {
  Tensor x, mean, var, deviation, hat;

  Statistics(const Tensor& x_in, int64_t groups, double eps) {
    x = split(x_in, x_in, groups);
    mean = ops::mean(x, {1, 3}, true);
    const Tensor centred = ops::sub(x, mean);
    var = ops::mean(ops::square(centred), {1, 3}, true);
    deviation = ops::sqrt(ops::shift(var, eps));
    hat = ops::div(centred, deviation);
  }

  // t, of x's size or (C), with its channels in groups
  static Tensor split(const Tensor& t, const Tensor& x, int64_t groups) {
    const int64_t width = x.shape().back() / groups;
    if (t.rank() == 1) return ops::reshape(t, {groups, width});
    const int64_t samples = x.dim(0), channels = x.shape().back();
    const int64_t positions = samples ? x.size() / samples / channels : 1;
    return ops::reshape(t, {samples, positions, groups, width});
  }
};

// inputs: x, weight, dy, and the forward's mean and var, which the derivative does not read
// -> dx, dweight, dbias
struct GroupNormGrad final : FusedOp {
  int64_t groups;
  double eps;
  GroupNormGrad(int64_t g, double e) : groups(g), eps(e) {}
  const char* name() const override { return "group_norm_grad"; }
  Saves saves() const override { return {0b00111, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &weight = in[1], &dy = in[2];
    GroupNormArgs a = prepare(name(), in, x, {weight}, groups, eps);
    if (!(dy.shape() == x.shape()))
      throw_shape(name(), "dy " + dy.shape().str() + " must have x's shape " + x.shape().str());
    const Shape channels{groups * a.width};
    Array dx = Array::empty(x.shape(), x.dtype(), x.device());
    Array dw = Array::empty(channels, x.dtype(), x.device());
    Array db = Array::empty(channels, x.dtype(), x.device());
    Array work = doubles(a, groups, x.device()), partial = doubles(a, channels[0], x.device());
    a.weight = data_or_null(weight);
    a.dy = dy.data();
    a.mean = const_cast<void*>(in[3].data());
    a.var = const_cast<void*>(in[4].data());
    a.out = dx.mutable_data();
    a.dweight = dw.mutable_data();
    a.dbias = db.mutable_data();
    a.work = work.mutable_ptr<double>();
    a.partial = partial.mutable_ptr<double>();
    kernel<GroupNormGradKernel>(x.device())(a);
    return {dx, dw, db};
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1];
    const Statistics s(x, groups, eps);
    const Tensor dy = Statistics::split(in[2], x, groups);
    const Tensor g = weight.defined() ? ops::mul(dy, Statistics::split(weight, x, groups)) : dy;
    const Tensor along = ops::mul(s.hat, ops::mean(ops::mul(g, s.hat), {1, 3}, true));
    const Tensor rest = ops::add(ops::mean(g, {1, 3}, true), along);
    const Tensor dx = ops::div(ops::sub(g, rest), s.deviation);
    const Shape channels{x.shape().back()};
    const Tensor dw = ops::sum(ops::mul(dy, s.hat), {0, 1}, false);
    return {ops::reshape(dx, x.shape()), ops::reshape(dw, channels),
            ops::reshape(ops::sum(dy, {0, 1}, false), channels)};
  }
};

// inputs: x, weight, bias -> y, mean, var
struct GroupNorm final : FusedOp {
  int64_t groups;
  double eps;
  GroupNorm(int64_t g, double e) : groups(g), eps(e) {}
  const char* name() const override { return "group_norm"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {0b011, 0b110}; }
  uint32_t differentiable_outputs() const override { return 0b001; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    GroupNormArgs a = prepare(name(), in, x, {in[1], in[2]}, groups, eps);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    Array mean = Array::empty({a.samples, groups}, x.dtype(), x.device());
    Array var = Array::empty({a.samples, groups}, x.dtype(), x.device());
    Array work = doubles(a, groups, x.device());
    a.weight = data_or_null(in[1]);
    a.bias = data_or_null(in[2]);
    a.mean = mean.mutable_data();
    a.var = var.mutable_data();
    a.out = y.mutable_data();
    a.work = work.mutable_ptr<double>();
    kernel<GroupNormKernel>(x.device())(a);
    return {y, mean, var};
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return apply_op<GroupNormGrad>({in[0], in[1], dout[0], out[1], out[2]}, groups, eps);
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &weight = in[1], &bias = in[2];
    const Statistics s(x, groups, eps);
    Tensor y = s.hat;
    if (weight.defined()) y = ops::mul(y, Statistics::split(weight, x, groups));
    if (bias.defined()) y = ops::add(y, Statistics::split(bias, x, groups));
    return {ops::reshape(y, x.shape()), s.mean, s.var};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 8.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(group_norm, true, true)
PYGAN_REGISTER_OP(group_norm_grad, true, true)

}  // namespace

namespace ops {

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  return apply_op<GroupNorm>({x, weight, bias}, groups, eps)[0];
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (x.rank() < 3)
    throw_shape("instance_norm",
                "x must be (N, ..., C) with positions in between, got " + x.shape().str());
  return group_norm(x, x.shape().back(), weight, bias, eps);
}

Tensor layer_norm(const Tensor& x, int axes, const Tensor& weight, const Tensor& bias, double eps) {
  if (axes < 1 || axes > x.rank())
    throw_shape("layer_norm", "cannot normalise over the last " + std::to_string(axes) +
                                  " axes of x " + x.shape().str());
  Shape normalized;
  for (int i = x.rank() - axes; i < x.rank(); ++i) normalized.push_back(x.dim(i));
  for (const Tensor& v : {weight, bias})
    if (v.defined() && !(v.shape() == normalized))
      throw_shape("layer_norm", "x " + x.shape().str() + " needs weight and bias of " +
                                    normalized.str() + ", got " + v.shape().str());
  const int64_t width = normalized.size();
  if (width == 0)
    throw_shape("layer_norm", "x " + x.shape().str() + " has no elements to normalise over");
  const auto flat = [&](const Tensor& v) { return v.defined() ? reshape(v, {width}) : v; };
  const Tensor rows = reshape(x, {x.size() / width, width});
  return reshape(group_norm(rows, 1, flat(weight), flat(bias), eps), x.shape());
}

}  // namespace ops
}  // namespace pygan
