#include "ops/elementwise/elementwise.h"

#include <string>

#include "core/device.h"
#include "core/error.h"
#include "ops/elementwise/diagonal.h"

namespace pygan {
namespace {

const RegisterKernel<UnaryKernel> unary_cpu{
    Device::cpu, [](const UnaryArgs& args) { PYGAN_DISPATCH(unary)(args); }};
const RegisterKernel<BinaryKernel> binary_cpu{
    Device::cpu, [](const BinaryArgs& args) { PYGAN_DISPATCH(binary)(args); }};
const RegisterKernel<CastKernel> cast_cpu{Device::cpu,
                                          [](const CastArgs& args) { PYGAN_DISPATCH(cast)(args); }};

}  // namespace

// ---- y = f(a, b), broadcast --------------------------------------------------------------------

Arrays BinaryOp::eval(const Arrays& in) const {
  const Array &a = in[0], &b = in[1];
  check_same_dtype(name_, in);
  check_float(name_, a);
  const Shape shape = broadcast_shape(name_, a.shape(), b.shape());
  Array y = Array::empty(shape, a.dtype(), a.device());
  if (y.size() == 0) return {y};
  kernel<BinaryKernel>(a.device())({.a = a.data(),
                                    .b = b.data(),
                                    .y = y.mutable_data(),
                                    .axes = broadcast_axes({&a.shape(), &b.shape()}, shape),
                                    .op = op_,
                                    .f64 = a.dtype() == DType::f64});
  return {y};
}

Tensors BinaryOp::vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
                      const Needs& needs) const {
  const Tensor &a = in[0], &b = in[1];
  Tensors dx(2);
  if (needs[0]) dx[0] = ops::sum_to(da(a, b, out[0], dout[0]), a.shape());
  if (needs[1]) dx[1] = ops::sum_to(db(a, b, out[0], dout[0]), b.shape());
  return dx;
}

Tensors BinaryOp::jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const {
  const Tensor &a = in[0], &b = in[1], &y = out[0];
  Tensor ta, tb;
  if (tx[0].defined()) ta = da(a, b, y, ops::broadcast_to(tx[0], y.shape()));
  if (tx[1].defined()) tb = db(a, b, y, ops::broadcast_to(tx[1], y.shape()));
  if (!ta.defined()) return {tb};
  return {tb.defined() ? ops::add(ta, tb) : ta};
}

namespace {

constexpr Saves kDivision{2, 1};  // b and y

PYGAN_BINARY(Add, add, kNothing, d, d)
PYGAN_BINARY(Sub, sub, kNothing, d, neg(d))
PYGAN_BINARY(Mul, mul, kOperands, mul(d, b), mul(d, a))
PYGAN_BINARY(Div, div, kDivision, div(d, b), neg(div(mul(d, y), b)))
PYGAN_BINARY(DivideNoNan, divide_no_nan, kDivision, divide_no_nan(d, b),
             neg(divide_no_nan(mul(d, y), b)))

// ---- y = f(x) ----------------------------------------------------------------------------------

using Arithmetic = UnaryOp<UnaryKernel, Unary>;

PYGAN_UNARY(Neg, Arithmetic, Unary, neg, kNothing, neg(d))
PYGAN_UNARY(Abs, Arithmetic, Unary, abs, kX, mul(d, sign(x)))
PYGAN_UNARY(Sqrt, Arithmetic, Unary, sqrt, kY, div(scale(d, 0.5), y))
PYGAN_UNARY(Square, Arithmetic, Unary, square, kX, mul(d, scale(x, 2)))
PYGAN_UNARY(Scale, Arithmetic, Unary, scale, kNothing, scale(d, a()))
PYGAN_UNARY(Shift, Arithmetic, Unary, shift, kNothing, d)

class Sign final : public Op {
 public:
  const char* name() const override { return "sign"; }
  bool per_sample() const override { return true; }
  bool differentiable() const override { return false; }
  Saves saves() const override { return kNothing; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_float(name(), x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<UnaryKernel>(x.device())({.x = x.data(),
                                     .y = y.mutable_data(),
                                     .n = x.size(),
                                     .a = 0,
                                     .op = Unary::sign,
                                     .f64 = x.dtype() == DType::f64});
    return {y};
  }
};
PYGAN_REGISTER_OP(sign, false, false)

// ---- astype ------------------------------------------------------------------------------------

class AsType final : public Op {
 public:
  explicit AsType(DType dtype) : dtype_(dtype) {}

  const char* name() const override { return "astype"; }
  bool per_sample() const override { return true; }
  bool differentiable() const override { return is_float(dtype_); }
  Saves saves() const override { return kNothing; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_dtype_on(name(), dtype_, x.device());
    Array y = Array::empty(x.shape(), dtype_, x.device());
    kernel<CastKernel>(x.device())(
        {.x = x.data(), .y = y.mutable_data(), .n = x.size(), .from = x.dtype(), .to = dtype_});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {is_float(in[0].dtype()) ? ops::astype(dout[0], in[0].dtype()) : Tensor()};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::astype(tx[0], dtype_)};
  }

 private:
  DType dtype_;
};
PYGAN_REGISTER_OP(astype, true, false)

}  // namespace

namespace ops {

Tensor neg(const Tensor& x) { return apply_shared<Neg>({x}); }
Tensor abs(const Tensor& x) { return apply_shared<Abs>({x}); }
Tensor sign(const Tensor& x) { return apply_shared<Sign>({x}); }
Tensor sqrt(const Tensor& x) { return apply_shared<Sqrt>({x}); }
Tensor square(const Tensor& x) { return apply_shared<Square>({x}); }
Tensor scale(const Tensor& x, double a) { return apply_op<Scale>({x}, a)[0]; }
Tensor shift(const Tensor& x, double a) { return apply_op<Shift>({x}, a)[0]; }
Tensor astype(const Tensor& x, DType dtype) { return apply_op<AsType>({x}, dtype)[0]; }

Tensor add(const Tensor& a, const Tensor& b) { return apply_shared<Add>({a, b}); }
Tensor sub(const Tensor& a, const Tensor& b) { return apply_shared<Sub>({a, b}); }
Tensor mul(const Tensor& a, const Tensor& b) { return apply_shared<Mul>({a, b}); }
Tensor div(const Tensor& a, const Tensor& b) { return apply_shared<Div>({a, b}); }
Tensor divide_no_nan(const Tensor& a, const Tensor& b) { return apply_shared<DivideNoNan>({a, b}); }

}  // namespace ops
}  // namespace pygan
