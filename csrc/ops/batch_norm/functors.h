// The formulas of batch_norm, the same on every device; group_norm and virtual_batch_norm use them
// too. For kernel files: everything has internal linkage.
#pragma once

#include "core/vecmath.h"

namespace pygan {
namespace {

// From the sums p of x - mean and q of its square over `count` values: p takes the rounding of the
// mean out again.
template <class T>
PYGAN_VECMATH T variance_of(double p, double q, double count) {
  const double shift = p / count, v = q / count - shift * shift;
  return static_cast<T>(v < 0 ? 0 : v);  // NaN stays NaN
}

// weight / s, s the deviation
template <class T>
PYGAN_VECMATH T scale_of(T weight, T var, T eps) {
  return weight / vecmath::sqrt(var + eps);
}

template <class T>
PYGAN_VECMATH T normalized(T x, T mean, T scale, T shift) {
  return (x - mean) * scale + shift;
}

// dx of batch_norm: scale = weight / s, db = mean of dy, dh = mean of dy h, over s
template <class T>
PYGAN_VECMATH T normalized_grad(T x, T dy, T mean, T scale, T db, T dh) {
  return scale * (dy - db - (x - mean) * dh);
}

}  // namespace
}  // namespace pygan
