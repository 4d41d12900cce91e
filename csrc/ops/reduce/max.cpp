// max, min, argmax, argmin; one element of each reduction: take_reduced, its adjoint put_reduced.
#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"
#include "ops/reduce/axes.h"

namespace pygan {
namespace {

using namespace reduce;

const RegisterKernel<ExtremeKernel> extreme_cpu{
    Device::cpu, [](const ExtremeArgs& args) { PYGAN_DISPATCH(reduce_extreme)(args); }};
const RegisterKernel<PickKernel> pick_cpu{
    Device::cpu, [](const PickArgs& args) { return PYGAN_DISPATCH(reduce_pick)(args); }};

// The extremes of x and where the first ones are: shape (kept), with or without 1s.
Arrays run_extreme(const char* op, const Array& x, AxisSet set, bool keepdims, bool smallest) {
  check_float(op, x);
  const Shape shape = reduced_shape(x.shape(), set, keepdims);
  if (reduced_size(x.shape(), set) == 0)
    throw_shape(op, "the reduced axes of " + x.shape().str() + " are empty: no " +
                        (smallest ? "minimum" : "maximum"));
  Array y = Array::empty(shape, x.dtype(), x.device());
  Array y_index = Array::empty(shape, DType::i64, x.device());
  if (y.size() == 0) return {y, y_index};
  Passes passes(x.shape(), set);
  Array from = x, from_index;
  int64_t span = 1;  // elements of x that one element of `from` stands for
  for (;;) {
    const Pass pass = passes.next();
    const Shape partial{pass.outer, pass.pieces, pass.inner};
    Array to = passes.done() ? y : Array::empty(partial, x.dtype(), x.device());
    Array to_index = passes.done() ? y_index : Array::empty(partial, DType::i64, x.device());
    const bool first = !from_index.defined();
    kernel<ExtremeKernel>(x.device())({.x = from.data(),
                                       .x_index = first ? nullptr : from_index.ptr<int64_t>(),
                                       .x_span = span,
                                       .y = to.mutable_data(),
                                       .y_index = to_index.mutable_ptr<int64_t>(),
                                       .pass = pass,
                                       .smallest = smallest,
                                       .f64 = x.dtype() == DType::f64});
    if (passes.done()) return {y, y_index};
    span *= pass.pieces > 1 ? pass.piece : pass.count;
    from = to;
    from_index = to_index;
  }
}

// ---- max, min: (values, indices) ---------------------------------------------------------------

class Extreme final : public Op {
 public:
  Extreme(bool smallest, AxisSet set, bool keepdims)
      : smallest_(smallest), set_(set), keepdims_(keepdims) {}

  const char* name() const override { return smallest_ ? "min" : "max"; }
  bool per_sample() const override { return !has(set_, 0); }
  Saves saves() const override { return {0, 1u << 1}; }                 // the index
  uint32_t differentiable_outputs() const override { return 1u << 0; }  // the values
  double flops(const Arrays& in, const Arrays&) const override {
    return static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    return run_extreme(name(), in[0], set_, keepdims_, smallest_);
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    if (!dout[0].defined()) return {Tensor()};
    return {ops::put_reduced(dout[0], out[1], in[0].shape(), axis_list(set_))};
  }
  Tensors jvp(const Tensors&, const Tensors& out, const Tensors& tx) const override {
    return {ops::take_reduced(tx[0], out[1], axis_list(set_), keepdims_), Tensor()};
  }

 private:
  bool smallest_;
  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(max, true, false)
PYGAN_REGISTER_OP(min, true, false)

// ---- argmax, argmin: the indices alone ---------------------------------------------------------

class ArgExtreme final : public Op {
 public:
  ArgExtreme(bool smallest, AxisSet set, bool keepdims)
      : smallest_(smallest), set_(set), keepdims_(keepdims) {}

  const char* name() const override { return smallest_ ? "argmin" : "argmax"; }
  bool differentiable() const override { return false; }
  bool per_sample() const override { return !has(set_, 0); }
  double flops(const Arrays& in, const Arrays&) const override {
    return static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    return {run_extreme(name(), in[0], set_, keepdims_, smallest_)[1]};
  }

