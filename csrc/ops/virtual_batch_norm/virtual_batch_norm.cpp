#include "ops/virtual_batch_norm/virtual_batch_norm.h"

#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<VirtualNormKernel> forward_cpu{Device::cpu, [](const VirtualNormArgs& a) {
                                                      PYGAN_DISPATCH(batch_norm_moments)(a.ref);
                                                      PYGAN_DISPATCH(batch_norm_normalize)(a.ref);
                                                      PYGAN_DISPATCH(virtual_norm_forward)(a);
                                                    }};
const RegisterKernel<VirtualNormGradKernel> backward_cpu{
    Device::cpu, [](const VirtualNormArgs& a) {
      if (a.ref.dy) PYGAN_DISPATCH(batch_norm_backward)(a.ref);
      PYGAN_DISPATCH(virtual_norm_backward)(a);
    }};

const void* data_or_null(const Array& a) { return a.defined() ? a.data() : nullptr; }

// Checks x (N, ..., C), ref (n, ..., C) and the (C,) operands and fills what both passes share.
VirtualNormArgs prepare(const char* op, const Arrays& in, const Array& x, const Array& ref,
                        const Arrays& channelwise, double share, double eps) {
  check_same_dtype(op, in);
  check_float(op, x);
  check_eps(op, eps);
  bool same = x.rank() == ref.rank() && x.rank() >= 2;
  for (int i = 1; same && i < x.rank(); ++i) same = x.dim(i) == ref.dim(i);
  if (!same)
    throw_shape(op, "x " + x.shape().str() + " and ref " + ref.shape().str() +
                        " must be (N, ..., C) and (n, ..., C), equal but for N and n");
  const int64_t channels = x.shape().back();
  for (const Array& v : channelwise)
    if (v.defined() && !(v.shape() == Shape{channels}))
      throw_shape(op, "x " + x.shape().str() + " needs weight and bias of (" +
                          std::to_string(channels) + ",), got " + v.shape().str());
  if (ref.size() == 0)
    throw_shape(op, "ref " + ref.shape().str() + " has no elements to normalise over");
  VirtualNormArgs a{};
  a.ref.channels = channels;
  a.ref.rows = ref.size() / channels;
  a.ref.eps = eps;
  a.ref.x = ref.data();
  a.ref.f64 = x.dtype() == DType::f64;
  a.samples = x.dim(0);
  a.positions = a.ref.rows / ref.dim(0);
  a.share = share;
  a.x = x.data();
  return a;
}

Array doubles(const Shape& shape, Device device) { return Array::empty(shape, DType::f64, device); }

Tensor affine(const Tensor& h, const Tensor& weight, const Tensor& bias) {
  Tensor y = weight.defined() ? ops::mul(h, weight) : h;
  return bias.defined() ? ops::add(y, bias) : y;
}

// The statistics in plain ops, x and ref as (N, P, C) and (n P, C).
struct Statistics {
  Tensor x, ref;             // (N, P, C), (M, C)
  Tensor ref_mean, ref_var;  // (C)
  Tensor ref_centred, ref_deviation, ref_hat;
  Tensor mean, var;  // (N, 1, C); undefined where share is 0
  Tensor centred, d;
  Tensor deviation, hat;  // (N, 1, C) or (C); (N, P, C)

  Statistics(const Tensor& x_in, const Tensor& ref_in, double a, double eps) {
    const int64_t channels = x_in.shape().back(), n = ref_in.dim(0);
    const int64_t rows = ref_in.size() / channels;
    x = ops::reshape(x_in, {x_in.dim(0), rows / n, channels});
    ref = ops::reshape(ref_in, {rows, channels});
    ref_mean = ops::mean(ref, {0}, false);
    ref_centred = ops::sub(ref, ref_mean);
    ref_var = ops::mean(ops::square(ref_centred), {0}, false);
    ref_deviation = ops::sqrt(ops::shift(ref_var, eps));
    ref_hat = ops::div(ref_centred, ref_deviation);
    Tensor mu = ref_mean, blended = ref_var;
    if (a != 0) {
      mean = ops::mean(x, {1}, true);
      centred = ops::sub(x, mean);
      var = ops::mean(ops::square(centred), {1}, true);
      d = ops::sub(mean, ref_mean);
      mu = ops::add(ref_mean, ops::scale(d, a));
      blended = ops::add(ops::add(ops::scale(ref_var, 1 - a), ops::scale(var, a)),
                         ops::scale(ops::square(d), a * (1 - a)));
    }
    deviation = ops::sqrt(ops::shift(blended, eps));
    hat = ops::div(ops::sub(x, mu), deviation);
  }
};

