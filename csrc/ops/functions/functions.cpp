#include "ops/functions/functions.h"

#include <cmath>
#include <numbers>
#include <string>

#include "core/error.h"
#include "ops/elementwise/diagonal.h"

namespace pygan {
namespace {

const RegisterKernel<FunctionKernel> functions_cpu{
    Device::cpu, [](const FunctionArgs& args) { PYGAN_DISPATCH(functions)(args); }};

using FunctionOp = UnaryOp<FunctionKernel, Function>;

#define PYGAN_FUNCTION(Class, op, saves, formula) \
  PYGAN_UNARY(Class, FunctionOp, Function, op, saves, formula)

PYGAN_FUNCTION(Exp, exp, kY, mul(d, y))
PYGAN_FUNCTION(Log, log, kX, div(d, x))
PYGAN_FUNCTION(Tanh, tanh, kY, mul(d, shift(neg(square(y)), 1)))
PYGAN_FUNCTION(Sigmoid, sigmoid, kXY, mul(d, mul(y, sigmoid(neg(x)))))
PYGAN_FUNCTION(Softplus, softplus, kX, mul(d, sigmoid(x)))
PYGAN_FUNCTION(Sin, sin, kX, mul(d, cos(x)))
PYGAN_FUNCTION(Cos, cos, kX, neg(mul(d, sin(x))))
PYGAN_FUNCTION(Erf, erf, kX,
               mul(d, scale(exp(neg(square(x))), 2 * std::numbers::inv_sqrtpi_v<double>)))
PYGAN_FUNCTION(Power, power, kX, a() == 0 ? Tensor() : mul(d, scale(power(x, a() - 1), a())))
#undef PYGAN_FUNCTION

// ---- pow ---------------------------------------------------------------------------------------

// A number that broadcasts against x.
Tensor number(double value, const Tensor& x) {
  return Tensor(Array::full({}, value, x.dtype(), x.device()));
}

// Where a derivative is 0 at a = 0, a 1 in the base's place keeps infinite powers and logarithms out of
// it and out of the derivatives to come.
Tensor pow_da(const Tensor& a, const Tensor& b, const Tensor& d) {
  const Tensor zero = ops::equal(a, number(0, a));
  const Tensor constant = ops::logical_and(zero, ops::equal(b, number(0, b)));
  const Tensor base = ops::where(constant, number(1, a), a);
  return ops::mul(d, ops::mul(b, ops::pow(base, ops::shift(b, -1))));
}
Tensor pow_db(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& d) {
  const Tensor zero = ops::equal(a, number(0, a));
  const Tensor constant = ops::logical_and(zero, ops::greater_equal(b, number(0, b)));
  const Tensor base = ops::where(constant, number(1, a), ops::abs(a));
  return ops::mul(d, ops::mul(y, ops::log(base)));
}

constexpr Saves kPow{3, 1};
PYGAN_BINARY(Pow, pow, kPow, pow_da(a, b, d), pow_db(a, b, y, d))

// ---- activations -------------------------------------------------------------------------------

class Activation : public FusedOp {
 public:
  Activation(const char* name, Function op, double a = 0) : name_(name), op_(op), a_(a) {}

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }

  Arrays eval(const Arrays& in) const final {
    const Array& x = in[0];
    check_float(name_, x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<FunctionKernel>(x.device())({.x = x.data(),
                                        .y = y.mutable_data(),
                                        .n = x.size(),
                                        .a = a_,
                                        .op = op_,
                                        .f64 = x.dtype() == DType::f64});
    return {y};
  }

 protected:
  double a() const { return a_; }

 private:
  const char* name_;
  Function op_;
  double a_;
};

#define PYGAN_ACTIVATION(Class, op, formula)                           \
  struct Class final : Activation {                                    \
    explicit Class(double a = 0) : Activation(#op, Function::op, a) {} \
    Tensors reference(const Tensors& in) const override {              \
      using namespace ops;                                             \
      const Tensor& x = in[0];                                         \
      return {formula};                                                \
    }                                                                  \
  };                                                                   \
  PYGAN_REGISTER_OP(op, true, true)

// minimum's ties go to x, relu's kink to the left: the sum's derivative at 0 is alpha.
PYGAN_ACTIVATION(Elu, elu, add(relu(x), scale(shift(exp(minimum(x, number(0, x))), -1), a())))
PYGAN_ACTIVATION(Gelu, gelu, mul(x, scale(shift(erf(scale(x, 1 / std::numbers::sqrt2)), 1), 0.5)))
PYGAN_ACTIVATION(GeluTanh, gelu_tanh,
                 mul(scale(x, 0.5),
                     shift(tanh(scale(add(x, scale(mul(square(x), x), 0.044715)),
                                      std::numbers::sqrt2* std::numbers::inv_sqrtpi_v<double>)),
                           1)))
PYGAN_ACTIVATION(Silu, silu, mul(x, sigmoid(x)))
#undef PYGAN_ACTIVATION

}  // namespace

namespace ops {

Tensor exp(const Tensor& x) { return apply_shared<Exp>({x}); }
Tensor log(const Tensor& x) { return apply_shared<Log>({x}); }
Tensor tanh(const Tensor& x) { return apply_shared<Tanh>({x}); }
Tensor sigmoid(const Tensor& x) { return apply_shared<Sigmoid>({x}); }
Tensor softplus(const Tensor& x) { return apply_shared<Softplus>({x}); }
Tensor sin(const Tensor& x) { return apply_shared<Sin>({x}); }
Tensor cos(const Tensor& x) { return apply_shared<Cos>({x}); }
Tensor erf(const Tensor& x) { return apply_shared<Erf>({x}); }
Tensor power(const Tensor& x, double a) { return apply_op<Power>({x}, a)[0]; }
Tensor pow(const Tensor& a, const Tensor& b) { return apply_shared<Pow>({a, b}); }

Tensor elu(const Tensor& x, double alpha) {
  if (!std::isfinite(alpha))
    throw ConfigError("elu: alpha must be finite, got " + std::to_string(alpha));
  return apply_op<Elu>({x}, alpha)[0];
}
Tensor gelu(const Tensor& x) { return apply_shared<Gelu>({x}); }
Tensor gelu_tanh(const Tensor& x) { return apply_shared<GeluTanh>({x}); }
Tensor silu(const Tensor& x) { return apply_shared<Silu>({x}); }

}  // namespace ops
}  // namespace pygan
