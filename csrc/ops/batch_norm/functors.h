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

// leaky_relu (ops/leaky_relu), slope >= 0. A slope of 0 is a kind of its own: 0 y would make NaN of
// -inf. No activation is a slope of 1.
//
// grad selects the factor, not dy: GCC loads what it selects under the mask, so that dy's cache
// misses begin when y's have ended.
template <class T>
struct LeakyRelu {
  T slope;
  PYGAN_HOST_DEVICE T operator()(T y) const { return vecmath::select(y > T(0), y, slope * y); }
  PYGAN_HOST_DEVICE T grad(T dy, T y) const { return dy * vecmath::select(y > T(0), T(1), slope); }
};
template <class T>
struct Relu {
  PYGAN_HOST_DEVICE T operator()(T y) const { return vecmath::select(y <= T(0), T(0), y); }
  PYGAN_HOST_DEVICE T grad(T dy, T y) const { return vecmath::select(y > T(0), dy, T(0)); }
};
template <class T>
struct Identity {
  PYGAN_HOST_DEVICE T operator()(T y) const { return y; }
  PYGAN_HOST_DEVICE T grad(T dy, T) const { return dy; }
};

// f(activation) of a slope
template <class T, class F>
inline void with_activation(T slope, const F& f) {
  if (slope == T(1))
    f(Identity<T>{});
  else if (slope == T(0))
    f(Relu<T>{});
  else
    f(LeakyRelu<T>{slope});
}

// dx of batch_norm: scale = weight / s, db = mean of dy, dh = mean of dy h, over s
template <class T>
PYGAN_VECMATH T normalized_grad(T x, T dy, T mean, T scale, T db, T dh) {
  return scale * (dy - db - (x - mean) * dh);
}

}  // namespace
}  // namespace pygan