// inputs: x, ref, weight, dy, dy_ref, and the forward's mu_x, var_x, mu_r, var_r, which the
// derivative does not read -> dx, dref, dweight, dbias. dy_ref may be undefined.
struct VirtualBatchNormGrad final : FusedOp {
  double share, eps;
  VirtualBatchNormGrad(double a, double e) : share(a), eps(e) {}
  const char* name() const override { return "virtual_batch_norm_grad"; }
  Saves saves() const override { return {0b11111, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &ref = in[1], &weight = in[2], &dy = in[3], &dy_ref = in[4];
    VirtualNormArgs a = prepare(name(), in, x, ref, {weight, in[7], in[8]}, share, eps);
    if (!(dy.shape() == x.shape()) || (dy_ref.defined() && !(dy_ref.shape() == ref.shape())))
      throw_shape(name(), "dy and dy_ref must have the shapes of x " + x.shape().str() +
                              " and ref " + ref.shape().str());
    const Shape channels{a.ref.channels};
    // Without dy_ref nobody writes these before terms are added.
    const auto fresh = [&](const Shape& shape) {
      return dy_ref.defined() ? Array::empty(shape, x.dtype(), x.device())
                              : Array::zeros(shape, x.dtype(), x.device());
    };
    Array dx = Array::empty(x.shape(), x.dtype(), x.device());
    Array dref = fresh(ref.shape()), dw = fresh(channels), db = fresh(channels);
    Array partial =
        doubles({virtual_norm_tasks(a.samples, a.positions, a.ref.channels), 4, a.ref.channels},
                x.device());
    Array work =
        doubles({batch_norm_tasks(a.ref.rows, a.ref.channels), 2, a.ref.channels}, x.device());
    a.ref.weight = data_or_null(weight);
    a.ref.dy = data_or_null(dy_ref);
    a.ref.mean = const_cast<void*>(in[7].data());
    a.ref.var = const_cast<void*>(in[8].data());
    a.ref.out = dref.mutable_data();
    a.ref.dweight = dw.mutable_data();
    a.ref.dbias = db.mutable_data();
    a.ref.partial = work.mutable_ptr<double>();
    a.dy = dy.data();
    a.mean = const_cast<void*>(in[5].data());
    a.var = const_cast<void*>(in[6].data());
    a.out = dx.mutable_data();
    a.partial = partial.mutable_ptr<double>();
    kernel<VirtualNormGradKernel>(x.device())(a);
    return {dx, dref, dw, db};
  }

  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &ref = in[1], &weight = in[2];
    const Statistics s(x, ref, share, eps);
    const Tensor dy = ops::reshape(in[3], s.x.shape());
    const Tensor g = weight.defined() ? ops::mul(dy, weight) : dy;
    const double positions = static_cast<double>(s.x.dim(1)), m = static_cast<double>(s.ref.dim(0));
    const double across = 2 * share * (1 - share);
    const auto over_examples = [](const Tensor& t) { return ops::sum(t, {0, 1}, false); };
    const Tensor dmu = ops::neg(ops::div(ops::sum(g, {1}, true), s.deviation));
    const Tensor dvar = ops::scale(
        ops::div(ops::sum(ops::mul(g, s.hat), {1}, true), ops::square(s.deviation)), -0.5);
    Tensor dx = ops::div(g, s.deviation), to_mean = ops::scale(dmu, 1 - share);
    if (share != 0) {
      const Tensor mixed = ops::scale(ops::mul(s.d, dvar), across);
      to_mean = ops::sub(to_mean, mixed);
      const Tensor own = ops::add(ops::add(ops::scale(dmu, share), mixed),
                                  ops::mul(ops::scale(dvar, 2 * share), s.centred));
      dx = ops::add(dx, ops::scale(own, 1 / positions));
    }
    const Tensor to_var = ops::scale(over_examples(dvar), 2 * (1 - share));
    Tensor dref =
        ops::scale(ops::add(over_examples(to_mean), ops::mul(to_var, s.ref_centred)), 1 / m);
    Tensor dw = over_examples(ops::mul(dy, s.hat)), db = over_examples(dy);
    if (in[4].defined()) {
      const Tensor dy_ref = ops::reshape(in[4], s.ref.shape());
      const Tensor dbr = ops::sum(dy_ref, {0}, false);
      const Tensor dwr = ops::sum(ops::mul(dy_ref, s.ref_hat), {0}, false);
      const Tensor rest =
          ops::add(ops::scale(dbr, 1 / m), ops::mul(s.ref_hat, ops::scale(dwr, 1 / m)));
      const Tensor dh = ops::div(ops::sub(dy_ref, rest), s.ref_deviation);
      dref = ops::add(dref, weight.defined() ? ops::mul(dh, weight) : dh);
      dw = ops::add(dw, dwr);
      db = ops::add(db, dbr);
    }
    return {ops::reshape(dx, x.shape()), ops::reshape(dref, ref.shape()), dw, db};
  }
};

