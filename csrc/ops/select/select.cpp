#include "ops/select/select.h"

#include <limits>
#include <string>

#include "core/error.h"
#include "ops/elementwise/diagonal.h"

namespace pygan {
namespace {

const RegisterKernel<ClipKernel> clip_cpu{Device::cpu,
                                          [](const ClipArgs& args) { PYGAN_DISPATCH(clip)(args); }};
const RegisterKernel<CompareKernel> compare_cpu{
    Device::cpu, [](const CompareArgs& args) { PYGAN_DISPATCH(compare)(args); }};
const RegisterKernel<WhereKernel> where_cpu{
    Device::cpu, [](const WhereArgs& args) { PYGAN_DISPATCH(where)(args); }};

// A number that broadcasts against x.
Tensor number(double value, const Tensor& x) {
  return Tensor(Array::full({}, value, x.dtype(), x.device()));
}

// ---- maximum, minimum --------------------------------------------------------------------------

Tensor where_true(const Tensor& c, const Tensor& d) { return ops::where(c, d, number(0, d)); }
Tensor where_false(const Tensor& c, const Tensor& d) { return ops::where(c, number(0, d), d); }

PYGAN_BINARY(Maximum, maximum, kOperands, where_false(less(a, b), d), where_true(less(a, b), d))
PYGAN_BINARY(Minimum, minimum, kOperands, where_false(less(b, a), d), where_true(less(b, a), d))

// ---- clip --------------------------------------------------------------------------------------

// Both ops: without `dy` the forward pass, with it the backward pass.
Array run_clip(const Array& x, const Array* dy, double low, double high) {
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  kernel<ClipKernel>(x.device())({.x = x.data(),
                                  .dy = dy ? dy->data() : nullptr,
                                  .y = y.mutable_data(),
                                  .n = x.size(),
                                  .low = low,
                                  .high = high,
                                  .f64 = x.dtype() == DType::f64});
  return y;
}

void check_bounds(const char* op, double low, double high) {
  if (!(low <= high))
    throw ConfigError(std::string(op) + ": low must not be above high, got " + std::to_string(low) +
                      " and " + std::to_string(high));
}

class Clip final : public Op {
 public:
  Clip(double low, double high) : low_(low), high_(high) { check_bounds(name(), low, high); }

  const char* name() const override { return "clip"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return kX; }

  Arrays eval(const Arrays& in) const override {
    check_float(name(), in[0]);
    return {run_clip(in[0], nullptr, low_, high_)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::clip_grad(dout[0], in[0], low_, high_)};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    return {ops::clip_grad(tx[0], in[0], low_, high_)};
  }

 private:
  double low_, high_;
};
PYGAN_REGISTER_OP(clip, true, false)

class ClipGrad final : public Op {
 public:
  ClipGrad(double low, double high) : low_(low), high_(high) { check_bounds(name(), low, high); }

  const char* name() const override { return "clip_grad"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {.inputs = 1u << 1, .outputs = 0}; }  // x

  Arrays eval(const Arrays& in) const override {
    const Array &dy = in[0], &x = in[1];
    check_float(name(), x);
    check_same_dtype(name(), in);
    if (!(dy.shape() == x.shape()))
      throw_shape(name(), "dy " + dy.shape().str() + " and x " + x.shape().str() + " differ");
    return {run_clip(x, &dy, low_, high_)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    if (!needs[0]) return {Tensor(), Tensor()};
    return {ops::clip_grad(dout[0], in[1], low_, high_), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::clip_grad(tx[0], in[1], low_, high_)};
  }

 private:
  double low_, high_;
};
PYGAN_REGISTER_OP(clip_grad, true, false)

// ---- comparisons -------------------------------------------------------------------------------

class CompareOp : public Op {
 public:
  CompareOp(const char* name, Compare op) : name_(name), op_(op) {}

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }
  bool differentiable() const final { return false; }
  Saves saves() const final { return kNothing; }

  Arrays eval(const Arrays& in) const final {
    const Array &a = in[0], &b = in[1];
    check_same_dtype(name_, in);
    const Shape shape = broadcast_shape(name_, a.shape(), b.shape());
    Array y = Array::empty(shape, DType::boolean, a.device());
    if (y.size() == 0) return {y};
    kernel<CompareKernel>(a.device())({.a = a.data(),
                                       .b = b.data(),
                                       .y = static_cast<uint8_t*>(y.mutable_data()),
                                       .axes = broadcast_axes({&a.shape(), &b.shape()}, shape),
                                       .op = op_,
                                       .dtype = a.dtype()});
    return {y};
  }

