#include "ops/functions/functions.h"

#include "core/vecmath.h"
#include "core/vecmath_pow.h"
#include "ops/elementwise/broadcast_cpu.h"

namespace pygan::PYGAN_ISA {
namespace {

using vecmath::select;

// The normal distribution function (1 + erf(x / sqrt(2))) / 2, the left tail without cancellation
template <class T>
T normal_cdf(T x) {
  constexpr T furthest = vecmath::Format<T>::erf_max;
  const T a = vecmath::abs(x) * T(0.7071067811865476);
  const T bounded = select(a > furthest, furthest, a);
  const T near = a + a * vecmath::erf_series(a * a);
  const T tail = T(0.5) * vecmath::exp(vecmath::log_erfc_series(bounded - T(1)));
  const T left = select(a > furthest, T(0), select(a < T(1), T(0.5) - T(0.5) * near, tail));
  return select(x < T(0), left, T(1) - left);
}

// x p for a p that falls faster than 1 / x: 0 at -inf
template <class T>
T weighted(T x, T p) {
  return select(x < -vecmath::Format<T>::largest, T(0), x * p);
}

template <class T>
T gelu(T x) {
  return weighted(x, normal_cdf(x));
}

template <class T>
T gelu_tanh(T x) {
  const T u = T(0.7978845608028654) * (x + T(0.044715) * x * x * x);
  return weighted(x, T(0.5) * (T(1) + vecmath::tanh(u)));
}

template <class T>
T silu(T x) {
  return weighted(x, vecmath::sigmoid(x));
}

template <class T>
T elu(T x, T alpha) {
  return select(x > T(0), x, alpha * vecmath::expm1(select(x > T(0), T(0), x)));
}

template <class T>
void functions_of(const FunctionArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T a = static_cast<T>(args.a);
  const auto run = [&](auto f) { map(x, y, args.n, kFunctionGrain, f); };
  switch (args.op) {
    case Function::exp:
      return run([](T v) { return vecmath::exp(v); });
    case Function::log:
      return run([](T v) { return vecmath::log(v); });
    case Function::tanh:
      return run([](T v) { return vecmath::tanh(v); });
    case Function::sigmoid:
      return run([](T v) { return vecmath::sigmoid(v); });
    case Function::softplus:
      return run([](T v) { return vecmath::softplus(v); });
    case Function::sin:
      return run([](T v) { return vecmath::sin(v); });
    case Function::cos:
      return run([](T v) { return vecmath::cos(v); });
    case Function::erf:
      return run([](T v) { return vecmath::erf(v); });
    case Function::power:  // the usual exponents as NumPy takes them, each with one rounding
      if (a == T(1)) return run([](T v) { return v; });
      if (a == T(2)) return run([](T v) { return v * v; });
      if (a == T(-1)) return run([](T v) { return T(1) / v; });
      return run([a](T v) { return vecmath::pow(v, a); });
    case Function::elu:
      return run([a](T v) { return elu(v, a); });
    case Function::gelu:
      return run([](T v) { return gelu(v); });
    case Function::gelu_tanh:
      return run([](T v) { return gelu_tanh(v); });
    case Function::silu:
      return run([](T v) { return silu(v); });
  }
}

}  // namespace

void functions(const FunctionArgs& args) {
  args.f64 ? functions_of<double>(args) : functions_of<float>(args);
}

}  // namespace pygan::PYGAN_ISA
