// The updates of optim.h, element by element, the same on every device: an update holds its numbers,
// rounded to T once, and update(c, i) changes element i of a chunk. For kernel files: everything has
// internal linkage.
#pragma once

#include "core/vecmath.h"
#include "optim/optim.h"

namespace pygan {
namespace {

template <class T>
struct Adam {
  T b1, b2, a1, a2, eps, decay, step, root;

  explicit Adam(const double* h)
      : b1(static_cast<T>(h[1])),
        b2(static_cast<T>(h[2])),
        a1(static_cast<T>(1 - h[1])),
        a2(static_cast<T>(1 - h[2])),
        eps(static_cast<T>(h[3])),
        decay(static_cast<T>(h[4])),
        step(static_cast<T>(h[0] / h[5])),
        root(static_cast<T>(vecmath::sqrt(h[6]))) {}

  PYGAN_HOST_DEVICE void operator()(const UpdateChunk& c, int64_t i) const {
    T *p = static_cast<T*>(c.p), *m = static_cast<T*>(c.m), *v = static_cast<T*>(c.v);
    const T g = static_cast<const T*>(c.g)[i] + decay * p[i];
    m[i] = b1 * m[i] + a1 * g;
    v[i] = b2 * v[i] + a2 * g * g;
    p[i] -= step * m[i] / (vecmath::sqrt(v[i]) / root + eps);
  }
};

template <class T>
struct Sgd {
  T lr, mu, decay;
  bool nesterov;

  explicit Sgd(const double* h)
      : lr(static_cast<T>(h[0])),
        mu(static_cast<T>(h[1])),
        decay(static_cast<T>(h[2])),
        nesterov(h[3] != 0) {}

  PYGAN_HOST_DEVICE void operator()(const UpdateChunk& c, int64_t i) const {
    T *p = static_cast<T*>(c.p), *b = static_cast<T*>(c.m);
    const T g = static_cast<const T*>(c.g)[i] + decay * p[i];
    b[i] = mu * b[i] + g;
    p[i] -= lr * (nesterov ? g + mu * b[i] : b[i]);
  }
};

template <class T, bool kMomentum, bool kCentred>
struct Rmsprop {
  T lr, alpha, rest, eps, decay, mu;

  explicit Rmsprop(const double* h)
      : lr(static_cast<T>(h[0])),
        alpha(static_cast<T>(h[1])),
        rest(static_cast<T>(1 - h[1])),
        eps(static_cast<T>(h[2])),
        decay(static_cast<T>(h[3])),
        mu(static_cast<T>(h[4])) {}

  PYGAN_HOST_DEVICE void operator()(const UpdateChunk& c, int64_t i) const {
    T *p = static_cast<T*>(c.p), *b = static_cast<T*>(c.m), *v = static_cast<T*>(c.v),
      *a = static_cast<T*>(c.a);
    const T g = static_cast<const T*>(c.g)[i] + decay * p[i];
    v[i] = alpha * v[i] + rest * g * g;
    T variance = v[i];
    if constexpr (kCentred) {
      a[i] = alpha * a[i] + rest * g;
      const T centred = v[i] - a[i] * a[i];
      variance = vecmath::select(centred > T(0), centred, T(0));  // rounding may leave it below 0
    }
    T step = g / (vecmath::sqrt(variance) + eps);
    if constexpr (kMomentum) step = b[i] = mu * b[i] + step;
    p[i] -= lr * step;
  }
};

template <class T>
struct Ema {
  T d, rest;

  explicit Ema(const double* h) : d(static_cast<T>(h[0])), rest(static_cast<T>(1 - h[0])) {}

  PYGAN_HOST_DEVICE void operator()(const UpdateChunk& c, int64_t i) const {
    T* a = static_cast<T*>(c.p);
    a[i] = d * a[i] + rest * static_cast<const T*>(c.g)[i];
  }
};

template <class T>
struct Clip {
  T low, high;

  explicit Clip(const double* h) : low(static_cast<T>(h[0])), high(static_cast<T>(h[1])) {}

  PYGAN_HOST_DEVICE void operator()(const UpdateChunk& c, int64_t i) const {
    T* p = static_cast<T*>(c.p);
    const T x = vecmath::select(p[i] < low, low, p[i]);
    p[i] = vecmath::select(x > high, high, x);
  }
};

// run(update); all chunks of a launch have the same lists.
template <class T, class Run>
void with_rmsprop(const UpdateArgs& args, Run run) {
  if (args.count == 0) return;
  const bool momentum = args.chunks[0].m, centred = args.chunks[0].a;
  if (momentum)
    centred ? run(Rmsprop<T, true, true>(args.hyper)) : run(Rmsprop<T, true, false>(args.hyper));
  else
    centred ? run(Rmsprop<T, false, true>(args.hyper)) : run(Rmsprop<T, false, false>(args.hyper));
}

// 0 where x^2 is finite, else NaN, which survives a sum
template <class T>
PYGAN_VECMATH T square_test(T x) {
  return x * x * T(0);
}

}  // namespace
}  // namespace pygan