 private:
  const char* name_;
  Compare op_;
};

#define PYGAN_COMPARE(Class, op)             \
  struct Class final : CompareOp {           \
    Class() : CompareOp(#op, Compare::op) {} \
  };                                         \
  PYGAN_REGISTER_OP(op, false, false)

PYGAN_COMPARE(Equal, equal)
PYGAN_COMPARE(NotEqual, not_equal)
PYGAN_COMPARE(Less, less)
PYGAN_COMPARE(LessEqual, less_equal)
#undef PYGAN_COMPARE

// ---- where -------------------------------------------------------------------------------------

class Where final : public Op {
 public:
  const char* name() const override { return "where"; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {1u << 0, 0}; }  // c
  double flops(const Arrays&, const Arrays&) const override { return 0; }

  Arrays eval(const Arrays& in) const override {
    const Array &c = in[0], &a = in[1], &b = in[2];
    if (c.dtype() != DType::boolean)
      throw_dtype(name(), "the condition must be bool, got " + c.str() + ": compare it first");
    check_same_dtype(name(), {a, b});
    const Shape chosen = broadcast_shape(name(), a.shape(), b.shape());
    const Shape shape = broadcast_shape(name(), c.shape(), chosen);
    Array y = Array::empty(shape, a.dtype(), a.device());
    if (y.size() == 0) return {y};
    kernel<WhereKernel>(a.device())(
        {.c = static_cast<const uint8_t*>(c.data()),
         .a = a.data(),
         .b = b.data(),
         .y = y.mutable_data(),
         .axes = broadcast_axes({&c.shape(), &a.shape(), &b.shape()}, shape),
         .item = item_size(a.dtype())});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    Tensors dx(3);
    if (needs[1]) dx[1] = ops::sum_to(where_true(in[0], dout[0]), in[1].shape());
    if (needs[2]) dx[2] = ops::sum_to(where_false(in[0], dout[0]), in[2].shape());
    return dx;
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const override {
    if (!tx[1].defined() && !tx[2].defined()) return {Tensor()};
    const Tensor zero = number(0, out[0]);
    const Tensor ty =
        ops::where(in[0], tx[1].defined() ? tx[1] : zero, tx[2].defined() ? tx[2] : zero);
    return {ops::broadcast_to(ty, out[0].shape())};
  }
};
PYGAN_REGISTER_OP(where, true, false)

void check_bool(const char* op, const Tensor& x) {
  if (x.dtype() != DType::boolean)
    throw_dtype(op, "needs bool, got " + x.array().str() + ": compare it first");
}

}  // namespace

namespace ops {

Tensor maximum(const Tensor& a, const Tensor& b) { return apply_shared<Maximum>({a, b}); }
Tensor minimum(const Tensor& a, const Tensor& b) { return apply_shared<Minimum>({a, b}); }

Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return apply_op<Clip>({x}, low.value_or(-infinity), high.value_or(infinity))[0];
}
Tensor clip_grad(const Tensor& dy, const Tensor& x, std::optional<double> low,
                 std::optional<double> high) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return apply_op<ClipGrad>({dy, x}, low.value_or(-infinity), high.value_or(infinity))[0];
}

Tensor equal(const Tensor& a, const Tensor& b) { return apply_shared<Equal>({a, b}); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return apply_shared<NotEqual>({a, b}); }
Tensor less(const Tensor& a, const Tensor& b) { return apply_shared<Less>({a, b}); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return apply_shared<LessEqual>({a, b}); }
Tensor greater(const Tensor& a, const Tensor& b) { return less(b, a); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return less_equal(b, a); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return apply_shared<Where>({condition, a, b});
}

Tensor logical_and(const Tensor& a, const Tensor& b) {
  check_bool("logical_and", a);
  check_bool("logical_and", b);
  return where(a, b, number(0, a));
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  check_bool("logical_or", a);
  check_bool("logical_or", b);
  return where(a, number(1, a), b);
}
Tensor logical_not(const Tensor& x) {
  check_bool("logical_not", x);
  return equal(x, number(0, x));
}

}  // namespace ops
}  // namespace pygan
