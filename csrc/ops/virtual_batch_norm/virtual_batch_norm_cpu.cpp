#include "ops/virtual_batch_norm/virtual_batch_norm.h"

#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/batch_norm/column_sums.h"
#include "ops/batch_norm/functors.h"
#include "ops/virtual_batch_norm/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

// mean, var (n) of x (rows, stride), its first n <= kChannels columns
template <class T>
void moments(const T* x, int64_t rows, int64_t stride, int64_t n, T* mean, T* var) {
  double p[kChannels] = {}, q[kChannels] = {};
  const double count = static_cast<double>(rows);
  add_rows<T>(0, rows, 0, n, p, q, [=](int64_t r, int64_t, int64_t width, T* s, T*) {
    for (int64_t c = 0; c < width; ++c) s[c] += x[r * stride + c];
  });
  for (int64_t c = 0; c < n; ++c) {
    mean[c] = static_cast<T>(p[c] / count);
    p[c] = q[c] = 0;
  }
  add_rows<T>(0, rows, 0, n, p, q, [=](int64_t r, int64_t, int64_t width, T* s, T* t) {
    for (int64_t c = 0; c < width; ++c) {
      const T d = x[r * stride + c] - mean[c];
      s[c] += d;
      t[c] += d * d;
    }
  });
  for (int64_t c = 0; c < n; ++c) var[c] = variance_of<T>(p[c], q[c], count);
}

// mu and 1 / s of each channel of one sample, and d
template <class T>
struct Blend {
  T mu[kChannels], inverse[kChannels], d[kChannels];

  // mean, var of the sample; ref_mean, ref_var: (n)
  void set(const T* mean, const T* var, const T* ref_mean, const T* ref_var, int64_t n, T a,
           T eps) {
    for (int64_t c = 0; c < n; ++c) {
      d[c] = shift_of(mean[c], ref_mean[c], a);
      mu[c] = blended_mean(d[c], ref_mean[c], a);
      inverse[c] = blended_inverse(d[c], var[c], ref_var[c], a, eps);
    }
  }
};

template <class T>
void forward(const VirtualNormArgs& a) {
  const T *x_all = static_cast<const T*>(a.x), *weight = static_cast<const T*>(a.ref.weight),
          *bias = static_cast<const T*>(a.ref.bias);
  const T *ref_mean = static_cast<const T*>(a.ref.mean),
          *ref_var = static_cast<const T*>(a.ref.var);
  T *y_all = static_cast<T*>(a.out), *means = static_cast<T*>(a.mean),
    *vars = static_cast<T*>(a.var);
  const int64_t channels = a.ref.channels, positions = a.positions;
  const T share = static_cast<T>(a.share), eps = static_cast<T>(a.ref.eps);
  const int64_t grain = virtual_norm_grain(positions, channels);
  parallel_ranges(a.samples, grain, [=](int64_t begin, int64_t end) {
    Blend<T> blend;
    T scale[kChannels], shift[kChannels];
    for (int64_t i = begin; i < end; ++i)
      for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
        const int64_t n = least(kChannels, channels - c0);
        const T* x = x_all + i * positions * channels + c0;
        T* y = y_all + i * positions * channels + c0;
        T *mean = means + i * channels + c0, *var = vars + i * channels + c0;
        if (share == T(0)) {
          for (int64_t c = 0; c < n; ++c) mean[c] = var[c] = 0;
        } else {
          moments(x, positions, channels, n, mean, var);
        }
        blend.set(mean, var, ref_mean + c0, ref_var + c0, n, share, eps);
        for (int64_t c = 0; c < n; ++c) {
          scale[c] = (weight ? weight[c0 + c] : T(1)) * blend.inverse[c];
          shift[c] = bias ? bias[c0 + c] : T(0);
        }
        for (int64_t r = 0; r < positions; ++r)
          for (int64_t c = 0; c < n; ++c)
            y[r * channels + c] = normalized(x[r * channels + c], blend.mu[c], scale[c], shift[c]);
      }
  });
}

