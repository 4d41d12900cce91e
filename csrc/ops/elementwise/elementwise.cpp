#include "ops/elementwise/elementwise.h"

#include <memory>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<UnaryKernel> unary_cpu{
    Device::cpu, [](const UnaryArgs& args) { PYGAN_DISPATCH(unary)(args); }};
const RegisterKernel<BinaryKernel> binary_cpu{
    Device::cpu, [](const BinaryArgs& args) { PYGAN_DISPATCH(binary)(args); }};
const RegisterKernel<CastKernel> cast_cpu{Device::cpu,
                                          [](const CastArgs& args) { PYGAN_DISPATCH(cast)(args); }};

// ---- y = f(x) ----------------------------------------------------------------------------------

// The Jacobian is diagonal: vjp and jvp are the same product f'(x) d.
class UnaryOp : public Op {
 public:
  UnaryOp(const char* name, Unary op, Saves saves, double a = 0)
      : name_(name), op_(op), saves_(saves), a_(a) {}

  virtual Tensor derivative(const Tensor& x, const Tensor& y, const Tensor& d) const = 0;

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }
  Saves saves() const final { return saves_; }

  Arrays eval(const Arrays& in) const final {
    const Array& x = in[0];
    check_float(name_, x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<UnaryKernel>(x.device())({.x = x.data(),
                                     .y = y.mutable_data(),
                                     .n = x.size(),
                                     .a = a_,
                                     .op = op_,
                                     .f64 = x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const final {
    return {derivative(in[0], out[0], dout[0])};
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const final {
    return {derivative(in[0], out[0], tx[0])};
  }

 protected:
  double a() const { return a_; }

 private:
  const char* name_;
  Unary op_;
  Saves saves_;
  double a_;
};

constexpr Saves kNothing{0, 0}, kX{1, 0}, kY{0, 1}, kXY{1, 1};

// A member of the family: its functor, what it saves, f'(x) d.
#define PYGAN_UNARY(Class, op, saves, formula)                                            \
  struct Class final : UnaryOp {                                                          \
    explicit Class(double a = 0) : UnaryOp(#op, Unary::op, saves, a) {}                   \
    Tensor derivative([[maybe_unused]] const Tensor& x, [[maybe_unused]] const Tensor& y, \
                      const Tensor& d) const override {                                   \
      using namespace ops;                                                                \
      return formula;                                                                     \
    }                                                                                     \
  };                                                                                      \
  PYGAN_REGISTER_OP(op, true, false)

PYGAN_UNARY(Neg, neg, kNothing, neg(d))
PYGAN_UNARY(Exp, exp, kY, mul(d, y))
PYGAN_UNARY(Log, log, kX, div(d, x))
PYGAN_UNARY(Sqrt, sqrt, kY, div(scale(d, 0.5), y))
PYGAN_UNARY(Square, square, kX, mul(d, scale(x, 2)))
PYGAN_UNARY(Tanh, tanh, kY, mul(d, shift(neg(square(y)), 1)))
PYGAN_UNARY(Sigmoid, sigmoid, kXY, mul(d, mul(y, sigmoid(neg(x)))))
PYGAN_UNARY(Softplus, softplus, kX, mul(d, sigmoid(x)))
PYGAN_UNARY(Scale, scale, kNothing, scale(d, a()))
PYGAN_UNARY(Shift, shift, kNothing, d)
#undef PYGAN_UNARY

// ---- y = f(a, b), broadcast --------------------------------------------------------------------

Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1)
      throw_shape(op, a.str() + " and " + b.str() +
                          " do not broadcast: from the right, extents must be equal or 1");
    out.push_back(da == 1 ? db : da);
  }
  return out;
}

// Extents and strides with axes of extent 1 dropped and neighbours merged where both operands
// allow.
BinaryArgs merge_axes(const Shape& a, const Shape& b, const Shape& y) {
  BinaryArgs args{};
  int64_t a_run = 1, b_run = 1;  // elements of a and of b within the axes already seen
  int64_t extent[Shape::kMaxRank], a_stride[Shape::kMaxRank], b_stride[Shape::kMaxRank];
  int rank = 0;  // from the last axis to the first
  for (int i = y.rank() - 1; i >= 0; --i) {
    const int ia = i - (y.rank() - a.rank()), ib = i - (y.rank() - b.rank());
    const int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    const int64_t sa = da == 1 ? 0 : a_run, sb = db == 1 ? 0 : b_run;
    a_run *= da;
    b_run *= db;
    if (y[i] == 1) continue;
    const int last = rank - 1;
    if (rank > 0 && sa == a_stride[last] * extent[last] && sb == b_stride[last] * extent[last]) {
      extent[last] *= y[i];
    } else {
      extent[rank] = y[i];
      a_stride[rank] = sa;
      b_stride[rank] = sb;
      ++rank;
    }
  }
  if (rank == 0) {  // one element
    extent[rank] = a_stride[rank] = b_stride[rank] = 1;
    ++rank;
  }
  args.rank = rank;
  for (int i = 0; i < rank; ++i) {
    args.extent[i] = extent[rank - 1 - i];
    args.a_stride[i] = a_stride[rank - 1 - i];
    args.b_stride[i] = b_stride[rank - 1 - i];
  }
  return args;
}

class BinaryOp : public Op {
 public:
  BinaryOp(const char* name, Binary op, Saves saves) : name_(name), op_(op), saves_(saves) {}

  // Gradients of the operands, before the sum over broadcast axes. `d` has y's shape.
  virtual Tensor da(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& d) const = 0;
  virtual Tensor db(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& d) const = 0;

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }
  Saves saves() const final { return saves_; }

  Arrays eval(const Arrays& in) const final {
    const Array &a = in[0], &b = in[1];
    check_same_dtype(name_, in);
    check_float(name_, a);
    const Shape shape = broadcast_shape(name_, a.shape(), b.shape());
    Array y = Array::empty(shape, a.dtype(), a.device());
    if (y.size() == 0) return {y};
    BinaryArgs args = merge_axes(a.shape(), b.shape(), shape);
    args.a = a.data();
    args.b = b.data();
    args.y = y.mutable_data();
    args.op = op_;
    args.f64 = a.dtype() == DType::f64;
    kernel<BinaryKernel>(a.device())(args);
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs& needs) const final {
    const Tensor &a = in[0], &b = in[1];
    Tensors dx(2);
    if (needs[0]) dx[0] = ops::sum_to(da(a, b, out[0], dout[0]), a.shape());
    if (needs[1]) dx[1] = ops::sum_to(db(a, b, out[0], dout[0]), b.shape());
    return dx;
  }
  // The operands' gradients are products with a diagonal, so they serve tangents as well.
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const final {
    const Tensor &a = in[0], &b = in[1], &y = out[0];
    Tensor ta, tb;
    if (tx[0].defined()) ta = da(a, b, y, ops::broadcast_to(tx[0], y.shape()));
    if (tx[1].defined()) tb = db(a, b, y, ops::broadcast_to(tx[1], y.shape()));
    if (!ta.defined()) return {tb};
    return {tb.defined() ? ops::add(ta, tb) : ta};
  }

 private:
  const char* name_;
  Binary op_;
  Saves saves_;
};

#define PYGAN_BINARY(Class, op, saves, da_formula, db_formula)                  \
  struct Class final : BinaryOp {                                               \
    Class() : BinaryOp(#op, Binary::op, saves) {}                               \
    using T = const Tensor&;                                                    \
    Tensor da([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T y, \
              T d) const override {                                             \
      using namespace ops;                                                      \
      return da_formula;                                                        \
    }                                                                           \
    Tensor db([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T y, \
              T d) const override {                                             \
      using namespace ops;                                                      \
      return db_formula;                                                        \
    }                                                                           \
  };                                                                            \
  PYGAN_REGISTER_OP(op, true, false)

constexpr Saves kOperands{3, 0}, kDivision{2, 1};  // division: b and y

PYGAN_BINARY(Add, add, kNothing, d, d)
PYGAN_BINARY(Sub, sub, kNothing, d, neg(d))
PYGAN_BINARY(Mul, mul, kOperands, mul(d, b), mul(d, a))
PYGAN_BINARY(Div, div, kDivision, div(d, b), neg(div(mul(d, y), b)))
PYGAN_BINARY(DivideNoNan, divide_no_nan, kDivision, divide_no_nan(d, b),
             neg(divide_no_nan(mul(d, y), b)))
#undef PYGAN_BINARY

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

// One instance serves every call of an op without hyper-parameters.
template <class O>
Tensor shared(const Tensors& in) {
  static const auto op = std::make_shared<const O>();
  return pygan::apply(op, in)[0];
}

}  // namespace

namespace ops {

Tensor neg(const Tensor& x) { return shared<Neg>({x}); }
Tensor exp(const Tensor& x) { return shared<Exp>({x}); }
Tensor log(const Tensor& x) { return shared<Log>({x}); }
Tensor sqrt(const Tensor& x) { return shared<Sqrt>({x}); }
Tensor square(const Tensor& x) { return shared<Square>({x}); }
Tensor tanh(const Tensor& x) { return shared<Tanh>({x}); }
Tensor sigmoid(const Tensor& x) { return shared<Sigmoid>({x}); }
Tensor softplus(const Tensor& x) { return shared<Softplus>({x}); }
Tensor scale(const Tensor& x, double a) { return apply_op<Scale>({x}, a)[0]; }
Tensor shift(const Tensor& x, double a) { return apply_op<Shift>({x}, a)[0]; }
Tensor astype(const Tensor& x, DType dtype) { return apply_op<AsType>({x}, dtype)[0]; }

Tensor add(const Tensor& a, const Tensor& b) { return shared<Add>({a, b}); }
Tensor sub(const Tensor& a, const Tensor& b) { return shared<Sub>({a, b}); }
Tensor mul(const Tensor& a, const Tensor& b) { return shared<Mul>({a, b}); }
Tensor div(const Tensor& a, const Tensor& b) { return shared<Div>({a, b}); }
Tensor divide_no_nan(const Tensor& a, const Tensor& b) { return shared<DivideNoNan>({a, b}); }

}  // namespace ops
}  // namespace pygan
