#include "ops/sort/sort.h"

#include "core/autograd.h"
#include "core/error.h"
#include "ops/axis.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<SortKernel> sort_cpu{
    Device::cpu, [](const SortArgs& args) { PYGAN_DISPATCH(sort_axis)(args); }};
const RegisterKernel<MedianKernel> median_cpu{
    Device::cpu, [](const MedianArgs& args) { PYGAN_DISPATCH(sort_median)(args); }};

// (values, indices): the first k along `axis`.
Arrays sorted(const Array& x, int axis, int64_t k, bool descending) {
  const AxisView v(x.shape(), axis);
  const Shape shape = with_extent(x.shape(), axis, k);
  Array y = Array::empty(shape, x.dtype(), x.device());
  Array index = Array::empty(shape, DType::i64, x.device());
  if (y.size() == 0) return {y, index};
  Array workspace = Array::empty({x.size(), kSortWorkspace}, DType::u8, x.device());
  kernel<SortKernel>(x.device())({.x = x.data(),
                                  .y = y.mutable_data(),
                                  .index = index.mutable_ptr<int64_t>(),
                                  .workspace = workspace.mutable_data(),
                                  .outer = v.outer,
                                  .count = v.count,
                                  .inner = v.inner,
                                  .k = k,
                                  .descending = descending,
                                  .f64 = x.dtype() == DType::f64});
  return {y, index};
}

class Sort final : public Op {
 public:
  Sort(const char* name, int axis, int64_t k, bool descending)
      : name_(name), axis_(axis), k_(k), descending_(descending) {}

  const char* name() const override { return name_; }
  bool per_sample() const override { return axis_ != 0; }
  Saves saves() const override { return {0, 1u << 1}; }                 // the indices
  uint32_t differentiable_outputs() const override { return 1u << 0; }  // the values
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    check_float(name_, in[0]);
    return sorted(in[0], axis_, k_, descending_);
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    if (!dout[0].defined()) return {Tensor()};
    return {ops::scatter_add_along_axis(dout[0], out[1], in[0].shape(), axis_)};
  }
  Tensors jvp(const Tensors&, const Tensors& out, const Tensors& tx) const override {
    return {ops::take_along_axis(tx[0], out[1], axis_), Tensor()};
  }

 private:
  const char* name_;
  int axis_;
  int64_t k_;
  bool descending_;
};
PYGAN_REGISTER_OP(sort, true, false)
PYGAN_REGISTER_OP(topk, true, false)

class Median final : public Op {
 public:
  const char* name() const override { return "median"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {0, 1u << 1}; }                 // the indices
  uint32_t differentiable_outputs() const override { return 1u << 0; }  // the values
  double flops(const Arrays&, const Arrays& out) const override {
    return 2 * static_cast<double>(out[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_float(name(), x);
    const int64_t lines = x.dim(0), count = x.dim(1);
    if (count == 0) throw_shape(name(), "the reduced axes are empty: no median");
    const Arrays largest = sorted(x, 1, count / 2 + 1, true);
    Array y = Array::empty({lines}, x.dtype(), x.device());
    Array index = Array::empty({lines, 2}, DType::i64, x.device());
    kernel<MedianKernel>(x.device())({.largest = largest[0].data(),
                                      .largest_index = largest[1].ptr<int64_t>(),
                                      .y = y.mutable_data(),
                                      .index = index.mutable_ptr<int64_t>(),
                                      .lines = lines,
                                      .count = count,
                                      .f64 = x.dtype() == DType::f64});
    return {y, index};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    if (!dout[0].defined()) return {Tensor()};
    const Tensor half = ops::reshape(ops::scale(dout[0], 0.5), {in[0].dim(0), 1});
    const Tensor both = ops::broadcast_to(half, {in[0].dim(0), 2});
    return {ops::scatter_add_along_axis(both, out[1], in[0].shape(), 1)};
  }
  Tensors jvp(const Tensors&, const Tensors& out, const Tensors& tx) const override {
    return {ops::mean(ops::take_along_axis(tx[0], out[1], 1), {1}, false), Tensor()};
  }
};
PYGAN_REGISTER_OP(median, true, false)

}  // namespace

namespace ops {

std::pair<Tensor, Tensor> sort(const Tensor& x, int axis, bool descending) {
  const int i = checked_axis("sort", axis, x.shape());
  const Tensors y = apply_op<Sort>({x}, "sort", i, x.dim(i), descending);
  return {y[0], y[1]};
}

Tensor argsort(const Tensor& x, int axis, bool descending) {
  checked_axis("argsort", axis, x.shape());
  return sort(x.detach(), axis, descending).second;
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int axis, bool largest) {
  const int i = checked_axis("topk", axis, x.shape());
  if (k < 1 || k > x.dim(i))
    throw_shape("topk", "k must be from 1 to " + std::to_string(x.dim(i)) +
                            ", the extent of axis " + std::to_string(axis) + " of " +
                            x.shape().str() + "; got " + std::to_string(k));
  const Tensors y = apply_op<Sort>({x}, "topk", i, k, largest);
  return {y[0], y[1]};
}

Tensor median(const Tensor& x, const Axes& axes, bool keepdims) {
  bool reduced[Shape::kMaxRank] = {};
  for (int axis : axes) {
    const int i = checked_axis("median", axis, x.shape());
    if (reduced[i])
      throw_shape("median",
                  "axis " + std::to_string(axis) + " of " + x.shape().str() + " is named twice");
    reduced[i] = true;
  }
  Axes order, last;
  Shape shape;
  int64_t lines = 1, count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (axes.empty() || reduced[i]) {
      last.push_back(i);
      count *= x.dim(i);
      if (keepdims) shape.push_back(1);
    } else {
      order.push_back(i);
      lines *= x.dim(i);
      shape.push_back(x.dim(i));
    }
  }
  const bool moved = !order.empty() && !last.empty() && last.front() < order.back();
  order.insert(order.end(), last.begin(), last.end());
  const Tensor flat = reshape(moved ? transpose(x, order) : x, {lines, count});
  return reshape(apply_op<Median>({flat})[0], shape);
}

}  // namespace ops
}  // namespace pygan