// One sample, its channels [c0, c0 + n): dx, and its terms of dbias, dweight, and the gradients of
// mu_r and var_r added to sums (4, channels).
template <class T>
void backward_tile(const VirtualNormArgs& a, int64_t i, int64_t c0, int64_t n, double* sums) {
  const int64_t channels = a.ref.channels, positions = a.positions;
  const T *x = static_cast<const T*>(a.x) + i * positions * channels + c0,
          *dy = static_cast<const T*>(a.dy) + i * positions * channels + c0;
  const T *mean = static_cast<const T*>(a.mean) + i * channels + c0,
          *var = static_cast<const T*>(a.var) + i * channels + c0;
  const T* weight = static_cast<const T*>(a.ref.weight);
  T* dx = static_cast<T*>(a.out) + i * positions * channels + c0;
  Blend<T> blend;
  blend.set(mean, var, static_cast<const T*>(a.ref.mean) + c0,
            static_cast<const T*>(a.ref.var) + c0, n, static_cast<T>(a.share),
            static_cast<T>(a.ref.eps));
  double p[kChannels] = {}, q[kChannels] = {};  // sum dy, sum dy (x - mu)
  const T* mu = blend.mu;
  add_rows<T>(0, positions, 0, n, p, q, [=](int64_t r, int64_t, int64_t width, T* s, T* t) {
    const T *xr = x + r * channels, *dyr = dy + r * channels;
    for (int64_t c = 0; c < width; ++c) {
      s[c] += dyr[c];
      t[c] += dyr[c] * (xr[c] - mu[c]);
    }
  });
  const double count = static_cast<double>(positions);
  T scale[kChannels], shift[kChannels], slope[kChannels];
  for (int64_t c = 0; c < n; ++c) {
    const ChannelTerms t = terms_of(p[c], q[c], weight ? static_cast<double>(weight[c0 + c]) : 1,
                                    static_cast<double>(blend.inverse[c]),
                                    static_cast<double>(blend.d[c]), a.share, count);
    sums[c0 + c] += t.dbias;
    sums[channels + c0 + c] += t.dweight;
    sums[2 * channels + c0 + c] += t.dmean;
    sums[3 * channels + c0 + c] += t.dvar;
    scale[c] = static_cast<T>(t.scale);
    shift[c] = static_cast<T>(t.shift);
    slope[c] = static_cast<T>(t.slope);
  }
  for (int64_t r = 0; r < positions; ++r) {
    const T *xr = x + r * channels, *dyr = dy + r * channels;
    T* dxr = dx + r * channels;
    for (int64_t c = 0; c < n; ++c)
      dxr[c] = scale[c] * dyr[c] + shift[c] + slope[c] * (xr[c] - mean[c]);
  }
}

template <class T>
void backward(const VirtualNormArgs& a) {
  const int64_t channels = a.ref.channels;
  const int64_t grain = virtual_norm_grain(a.positions, channels);
  const int64_t tasks = virtual_norm_tasks(a.samples, a.positions, channels);
  parallel_for(tasks, [&](int64_t task) {
    double* sums = a.partial + task * 4 * channels;
    for (int64_t c = 0; c < 4 * channels; ++c) sums[c] = 0;
    for (int64_t i = task * grain; i < least((task + 1) * grain, a.samples); ++i)
      for (int64_t c0 = 0; c0 < channels; c0 += kChannels)
        backward_tile<T>(a, i, c0, least(kChannels, channels - c0), sums);
  });
  if (tasks == 0) return;
  for (int64_t task = 1; task < tasks; ++task)
    for (int64_t c = 0; c < 4 * channels; ++c) a.partial[c] += a.partial[task * 4 * channels + c];
  const double *p = a.partial, m = static_cast<double>(a.ref.rows);
  const T *ref = static_cast<const T*>(a.ref.x), *ref_mean = static_cast<const T*>(a.ref.mean);
  T *dref = static_cast<T*>(a.ref.out), *dweight = static_cast<T*>(a.ref.dweight),
    *dbias = static_cast<T*>(a.ref.dbias);
  for (int64_t c = 0; c < channels; ++c) {
    dbias[c] = static_cast<T>(static_cast<double>(dbias[c]) + p[c]);
    dweight[c] = static_cast<T>(static_cast<double>(dweight[c]) + p[channels + c]);
  }
  parallel_ranges(a.ref.rows, batch_norm_grain(a.ref.rows, channels), [=](int64_t b, int64_t e) {
    T shift[kChannels], slope[kChannels];
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      for (int64_t c = 0; c < n; ++c) {
        shift[c] = static_cast<T>(p[2 * channels + c0 + c] / m);
        slope[c] = static_cast<T>(2 * p[3 * channels + c0 + c] / m);
      }
      for (int64_t r = b; r < e; ++r) {
        const T* x = ref + r * channels + c0;
        T* dx = dref + r * channels + c0;
        for (int64_t c = 0; c < n; ++c) dx[c] += shift[c] + slope[c] * (x[c] - ref_mean[c0 + c]);
      }
    }
  });
}

}  // namespace

void virtual_norm_forward(const VirtualNormArgs& a) {
  a.ref.f64 ? forward<double>(a) : forward<float>(a);
}
void virtual_norm_backward(const VirtualNormArgs& a) {
  a.ref.f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace pygan::PYGAN_ISA
