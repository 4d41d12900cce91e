#include "ops/index/index.h"

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/axis.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<TakeKernel> take_cpu{
    Device::cpu, [](const IndexArgs& args) { PYGAN_DISPATCH(index_take)(args); }};
const RegisterKernel<ScatterAddKernel> scatter_cpu{
    Device::cpu, [](const IndexArgs& args) { PYGAN_DISPATCH(index_scatter_add)(args); }};
const RegisterKernel<CheckIndexKernel> check_cpu{
    Device::cpu, [](const CheckIndexArgs& args) { return PYGAN_DISPATCH(index_check)(args); }};
const RegisterKernel<OneHotKernel> one_hot_cpu{
    Device::cpu, [](const OneHotArgs& args) { PYGAN_DISPATCH(index_one_hot)(args); }};

void check_dtype(const char* op, const Array& index) {
  if (index.dtype() != DType::i64)
    throw_dtype(op, "the indices must be int64, got " + index.str() + ": convert with astype");
}

// The multi-index of flat position k: "[1, 2]".
std::string position(int64_t k, const Shape& shape) {
  std::string text;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    text = std::to_string(k % shape[i]) + (text.empty() ? "" : ", ") + text;
    k /= shape[i];
  }
  return "[" + text + "]";
}

void check_range(const char* op, const Array& index, int64_t low, int64_t high,
                 const std::string& of) {
  if (index.size() == 0) return;
  const int64_t bad = kernel<CheckIndexKernel>(index.device())(
      {.index = index.ptr<int64_t>(), .n = index.size(), .low = low, .high = high});
  if (bad >= 0)
    throw_shape(
        op, "index " + std::to_string(host_value<int64_t>(index, bad)) + " at " +
                position(bad, index.shape()) + " is out of range for " + of +
                (high > 0 ? ": expected " + std::to_string(low) + " to " + std::to_string(high - 1)
                          : ": there is nothing to take"));
}

enum class Mode { gather, along };

// What the indices along `axis` of x make of its shape.
Shape taken_shape(const char* op, Mode mode, const Shape& x, const Shape& index, int axis) {
  Shape y;
  if (mode == Mode::along) {
    const bool fits = index.rank() == x.rank() && with_extent(index, axis, x[axis]) == x;
    if (!fits)
      throw_shape(op, "indices " + index.str() + " for x " + x.str() +
                          ": expected x's shape but for axis " + std::to_string(axis));
    return index;
  }
  for (int i = 0; i < axis; ++i) y.push_back(x[i]);
  for (int64_t extent : index) y.push_back(extent);
  for (int i = axis + 1; i < x.rank(); ++i) y.push_back(x[i]);
  return y;
}

IndexArgs geometry(const char* op, Mode mode, const Shape& x, const Array& index, int axis) {
  check_range(
      op, index, -x[axis], x[axis],
      "axis " + std::to_string(axis) + " of " + x.str() + ", of extent " + std::to_string(x[axis]));
  const AxisView v(x, axis);
  IndexArgs args{};
  args.index = index.ptr<int64_t>();
  args.along = mode == Mode::along;
  args.outer = v.outer;
  args.extent = v.count;
  args.inner = v.inner;
  args.count = mode == Mode::along ? index.dim(axis) : index.size();
  return args;
}

struct Indexing : Op {  // gather and take_along_axis, and their adjoints
  Mode mode;
  int axis;
  Indexing(Mode m, int a) : mode(m), axis(a) {}
  bool per_sample() const override { return axis != 0; }
  Saves saves() const override { return {1u << 1, 0}; }  // the index
};

struct Take final : Indexing {
  using Indexing::Indexing;
  const char* name() const override { return mode == Mode::gather ? "gather" : "take_along_axis"; }
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &index = in[1];
    check_dtype(name(), index);
    const Shape shape = taken_shape(name(), mode, x.shape(), index.shape(), axis);
    IndexArgs args = geometry(name(), mode, x.shape(), index, axis);
    Array y = Array::empty(shape, x.dtype(), x.device());
    if (y.size() == 0) return {y};
    args.from = x.data();
    args.to = y.mutable_data();
    args.item_size = static_cast<int>(item_size(x.dtype()));
    kernel<TakeKernel>(x.device())(args);
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    const Shape& x = in[0].shape();
    return {mode == Mode::gather ? ops::scatter_add(dout[0], in[1], x, axis)
                                 : ops::scatter_add_along_axis(dout[0], in[1], x, axis),
            Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {mode == Mode::gather ? ops::gather(tx[0], in[1], axis)
                                 : ops::take_along_axis(tx[0], in[1], axis)};
  }
};
PYGAN_REGISTER_OP(gather, true, false)
PYGAN_REGISTER_OP(take_along_axis, true, false)

