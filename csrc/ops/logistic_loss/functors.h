// The formulas of ops/logistic_loss, the same on every device. For kernel files.
#pragma once

#include "core/vecmath.h"

namespace pygan {
namespace {

// share x, 0 for no share of an infinite x
template <class T>
PYGAN_VECMATH T logistic_share(T share, T x) {
  return vecmath::select(share == T(0), T(0), share * x);
}

// softplus(x) - t x = (1 - t) max(x, 0) + t max(-x, 0) + log(1 + e^-|x|): nothing cancels for t in [0, 1]
template <class T>
PYGAN_VECMATH T logistic_cost(T x, T t) {
  const T right = vecmath::select(x > T(0), x, T(0)), left = vecmath::select(x < T(0), -x, T(0));
  const T linear = logistic_share(T(1) - t, right) + logistic_share(t, left);
  return vecmath::select(x == x, linear + vecmath::log1p(vecmath::exp(-vecmath::abs(x))), x);
}

// Its derivative
template <class T>
PYGAN_VECMATH T logistic_slope(T x, T t) {
  return (T(1) - t) * vecmath::sigmoid(x) - t * vecmath::sigmoid(-x);
}

}  // namespace
}  // namespace pygan
