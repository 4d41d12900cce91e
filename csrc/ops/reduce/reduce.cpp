#include "ops/reduce/reduce.h"

#include <algorithm>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<SumKernel> sum_cpu{
    Device::cpu, [](const SumArgs& args) { PYGAN_DISPATCH(reduce_sum)(args); }};
const RegisterKernel<MaxKernel> max_cpu{
    Device::cpu, [](const MaxArgs& args) { PYGAN_DISPATCH(reduce_max)(args); }};
const RegisterKernel<PickKernel> pick_cpu{
    Device::cpu, [](const PickArgs& args) { return PYGAN_DISPATCH(reduce_pick)(args); }};

// ---- axes --------------------------------------------------------------------------------------

using AxisSet = uint32_t;  // bit i: axis i is reduced

bool has(AxisSet set, int axis) { return set >> axis & 1; }

AxisSet axis_set(const char* op, const ops::Axes& axes, const Shape& x) {
  if (axes.empty()) return (AxisSet{1} << x.rank()) - 1;
  AxisSet set = 0;
  for (int axis : axes) {
    const int i = axis < 0 ? axis + x.rank() : axis;
    if (i < 0 || i >= x.rank())
      throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.str());
    if (has(set, i))
      throw_shape(op, "axis " + std::to_string(axis) + " of " + x.str() + " is named twice");
    set |= AxisSet{1} << i;
  }
  return set;
}

ops::Axes axis_list(AxisSet set) {
  ops::Axes axes;
  for (int i = 0; i < Shape::kMaxRank; ++i)
    if (has(set, i)) axes.push_back(i);
  return axes;
}

Shape reduced_shape(const Shape& x, AxisSet set, bool keepdims) {
  Shape y;
  for (int i = 0; i < x.rank(); ++i)
    if (!has(set, i))
      y.push_back(x[i]);
    else if (keepdims)
      y.push_back(1);
  return y;
}

int64_t reduced_size(const Shape& x, AxisSet set) {
  int64_t n = 1;
  for (int i = 0; i < x.rank(); ++i)
    if (has(set, i)) n *= x[i];
  return n;
}

// y, one number a reduction, as it broadcasts against x: 1s for the axes that were reduced.
Tensor against(const Tensor& y, const Shape& x, AxisSet set) {
  return ops::reshape(y, reduced_shape(x, set, true));
}

// ---- passes ------------------------------------------------------------------------------------

// Large enough to be worth a thread; small enough that partial sums stay few and the order of
// additions is a tree.
constexpr int64_t kPieceElements = 1 << 15, kPieceRows = 64;

// x's axes, neighbours merged that are both reduced or both kept. Passes consume it from the end.
class Passes {
 public:
  Passes(const Shape& x, AxisSet set) {
    for (int i = 0; i < x.rank(); ++i) {
      if (x[i] == 1) continue;
      if (rank_ > 0 && reduced_[rank_ - 1] == has(set, i)) {
        extent_[rank_ - 1] *= x[i];
      } else {
        extent_[rank_] = x[i];
        reduced_[rank_++] = has(set, i);
      }
    }
  }

  // The next pass. There is always one, for its Finish, even where nothing is reduced.
  Pass next() {
    int axis = rank_ - 1;
    while (axis >= 0 && !reduced_[axis]) --axis;
    Pass pass{1, 1, 1, 1, 1};
    for (int i = 0; i < axis; ++i) pass.outer *= extent_[i];
    for (int i = axis + 1; i < rank_; ++i) pass.inner *= extent_[i];
    if (axis >= 0) pass.count = extent_[axis];
    pass.piece = std::max(kPieceRows, kPieceElements / std::max<int64_t>(1, pass.inner));
    pass.pieces = std::max<int64_t>(1, (pass.count + pass.piece - 1) / pass.piece);
    if (axis >= 0) {
      extent_[axis] = pass.pieces;
      reduced_[axis] = pass.pieces > 1;
    }
    return pass;
  }

  bool done() const { return std::find(reduced_, reduced_ + rank_, true) == reduced_ + rank_; }

 private:
  int rank_ = 0;
  int64_t extent_[Shape::kMaxRank] = {};
  bool reduced_[Shape::kMaxRank] = {};
};

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

// ---- max, and one element of each reduction ----------------------------------------------------

class Max final : public Op {
 public:
  Max(AxisSet set, bool keepdims) : set_(set), keepdims_(keepdims) {}

  const char* name() const override { return "max"; }
  bool per_sample() const override { return !has(set_, 0); }
  Saves saves() const override { return {0, 1u << 1}; }                 // the index
  uint32_t differentiable_outputs() const override { return 1u << 0; }  // the values
  double flops(const Arrays& in, const Arrays&) const override {
    return static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_float(name(), x);
    const Shape shape = reduced_shape(x.shape(), set_, keepdims_);
    if (reduced_size(x.shape(), set_) == 0)
      throw_shape(name(), "the reduced axes of " + x.shape().str() + " are empty: no maximum");
    Array y = Array::empty(shape, x.dtype(), x.device());
    Array y_index = Array::empty(shape, DType::i64, x.device());
    if (y.size() == 0) return {y, y_index};
    Passes passes(x.shape(), set_);
    Array from = x, from_index;
    int64_t span = 1;  // elements of x that one element of `from` stands for
    for (;;) {
      const Pass pass = passes.next();
      const Shape partial{pass.outer, pass.pieces, pass.inner};
      Array to = passes.done() ? y : Array::empty(partial, x.dtype(), x.device());
      Array to_index = passes.done() ? y_index : Array::empty(partial, DType::i64, x.device());
      const bool first = !from_index.defined();
      kernel<MaxKernel>(x.device())({.x = from.data(),
                                     .x_index = first ? nullptr : from_index.ptr<int64_t>(),
                                     .x_span = span,
                                     .y = to.mutable_data(),
                                     .y_index = to_index.mutable_ptr<int64_t>(),
                                     .pass = pass,
                                     .f64 = x.dtype() == DType::f64});
      if (passes.done()) return {y, y_index};
      span *= pass.pieces > 1 ? pass.piece : pass.count;
      from = to;
      from_index = to_index;
    }
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
  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(max, true, false)

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

std::pair<Tensor, Tensor> max(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensors y = apply_op<Max>({x}, axis_set("max", axes, x.shape()), keepdims);
  return {y[0], y[1]};
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
