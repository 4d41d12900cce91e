// The formulas of ops/losses, the same on every device. For kernel files.
#pragma once

#include "core/vecmath.h"

namespace pygan {
namespace {

// max(x, 0) - t x + log(1 + e^-|x|): the linear part is exact where targets are 0 or 1; the rest is
// at most log 2.
template <class T>
PYGAN_VECMATH T bce_of(T x, T t) {
  const T linear = (x > 0 ? x : T(0)) - t * x;
  const T magnitude = x < 0 ? x : -x;
  return linear + vecmath::log1p(vecmath::exp(magnitude));
}

}  // namespace
}  // namespace pygan
