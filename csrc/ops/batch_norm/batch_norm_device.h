// batch_norm of one batch, for the *_cuda.cu files of batch_norm and virtual_batch_norm.
#pragma once

#include "ops/batch_norm/batch_norm.h"
#include "ops/batch_norm/columns_device.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// y = (x - mean) weight / s + bias: x, y (rows, channels), the others (channels)
template <class T>
struct Normalize {
  const T *x, *mean, *var, *weight, *bias;
  T* y;
  T eps;
  struct Column {
    T mean, scale, shift;
  };
  PYGAN_DEVICE Column column(int64_t, int64_t c) const {
    return {mean[c], scale_of(weight ? weight[c] : T(1), var[c], eps), bias ? bias[c] : T(0)};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& of) const {
    y[i] = normalized(x[i], of.mean, of.scale, of.shift);
  }
};

template <class T>
void normalize(const BatchNormArgs& a) {
  map_of(
      1, a.rows, a.channels,
      Normalize<T>{static_cast<const T*>(a.x), static_cast<const T*>(a.mean),
                   static_cast<const T*>(a.var), static_cast<const T*>(a.weight),
                   static_cast<const T*>(a.bias), static_cast<T*>(a.out), static_cast<T>(a.eps)});
}

// mean, var and y
template <class T>
void normalize_batch(const BatchNormArgs& a) {
  moments(static_cast<const T*>(a.x), static_cast<T*>(a.mean), static_cast<T*>(a.var), 1, a.rows,
          a.channels, 1);
  normalize<T>(a);
}

// sum dy, sum dy (x - mean): x, dy (rows, channels), mean (channels)
template <class T>
struct GradTerm {
  const T *x, *dy, *mean;
  int64_t channels;
  PYGAN_DEVICE void add(int64_t, int64_t row, int64_t c, T* sum) const {
    const T g = dy[row * channels + c];
    sum[0] += g;
    sum[1] += g * (x[row * channels + c] - mean[c]);
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
// x, dy, dx (rows, channels), the others (channels)
template <class T>
struct InputGrad {
  const T *x, *dy, *mean, *var, *weight, *dbias, *dweight;
  T* dx;
  T eps, rows;
  struct Column {
    T mean, scale, db, dh;
  };
  PYGAN_DEVICE Column column(int64_t, int64_t c) const {
    const T rs = scale_of(T(1), var[c], eps);
    return {mean[c], (weight ? weight[c] : T(1)) * rs, dbias[c] / rows, dweight[c] * rs / rows};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& of) const {
    dx[i] = normalized_grad(x[i], dy[i], of.mean, of.scale, of.db, of.dh);
  }
};

// dx, dweight and dbias
template <class T>
void normalize_batch_grad(const BatchNormArgs& a) {
  const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
  const T *mean = static_cast<const T*>(a.mean), *var = static_cast<const T*>(a.var);
  T *dweight = static_cast<T*>(a.dweight), *dbias = static_cast<T*>(a.dbias);
  const T eps = static_cast<T>(a.eps);
  sums_of<T, 2>(1, a.rows, a.channels, 1, GradTerm<T>{x, dy, mean, a.channels},
                ChannelGrad<T>{var, dbias, dweight, eps});
  map_of(1, a.rows, a.channels,
         InputGrad<T>{x, dy, mean, var, static_cast<const T*>(a.weight), dbias, dweight,
                      static_cast<T*>(a.out), eps, static_cast<T>(a.rows)});
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
