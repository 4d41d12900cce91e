// sum, mean, sum_to and norm.
#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"
#include "ops/reduce/axes.h"

namespace pygan {
namespace {

using namespace reduce;

const RegisterKernel<SumKernel> sum_cpu{
    Device::cpu, [](const SumArgs& args) { PYGAN_DISPATCH(reduce_sum)(args); }};

Array run_sum(const Array& x, AxisSet set, const Shape& shape, Summand summand, Finish finish) {
  if (shape.size() == 0) return Array::empty(shape, x.dtype(), x.device());
  Passes passes(x.shape(), set);
  Array from = x;
  for (;;) {
    const Pass pass = passes.next();
    const Shape partial{pass.outer, pass.pieces, pass.inner};
    Array to = Array::empty(passes.done() ? shape : partial, x.dtype(), x.device());
    kernel<SumKernel>(x.device())({.x = from.data(),
                                   .y = to.mutable_data(),
                                   .pass = pass,
                                   .summand = summand,
                                   .finish = passes.done() ? finish : Finish::none,
                                   .divisor = static_cast<double>(reduced_size(x.shape(), set)),
                                   .f64 = x.dtype() == DType::f64});
    if (passes.done()) return to;
    from = to;
    summand = Summand::x;
  }
}

// ---- sum, mean, sum_to: linear -----------------------------------------------------------------

class Sum final : public Op {
 public:
  // y has `shape`: x's without the axes of the set, but perhaps for 1s
  Sum(const char* name, AxisSet set, const Shape& shape, Finish finish = Finish::none)
      : name_(name), set_(set), shape_(shape), finish_(finish) {}

  const char* name() const override { return name_; }
  bool per_sample() const override { return !has(set_, 0); }
  Jacobian jacobian() const override { return Jacobian::constant; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays& in, const Arrays&) const override {
    return static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    check_float(name_, in[0]);
    return {run_sum(in[0], set_, shape_, Summand::x, finish_)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    const Shape& x = in[0].shape();
    Tensor dy = dout[0];
    if (finish_ == Finish::divide)
      dy = ops::scale(dy, 1 / static_cast<double>(reduced_size(x, set_)));
    return {ops::broadcast_to(against(dy, x, set_), x)};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return pygan::apply(shared_from_this(), {tx[0]});
  }

 private:
  const char* name_;
  AxisSet set_;
  Shape shape_;
  Finish finish_;
};
PYGAN_REGISTER_OP(sum, true, false)
PYGAN_REGISTER_OP(mean, true, false)
PYGAN_REGISTER_OP(sum_to, true, false)

// ---- norm --------------------------------------------------------------------------------------

class Norm final : public Op {
 public:
  Norm(AxisSet set, bool keepdims) : set_(set), keepdims_(keepdims) {}

  const char* name() const override { return "norm"; }
  bool per_sample() const override { return !has(set_, 0); }
  double flops(const Arrays& in, const Arrays&) const override {
    return 2 * static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    check_float(name(), in[0]);
    const Shape shape = reduced_shape(in[0].shape(), set_, keepdims_);
    return {run_sum(in[0], set_, shape, Summand::square, Finish::sqrt)};
  }
  // divide_no_nan and not a division: at 0 the derivatives of every order are 0.
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    const Tensor ratio = ops::divide_no_nan(dout[0], out[0]);
    return {ops::mul(in[0], against(ratio, in[0].shape(), set_))};
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const override {
    const Tensor dot = ops::sum(ops::mul(in[0], tx[0]), axis_list(set_), keepdims_);
    return {ops::divide_no_nan(dot, out[0])};
  }

 private:
  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(norm, true, false)

}  // namespace

namespace ops {

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims) {
  const AxisSet set = axis_set("sum", axes, x.shape());
  return apply_op<Sum>({x}, "sum", set, reduced_shape(x.shape(), set, keepdims))[0];
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  const AxisSet set = axis_set("mean", axes, x.shape());
  const Shape shape = reduced_shape(x.shape(), set, keepdims);
  return apply_op<Sum>({x}, "mean", set, shape, Finish::divide)[0];
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  AxisSet set = 0;
  bool fits = extra >= 0;
  for (int i = 0; fits && i < x.rank(); ++i) {
    if (i >= extra && shape[i - extra] == x.dim(i)) continue;
    fits = i < extra || shape[i - extra] == 1;
    set |= AxisSet{1} << i;
  }
  if (!fits) throw_shape("sum_to", shape.str() + " does not broadcast to " + x.shape().str());
  return apply_op<Sum>({x}, "sum_to", set, shape)[0];
}

Tensor norm(const Tensor& x, const Axes& axes, bool keepdims) {
  return apply_op<Norm>({x}, axis_set("norm", axes, x.shape()), keepdims)[0];
}

}  // namespace ops
}  // namespace pygan