 private:
  bool smallest_;
  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(argmax, false, false)
PYGAN_REGISTER_OP(argmin, false, false)

// ---- take_reduced, put_reduced -----------------------------------------------------------------

// Gathers y from x, or scatters y into zeros of x's shape.
Array pick(const char* op, const Array& from, const Array& index, const Shape& x, AxisSet set,
           const Shape& to_shape, bool put) {
  check_float(op, from);
  if (index.dtype() != DType::i64)
    throw_dtype(op, "the index must be int64, got " + index.str() + ": convert with astype");
  const Shape dropped = reduced_shape(x, set, false), kept = reduced_shape(x, set, true);
  const auto fits = [&](const Shape& s) { return s == dropped || s == kept; };
  if (!fits(index.shape()) || (put && !fits(from.shape())))
    throw_shape(op, (put ? "y " + from.shape().str() + ", " : "") + "index " + index.shape().str() +
                        " for x " + x.str() + ": expected " + dropped.str() + " or " + kept.str());
  Array to = put ? Array::zeros(to_shape, from.dtype(), from.device())
                 : Array::empty(to_shape, from.dtype(), from.device());
  PickArgs args{};
  args.from = from.data();
  args.index = index.ptr<int64_t>();
  args.to = to.mutable_data();
  args.put = put;
  args.kept = dropped.size();
  args.span = reduced_size(x, set);
  args.f64 = from.dtype() == DType::f64;
  int64_t stride[Shape::kMaxRank], run = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    stride[i] = run;
    run *= x[i];
  }
  for (int i = 0; i < x.rank(); ++i) {
    int& rank = has(set, i) ? args.reduced_rank : args.kept_rank;
    (has(set, i) ? args.reduced_extent : args.kept_extent)[rank] = x[i];
    (has(set, i) ? args.reduced_stride : args.kept_stride)[rank] = stride[i];
    ++rank;
  }
  const int64_t bad = kernel<PickKernel>(from.device())(args);
  if (bad >= 0)
    throw_shape(op, "index[" + std::to_string(bad) + "] is not within the " +
                        std::to_string(args.span) + " reduced elements of " + x.str());
  return to;
}

class TakeReduced final : public Op {
 public:
  TakeReduced(AxisSet set, bool keepdims) : set_(set), keepdims_(keepdims) {}

  const char* name() const override { return "take_reduced"; }
  bool per_sample() const override { return !has(set_, 0); }
  Saves saves() const override { return {1u << 1, 0}; }  // the index
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    const Shape& x = in[0].shape();
    return {pick(name(), in[0], in[1], x, set_, reduced_shape(x, set_, keepdims_), false)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::put_reduced(dout[0], in[1], in[0].shape(), axis_list(set_)), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::take_reduced(tx[0], in[1], axis_list(set_), keepdims_)};
  }

 private:
  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(take_reduced, true, false)

class PutReduced final : public Op {
 public:
  PutReduced(const Shape& x, AxisSet set) : x_(x), set_(set) {}

  const char* name() const override { return "put_reduced"; }
  bool per_sample() const override { return !has(set_, 0); }
  Saves saves() const override { return {1u << 1, 0}; }  // the index
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    return {pick(name(), in[0], in[1], x_, set_, x_, true)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    const Tensor dy = ops::take_reduced(dout[0], in[1], axis_list(set_), false);
    return {ops::reshape(dy, in[0].shape()), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::put_reduced(tx[0], in[1], x_, axis_list(set_))};
  }

 private:
  Shape x_;
  AxisSet set_;
};
PYGAN_REGISTER_OP(put_reduced, true, false)

}  // namespace

namespace ops {

std::pair<Tensor, Tensor> max(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensors y = apply_op<Extreme>({x}, false, axis_set("max", axes, x.shape()), keepdims);
  return {y[0], y[1]};
}

std::pair<Tensor, Tensor> min(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensors y = apply_op<Extreme>({x}, true, axis_set("min", axes, x.shape()), keepdims);
  return {y[0], y[1]};
}

Tensor argmax(const Tensor& x, const Axes& axes, bool keepdims) {
  return apply_op<ArgExtreme>({x}, false, axis_set("argmax", axes, x.shape()), keepdims)[0];
}

Tensor argmin(const Tensor& x, const Axes& axes, bool keepdims) {
  return apply_op<ArgExtreme>({x}, true, axis_set("argmin", axes, x.shape()), keepdims)[0];
}

Tensor take_reduced(const Tensor& x, const Tensor& indices, const Axes& axes, bool keepdims) {
  const AxisSet set = axis_set("take_reduced", axes, x.shape());
  return apply_op<TakeReduced>({x, indices}, set, keepdims)[0];
}

Tensor put_reduced(const Tensor& y, const Tensor& indices, const Shape& shape, const Axes& axes) {
  return apply_op<PutReduced>({y, indices}, shape, axis_set("put_reduced", axes, shape))[0];
}

}  // namespace ops
}  // namespace pygan
