// The order of floating-point numbers as that of unsigned integers, the same on every device.
#pragma once

#include "core/vecmath.h"

namespace pygan {

// NaN above all, 0 and -0 the same.
template <class T>
PYGAN_VECMATH vecmath::BitsOf<T> ordered(T x) {
  using Bits = vecmath::BitsOf<T>;
  constexpr Bits sign = ~vecmath::Format<T>::magnitude;
  if (x != x) return ~Bits(0);
  const Bits b = vecmath::bits(x + T(0));  // -0 + 0 = 0
  return b & sign ? ~b : b | sign;
}

}  // namespace pygan
