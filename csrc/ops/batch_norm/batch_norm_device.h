// batch_norm of one batch, for the *_cuda.cu files of batch_norm and virtual_batch_norm.
#pragma once

#include "ops/batch_norm/batch_norm.h"
#include "ops/batch_norm/columns_device.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// h weight + bias as (x - mean) scale + shift: all (channels)
template <class T>
struct Affine {
  const T *mean, *var, *weight, *bias;
  T eps;
  struct Channel {
    T mean, scale, shift;
    PYGAN_DEVICE T operator()(T x) const { return normalized(x, mean, scale, shift); }
  };

  explicit Affine(const BatchNormArgs& a)
      : mean(static_cast<const T*>(a.mean)),
        var(static_cast<const T*>(a.var)),
        weight(static_cast<const T*>(a.weight)),
        bias(static_cast<const T*>(a.bias)),
        eps(static_cast<T>(a.eps)) {}

  PYGAN_DEVICE Channel at(int64_t c) const {
    return {mean[c], scale_of(weight ? weight[c] : T(1), var[c], eps), bias ? bias[c] : T(0)};
  }
};

// y = activation(h weight + bias): x, y (rows, channels)
template <class T, class Activation>
struct Normalize {
  Affine<T> affine;
  Activation activation;
  const T* x;
  T* y;
  using Column = typename Affine<T>::Channel;
  PYGAN_DEVICE Column column(int64_t, int64_t c) const { return affine.at(c); }
  PYGAN_DEVICE void at(int64_t i, const Column& of) const { y[i] = activation(of(x[i])); }
};

template <class T>
struct LaunchNormalize {
  const BatchNormArgs& a;
  template <class Activation>
  void operator()(const Activation& activation) const {
    map_of(1, a.rows, a.channels,
           Normalize<T, Activation>{Affine<T>(a), activation, static_cast<const T*>(a.x),
                                    static_cast<T*>(a.out)});
  }
};
template <class T>
void normalize(const BatchNormArgs& a) {
  with_activation(static_cast<T>(a.slope), LaunchNormalize<T>{a});
}

// mean, var and y
template <class T>
void normalize_batch(const BatchNormArgs& a) {
  moments(static_cast<const T*>(a.x), static_cast<T*>(a.mean), static_cast<T*>(a.var), 1, a.rows,
          a.channels, 1);
  normalize<T>(a);
}

// sum g, sum g (x - mean), g = dy behind the activation: x, dy (rows, channels)
template <class T, class Activation>
struct GradTerm {
  Affine<T> affine;
  Activation activation;
  const T *x, *dy;
  int64_t channels;
  PYGAN_DEVICE void add(int64_t, int64_t row, int64_t c, T* sum) const {
    const typename Affine<T>::Channel of = affine.at(c);
    const T value = x[row * channels + c], g = activation.grad(dy[row * channels + c], of(value));
    sum[0] += g;
    sum[1] += g * (value - of.mean);
  }
};
// dbias, dweight (channels) from them
template <class T>
struct ChannelGrad {
  const T* var;
  T *dbias, *dweight;
  T eps;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    dbias[at.column] = static_cast<T>(sum[0]);
    dweight[at.column] =
        static_cast<T>(sum[1] / static_cast<double>(vecmath::sqrt(var[at.column] + eps)));
  }
};
// x, dy, dx (rows, channels), dbias, dweight (channels)
template <class T, class Activation>
struct InputGrad {
  Affine<T> affine;
  Activation activation;
  const T *x, *dy, *dbias, *dweight;
  T* dx;
  T rows;
  struct Column {
    typename Affine<T>::Channel of;
    T gain, db, dh;
  };
  PYGAN_DEVICE Column column(int64_t, int64_t c) const {
    const T rs = scale_of(T(1), affine.var[c], affine.eps);
    return {affine.at(c), (affine.weight ? affine.weight[c] : T(1)) * rs, dbias[c] / rows,
            dweight[c] * rs / rows};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& c) const {
    dx[i] =
        normalized_grad(x[i], activation.grad(dy[i], c.of(x[i])), c.of.mean, c.gain, c.db, c.dh);
  }
};

// dx, dweight and dbias
template <class T>
struct LaunchGrad {
  const BatchNormArgs& a;
  template <class Activation>
  void operator()(const Activation& activation) const {
    const Affine<T> affine(a);
    const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
    T *dweight = static_cast<T*>(a.dweight), *dbias = static_cast<T*>(a.dbias);
    sums_of<T, 2>(1, a.rows, a.channels, 1,
                  GradTerm<T, Activation>{affine, activation, x, dy, a.channels},
                  ChannelGrad<T>{affine.var, dbias, dweight, affine.eps});
    map_of(1, a.rows, a.channels,
           InputGrad<T, Activation>{affine, activation, x, dy, dbias, dweight,
                                    static_cast<T*>(a.out), static_cast<T>(a.rows)});
  }
};
template <class T>
void normalize_batch_grad(const BatchNormArgs& a) {
  with_activation(static_cast<T>(a.slope), LaunchGrad<T>{a});
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
