// The members of ops/functions, one functor each, the same on every device: y = F::of(x, a), a the
// number of power and elu. with_function(op, a, run) calls run(F{}). For kernel files: everything has
// internal linkage.
#pragma once

#include "core/vecmath.h"
#include "core/vecmath_pow.h"
#include "ops/functions/functions.h"

namespace pygan {
namespace {

// The normal distribution function (1 + erf(x / sqrt(2))) / 2, the left tail without cancellation
template <class T>
PYGAN_VECMATH T normal_cdf(T x) {
  constexpr T furthest = vecmath::Format<T>::erf_max;
  const T a = vecmath::abs(x) * T(0.7071067811865476);
  const T bounded = vecmath::select(a > furthest, furthest, a);
  const T near = a + a * vecmath::erf_series(a * a);
  const T tail = T(0.5) * vecmath::exp(vecmath::log_erfc_series(bounded - T(1)));
  const T left =
      vecmath::select(a > furthest, T(0), vecmath::select(a < T(1), T(0.5) - T(0.5) * near, tail));
  return vecmath::select(x < T(0), left, T(1) - left);
}

// x p for a p that falls faster than 1 / x: 0 at -inf
template <class T>
PYGAN_VECMATH T weighted(T x, T p) {
  return vecmath::select(x < -vecmath::Format<T>::largest, T(0), x * p);
}

struct ExpOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::exp(x);
  }
};
struct LogOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::log(x);
  }
};
struct TanhOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::tanh(x);
  }
};
struct SigmoidOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::sigmoid(x);
  }
};
struct SoftplusOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::softplus(x);
  }
};
struct SinOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::sin(x);
  }
};
struct CosOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::cos(x);
  }
};
struct ErfOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::erf(x);
  }
};
// The usual exponents as NumPy takes them, each with one rounding
struct IdentityOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return x;
  }
};
struct SquaredOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return x * x;
  }
};
struct ReciprocalOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return T(1) / x;
  }
};
struct PowerOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T a) {
    return vecmath::pow(x, a);
  }
};
struct EluOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T alpha) {
    return vecmath::select(x > T(0), x, alpha * vecmath::expm1(vecmath::select(x > T(0), T(0), x)));
  }
};
struct GeluOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return weighted(x, normal_cdf(x));
  }
};
struct GeluTanhOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    const T u = T(0.7978845608028654) * (x + T(0.044715) * x * x * x);
    return weighted(x, T(0.5) * (T(1) + vecmath::tanh(u)));
  }
};
struct SiluOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return weighted(x, vecmath::sigmoid(x));
  }
};

template <class T, class Run>
void with_function(Function op, T a, Run run) {
  switch (op) {
    case Function::exp:
      return run(ExpOf{});
    case Function::log:
      return run(LogOf{});
    case Function::tanh:
      return run(TanhOf{});
    case Function::sigmoid:
      return run(SigmoidOf{});
    case Function::softplus:
      return run(SoftplusOf{});
    case Function::sin:
      return run(SinOf{});
    case Function::cos:
      return run(CosOf{});
    case Function::erf:
      return run(ErfOf{});
    case Function::power:
      if (a == T(1)) return run(IdentityOf{});
      if (a == T(2)) return run(SquaredOf{});
      if (a == T(-1)) return run(ReciprocalOf{});
      return run(PowerOf{});
    case Function::elu:
      return run(EluOf{});
    case Function::gelu:
      return run(GeluOf{});
    case Function::gelu_tanh:
      return run(GeluTanhOf{});
    case Function::silu:
      return run(SiluOf{});
  }
}

}  // namespace
}  // namespace pygan
