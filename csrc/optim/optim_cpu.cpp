#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "core/vecmath.h"
#include "optim/optim.h"

namespace pygan::PYGAN_ISA {
namespace {

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

template <class T>
void adam(const UpdateChunk& c, const double* h) {
  T *p = static_cast<T*>(c.p), *m = static_cast<T*>(c.m), *v = static_cast<T*>(c.v);
  const T* g = static_cast<const T*>(c.g);
  const T b1 = static_cast<T>(h[1]), b2 = static_cast<T>(h[2]), eps = static_cast<T>(h[3]);
  const T a1 = static_cast<T>(1 - h[1]), a2 = static_cast<T>(1 - h[2]),
          decay = static_cast<T>(h[4]);
  const T step = static_cast<T>(h[0] / h[5]), root = static_cast<T>(__builtin_sqrt(h[6]));
  for (int64_t i = 0; i < c.n; ++i) {
    const T gi = g[i] + decay * p[i];
    m[i] = b1 * m[i] + a1 * gi;
    v[i] = b2 * v[i] + a2 * gi * gi;
    p[i] -= step * m[i] / (square_root(v[i]) / root + eps);
  }
}

template <class T>
void sgd(const UpdateChunk& c, const double* h) {
  T *p = static_cast<T*>(c.p), *b = static_cast<T*>(c.m);
  const T* g = static_cast<const T*>(c.g);
  const T lr = static_cast<T>(h[0]), mu = static_cast<T>(h[1]), decay = static_cast<T>(h[2]);
  const bool nesterov = h[3] != 0;
  for (int64_t i = 0; i < c.n; ++i) {
    const T gi = g[i] + decay * p[i];
    b[i] = mu * b[i] + gi;
    p[i] -= lr * (nesterov ? gi + mu * b[i] : b[i]);
  }
}

template <class T, bool Momentum, bool Centred>
void rmsprop(const UpdateChunk& c, const double* h) {
  T *p = static_cast<T*>(c.p), *b = static_cast<T*>(c.m), *v = static_cast<T*>(c.v),
    *a = static_cast<T*>(c.a);
  const T* g = static_cast<const T*>(c.g);
  const T lr = static_cast<T>(h[0]), alpha = static_cast<T>(h[1]), eps = static_cast<T>(h[2]),
          decay = static_cast<T>(h[3]), mu = static_cast<T>(h[4]);
  const T rest = static_cast<T>(1 - h[1]);
  for (int64_t i = 0; i < c.n; ++i) {
    const T gi = g[i] + decay * p[i];
    v[i] = alpha * v[i] + rest * gi * gi;
    T variance = v[i];
    if constexpr (Centred) {
      a[i] = alpha * a[i] + rest * gi;
      const T centred = v[i] - a[i] * a[i];
      variance = vecmath::select(centred > T(0), centred, T(0));  // rounding may leave it below 0
    }
    T step = gi / (square_root(variance) + eps);
    if constexpr (Momentum) step = b[i] = mu * b[i] + step;
    p[i] -= lr * step;
  }
}

template <class T>
void rmsprop_any(const UpdateChunk& c, const double* h) {
  if (c.m)
    c.a ? rmsprop<T, true, true>(c, h) : rmsprop<T, true, false>(c, h);
  else
    c.a ? rmsprop<T, false, true>(c, h) : rmsprop<T, false, false>(c, h);
}

template <class T>
void clip(const UpdateChunk& c, const double* h) {
  T* p = static_cast<T*>(c.p);
  const T low = static_cast<T>(h[0]), high = static_cast<T>(h[1]);
  for (int64_t i = 0; i < c.n; ++i) {
    const T x = vecmath::select(p[i] < low, low, p[i]);
    p[i] = vecmath::select(x > high, high, x);
  }
}

template <class T>
void ema(const UpdateChunk& c, const double* h) {
  T* a = static_cast<T*>(c.p);
  const T* p = static_cast<const T*>(c.g);
  const T d = static_cast<T>(h[0]), rest = static_cast<T>(1 - h[0]);
  for (int64_t i = 0; i < c.n; ++i) a[i] = d * a[i] + rest * p[i];
}

template <class F>
void each(const UpdateArgs& a, F f) {
  parallel_for(a.count, [&](int64_t i) { f(a.chunks[i], a.hyper); });
}

// 0 x^2 is 0 where x^2 is finite and NaN otherwise, and NaN survives a sum.
template <class T>
bool finite(const T* x /* (n) */, int64_t n) {
  T lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int k = 0; k < 16; ++k) lanes[k] += x[i + k] * x[i + k] * T(0);
  for (; i < n; ++i) lanes[0] += x[i] * x[i] * T(0);
  T sum = 0;
  for (int k = 0; k < 16; ++k) sum += lanes[k];
  return sum == T(0);
}

}  // namespace

void adam_chunks(const UpdateArgs& a) { a.f64 ? each(a, adam<double>) : each(a, adam<float>); }
void sgd_chunks(const UpdateArgs& a) { a.f64 ? each(a, sgd<double>) : each(a, sgd<float>); }
void rmsprop_chunks(const UpdateArgs& a) {
  a.f64 ? each(a, rmsprop_any<double>) : each(a, rmsprop_any<float>);
}
void clip_chunks(const UpdateArgs& a) { a.f64 ? each(a, clip<double>) : each(a, clip<float>); }
void ema_chunks(const UpdateArgs& a) { a.f64 ? each(a, ema<double>) : each(a, ema<float>); }
bool all_finite(const FiniteArgs& a) {
  for (int64_t i = 0; i < a.count; ++i) {
    const FiniteRun& r = a.runs[i];
    if (!(a.f64 ? finite(static_cast<const double*>(r.x), r.n)
                : finite(static_cast<const float*>(r.x), r.n)))
      return false;
  }
  return true;
}

}  // namespace pygan::PYGAN_ISA
