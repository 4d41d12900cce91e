// The choices of ops/select, the same on every device. For kernel files: everything has internal
// linkage.
#pragma once

#include "core/vecmath.h"
#include "ops/select/select.h"

namespace pygan {
namespace {

// x within [low, high]; NaN stays
template <class T>
PYGAN_VECMATH T clipped(T x, T low, T high) {
  return vecmath::select(x < low, low, vecmath::select(x > high, high, x));
}
template <class T>
PYGAN_VECMATH T clipped_grad(T x, T dy, T low, T high) {
  return vecmath::select((x >= low) & (x <= high), dy, T(0));
}

struct EqualOf {
  template <class T>
  PYGAN_VECMATH uint8_t of(T a, T b) {
    return static_cast<uint8_t>(a == b);
  }
};
struct NotEqualOf {
  template <class T>
  PYGAN_VECMATH uint8_t of(T a, T b) {
    return static_cast<uint8_t>(a != b);
  }
};
struct LessOf {
  template <class T>
  PYGAN_VECMATH uint8_t of(T a, T b) {
    return static_cast<uint8_t>(a < b);
  }
};
struct LessEqualOf {
  template <class T>
  PYGAN_VECMATH uint8_t of(T a, T b) {
    return static_cast<uint8_t>(a <= b);
  }
};

// run(F{}), F::of(a, b) 0 or 1
template <class Run>
void with_compare(Compare op, Run run) {
  switch (op) {
    case Compare::equal:
      return run(EqualOf{});
    case Compare::not_equal:
      return run(NotEqualOf{});
    case Compare::less:
      return run(LessOf{});
    case Compare::less_equal:
      return run(LessEqualOf{});
  }
}

// a where c, else b, of unsigned integers that stand for their bits
template <class T>
PYGAN_VECMATH T chosen(uint8_t c, T a, T b) {
  const T mask = T(0) - T(c != 0);
  return (a & mask) | (b & ~mask);
}

}  // namespace
}  // namespace pygan