struct ScatterAdd final : Indexing {
  Shape shape;
  ScatterAdd(Mode m, int a, const Shape& x) : Indexing(m, a), shape(x) {}
  const char* name() const override {
    return mode == Mode::gather ? "scatter_add" : "scatter_add_along_axis";
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array &y = in[0], &index = in[1];
    check_float(name(), y);
    check_dtype(name(), index);
    const Shape expected = taken_shape(name(), mode, shape, index.shape(), axis);
    if (!(y.shape() == expected))
      throw_shape(name(), "y " + y.shape().str() + " with indices " + index.shape().str() +
                              " into " + shape.str() + ": expected " + expected.str());
    IndexArgs args = geometry(name(), mode, shape, index, axis);
    Array x = Array::zeros(shape, y.dtype(), y.device());
    if (y.size() == 0) return {x};
    args.from = y.data();
    args.to = x.mutable_data();
    args.f64 = y.dtype() == DType::f64;
    kernel<ScatterAddKernel>(y.device())(args);
    return {x};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {mode == Mode::gather ? ops::gather(dout[0], in[1], axis)
                                 : ops::take_along_axis(dout[0], in[1], axis),
            Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {mode == Mode::gather ? ops::scatter_add(tx[0], in[1], shape, axis)
                                 : ops::scatter_add_along_axis(tx[0], in[1], shape, axis)};
  }
};
PYGAN_REGISTER_OP(scatter_add, true, false)
PYGAN_REGISTER_OP(scatter_add_along_axis, true, false)

uint64_t bits_of_one(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x3f800000;
    case DType::f64:
      return 0x3ff0000000000000;
    default:
      return 1;
  }
}

class OneHot final : public Op {
 public:
  OneHot(int64_t classes, DType dtype) : classes_(classes), dtype_(dtype) {
    if (classes < 1)
      throw_shape(name(), "classes must be at least 1, got " + std::to_string(classes));
  }

  const char* name() const override { return "one_hot"; }
  bool differentiable() const override { return false; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    const Array& index = in[0];
    check_dtype(name(), index);
    check_range(name(), index, 0, classes_, std::to_string(classes_) + " classes");
    Shape shape = index.shape();
    shape.push_back(classes_);
    check_dtype_on(name(), dtype_, index.device());
    Array y = Array::zeros(shape, dtype_, index.device());
    kernel<OneHotKernel>(index.device())({.index = index.ptr<int64_t>(),
                                          .y = y.mutable_data(),
                                          .n = index.size(),
                                          .classes = classes_,
                                          .item_size = static_cast<int>(item_size(dtype_)),
                                          .one = bits_of_one(dtype_)});
    return {y};
  }

 private:
  int64_t classes_;
  DType dtype_;
};
PYGAN_REGISTER_OP(one_hot, false, false)

}  // namespace

namespace ops {

Tensor gather(const Tensor& x, const Tensor& indices, int axis) {
  return apply_op<Take>({x, indices}, Mode::gather, checked_axis("gather", axis, x.shape()))[0];
}

Tensor scatter_add(const Tensor& y, const Tensor& indices, const Shape& shape, int axis) {
  return apply_op<ScatterAdd>({y, indices}, Mode::gather, checked_axis("scatter_add", axis, shape),
                              shape)[0];
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis) {
  return apply_op<Take>({x, indices}, Mode::along,
                        checked_axis("take_along_axis", axis, x.shape()))[0];
}

Tensor scatter_add_along_axis(const Tensor& y, const Tensor& indices, const Shape& shape,
                              int axis) {
  return apply_op<ScatterAdd>({y, indices}, Mode::along,
                              checked_axis("scatter_add_along_axis", axis, shape), shape)[0];
}

Tensor embedding(const Tensor& table, const Tensor& indices) {
  if (table.rank() != 2)
    throw_shape("embedding", "the table must be (entries, features), got " + table.shape().str());
  check_dtype("embedding", indices.array());
  return gather(table, indices, 0);
}

Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype) {
  return apply_op<OneHot>({indices}, classes, dtype)[0];
}

}  // namespace ops
}  // namespace pygan
