#include "ops/batch_norm/batch_norm.h"

#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/batch_norm/column_sums.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

// Two sums over all rows for each channel, in a fixed order: partial[0][0][c] and partial[0][1][c]
// hold them afterwards.
template <class T, class Term>
void channel_sums(const BatchNormArgs& a, Term term) {
  const int64_t c_all = a.channels;
  const int64_t grain = batch_norm_grain(a.rows, c_all), tasks = batch_norm_tasks(a.rows, c_all);
  parallel_for(tasks, [&](int64_t task) {
    double* p = a.partial + task * 2 * c_all;
    double* q = p + c_all;
    for (int64_t c = 0; c < 2 * c_all; ++c) p[c] = 0;
    for (int64_t c0 = 0; c0 < c_all; c0 += kChannels)
      add_rows<T>(task * grain, least((task + 1) * grain, a.rows), c0, least(kChannels, c_all - c0),
                  p + c0, q + c0, term);
  });
  for (int64_t task = 1; task < tasks; ++task)
    for (int64_t c = 0; c < 2 * c_all; ++c) a.partial[c] += a.partial[task * 2 * c_all + c];
}

template <class T>
void moments(const BatchNormArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* mean = static_cast<T*>(a.mean);
  T* var = static_cast<T*>(a.var);
  const int64_t stride = a.channels;
  const double m = static_cast<double>(a.rows);
  channel_sums<T>(a, [=](int64_t r, int64_t c0, int64_t n, T* s, T*) {
    const T* xr = x + r * stride + c0;
    for (int64_t c = 0; c < n; ++c) s[c] += xr[c];
  });
  for (int64_t c = 0; c < a.channels; ++c) mean[c] = static_cast<T>(a.partial[c] / m);
  // Squares of centred values: raw second moments would cancel.
  channel_sums<T>(a, [=](int64_t r, int64_t c0, int64_t n, T* s, T* q) {
    const T* xr = x + r * stride + c0;
    for (int64_t c = 0; c < n; ++c) {
      const T d = xr[c] - mean[c0 + c];
      s[c] += d;
      q[c] += d * d;
    }
  });
  for (int64_t c = 0; c < a.channels; ++c)
    var[c] = variance_of<T>(a.partial[c], a.partial[a.channels + c], m);
}

template <class T>
void normalize(const BatchNormArgs& a) {
  const T *x = static_cast<const T*>(a.x), *mean = static_cast<const T*>(a.mean),
          *var = static_cast<const T*>(a.var);
  const T *weight = static_cast<const T*>(a.weight), *bias = static_cast<const T*>(a.bias);
  T* y = static_cast<T*>(a.out);
  const T eps = static_cast<T>(a.eps);
  const int64_t channels = a.channels;
  parallel_ranges(a.rows, batch_norm_grain(a.rows, channels), [=](int64_t begin, int64_t end) {
    T mu[kChannels], scale[kChannels], shift[kChannels];
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      for (int64_t c = 0; c < n; ++c) {
        mu[c] = mean[c0 + c];
        scale[c] = scale_of(weight ? weight[c0 + c] : T(1), var[c0 + c], eps);
        shift[c] = bias ? bias[c0 + c] : T(0);
      }
      for (int64_t r = begin; r < end; ++r) {
        const T* xr = x + r * channels + c0;
        T* yr = y + r * channels + c0;
        for (int64_t c = 0; c < n; ++c) yr[c] = normalized(xr[c], mu[c], scale[c], shift[c]);
      }
    }
  });
}

template <class T>
void backward(const BatchNormArgs& a) {
  const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
  const T *mean = static_cast<const T*>(a.mean), *var = static_cast<const T*>(a.var);
  const T* weight = static_cast<const T*>(a.weight);
  T *dx = static_cast<T*>(a.out), *dweight = static_cast<T*>(a.dweight),
    *dbias = static_cast<T*>(a.dbias);
  const int64_t channels = a.channels;
  const T eps = static_cast<T>(a.eps);
  channel_sums<T>(a, [=](int64_t r, int64_t c0, int64_t n, T* s, T* q) {
    const T *xr = x + r * channels + c0, *dyr = dy + r * channels + c0;
    for (int64_t c = 0; c < n; ++c) {
      s[c] += dyr[c];
      q[c] += dyr[c] * (xr[c] - mean[c0 + c]);
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    dbias[c] = static_cast<T>(a.partial[c]);
    dweight[c] =
        static_cast<T>(a.partial[channels + c] / static_cast<double>(vecmath::sqrt(var[c] + eps)));
  }
  const T m = static_cast<T>(a.rows);
  parallel_ranges(a.rows, batch_norm_grain(a.rows, channels), [=](int64_t begin, int64_t end) {
    T mu[kChannels], scale[kChannels], db[kChannels], dh[kChannels];
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      for (int64_t c = 0; c < n; ++c) {
        const T rs = scale_of(T(1), var[c0 + c], eps);
        mu[c] = mean[c0 + c];
        scale[c] = (weight ? weight[c0 + c] : T(1)) * rs;
        db[c] = dbias[c0 + c] / m;
        dh[c] = dweight[c0 + c] * rs / m;
      }
      for (int64_t r = begin; r < end; ++r) {
        const T *xr = x + r * channels + c0, *dyr = dy + r * channels + c0;
        T* dxr = dx + r * channels + c0;
        for (int64_t c = 0; c < n; ++c)
          dxr[c] = normalized_grad(xr[c], dyr[c], mu[c], scale[c], db[c], dh[c]);
      }
    }
  });
}

}  // namespace

void batch_norm_moments(const BatchNormArgs& a) { a.f64 ? moments<double>(a) : moments<float>(a); }
void batch_norm_normalize(const BatchNormArgs& a) {
  a.f64 ? normalize<double>(a) : normalize<float>(a);
}
void batch_norm_backward(const BatchNormArgs& a) {
  a.f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace pygan::PYGAN_ISA