// inputs: x, ref, weight, bias -> y, y_ref, mu_x, var_x, mu_r, var_r
struct VirtualBatchNorm final : FusedOp {
  bool own;  // whether an example's own statistics count
  double eps;
  VirtualBatchNorm(bool o, double e) : own(o), eps(e) {}
  const char* name() const override { return own ? "virtual_batch_norm" : "reference_batch_norm"; }
  Saves saves() const override { return {0b0111, 0b111100}; }
  uint32_t differentiable_outputs() const override { return 0b000011; }
  // The reference batch does not see x.
  bool depends(size_t output, const std::vector<bool>& inputs) const override {
    return output == 0 || inputs[1] || inputs[2] || inputs[3];
  }
  bool keeps_samples(const Arrays&, const std::vector<bool>& batched, const Arrays&,
                     int64_t) const override {
    return !batched[1] && !batched[2] && !batched[3];
  }
  double share(const Shape& ref) const { return own ? 1 / (static_cast<double>(ref[0]) + 1) : 0; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &ref = in[1];
    VirtualNormArgs a =
        prepare(name(), in, x, ref, {in[2], in[3]}, ref.rank() ? share(ref.shape()) : 0, eps);
    const int64_t channels = a.ref.channels;
    const auto fresh = [&](const Shape& s) { return Array::empty(s, x.dtype(), x.device()); };
    Array y = fresh(x.shape()), y_ref = fresh(ref.shape());
    Array mean = fresh({a.samples, channels}), var = fresh({a.samples, channels});
    Array ref_mean = fresh({channels}), ref_var = fresh({channels});
    Array work = doubles({batch_norm_tasks(a.ref.rows, channels), 2, channels}, x.device());
    a.ref.weight = data_or_null(in[2]);
    a.ref.bias = data_or_null(in[3]);
    a.ref.mean = ref_mean.mutable_data();
    a.ref.var = ref_var.mutable_data();
    a.ref.out = y_ref.mutable_data();
    a.ref.partial = work.mutable_ptr<double>();
    a.mean = mean.mutable_data();
    a.var = var.mutable_data();
    a.out = y.mutable_data();
    kernel<VirtualNormKernel>(x.device())(a);
    return {y, y_ref, mean, var, ref_mean, ref_var};
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    if (!dout[0].defined()) {  // only the reference batch went on
      const Tensors d = ops::batch_norm_grad(in[1], in[2], dout[1], out[4], out[5], eps);
      return {Tensor(), d[0], d[1], d[2]};
    }
    return apply_op<VirtualBatchNormGrad>(
        {in[0], in[1], in[2], dout[0], dout[1], out[2], out[3], out[4], out[5]},
        share(in[1].shape()), eps);
  }

  Tensors reference(const Tensors& in) const override {
    const Statistics s(in[0], in[1], share(in[1].shape()), eps);
    return {ops::reshape(affine(s.hat, in[2], in[3]), in[0].shape()),
            ops::reshape(affine(s.ref_hat, in[2], in[3]), in[1].shape()),
            s.mean,
            s.var,
            s.ref_mean,
            s.ref_var};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 8.0 * static_cast<double>(in[1].size()) +
           (own ? 8.0 : 3.0) * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(virtual_batch_norm, true, true)
PYGAN_REGISTER_OP(reference_batch_norm, true, true)
PYGAN_REGISTER_OP(virtual_batch_norm_grad, true, true)

}  // namespace

namespace ops {

std::pair<Tensor, Tensor> virtual_batch_norm(const Tensor& x, const Tensor& ref,
                                             const Tensor& weight, const Tensor& bias, double eps) {
  const Tensors y = apply_op<VirtualBatchNorm>({x, ref, weight, bias}, true, eps);
  return {y[0], y[1]};
}

std::pair<Tensor, Tensor> reference_batch_norm(const Tensor& x, const Tensor& ref,
                                               const Tensor& weight, const Tensor& bias,
                                               double eps) {
  const Tensors y = apply_op<VirtualBatchNorm>({x, ref, weight, bias}, false, eps);
  return {y[0], y[1]};
}

}  // namespace ops
}  // namespace pygan
