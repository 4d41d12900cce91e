// The formulas of ops/logistic_loss, the same on every device. For kernel files.
#pragma once

#include "core/vecmath.h"

namespace pygan {
namespace {

// softplus(x) - t x, whose linear part is exact where t is 0 or 1
template <class T>
PYGAN_VECMATH T logistic_cost(T x, T t) {
  const T linear = vecmath::select(x > T(0), x, T(0)) - t * x;
  return linear + vecmath::log1p(vecmath::exp(-vecmath::abs(x)));
}

// Its derivative
template <class T>
PYGAN_VECMATH T logistic_slope(T x, T t) {
  return (T(1) - t) * vecmath::sigmoid(x) - t * vecmath::sigmoid(-x);
}

}  // namespace
}  // namespace pygan
