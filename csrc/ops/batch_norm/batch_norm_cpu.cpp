#include "ops/batch_norm/batch_norm.h"

#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/batch_norm/column_sums.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kMergeGrain = 64;  // channels whose tasks one thread joins

// join(begin, end, c0, c1) for every task but the first, in order: rows [begin, end) join those
// before them, in channels [c0, c1).
template <class Join>
void join_tasks(const BatchNormArgs& a, Join join) {
  const int64_t grain = batch_norm_grain(a.rows, a.channels);
  const int64_t tasks = batch_norm_tasks(a.rows, a.channels);
  parallel_ranges(a.channels, kMergeGrain, [&](int64_t c0, int64_t c1) {
    for (int64_t task = 1; task < tasks; ++task)
      join(task * grain, least((task + 1) * grain, a.rows), a.partial + task * 2 * a.channels, c0,
           c1);
  });
}

// One pass over memory: a task's rows stay in the cache for their mean and then for the squares of
// what is centred by it (raw second moments would cancel). The tasks' means and sums of squares m2
// join in order (Chan, Golub, LeVeque 1979):
//
//   n = n_a + n_b             d  = mean_b - mean_a
//   mean = mean_a + d n_b/n   m2 = m2_a + m2_b + d^2 n_a n_b/n
template <class T>
void moments(const BatchNormArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* mean = static_cast<T*>(a.mean);
  T* var = static_cast<T*>(a.var);
  const int64_t channels = a.channels;
  const int64_t grain = batch_norm_grain(a.rows, channels);
  parallel_for(batch_norm_tasks(a.rows, channels), [&](int64_t task) {
    const int64_t begin = task * grain, end = least(begin + grain, a.rows);
    const double rows = static_cast<double>(end - begin);
    double* out = a.partial + task * 2 * channels;  // mean, m2
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      double p[kChannels] = {}, q[kChannels] = {};
      T centre[kChannels];
      add_rows<T>(begin, end, c0, n, p, q, [=](int64_t r, int64_t, int64_t width, T* s, T*) {
        const T* xr = x + r * channels + c0;
        for (int64_t c = 0; c < width; ++c) s[c] += xr[c];
      });
      for (int64_t c = 0; c < n; ++c) {
        centre[c] = static_cast<T>(p[c] / rows);
        p[c] = q[c] = 0;
      }
      const T* of = centre;
      add_rows<T>(begin, end, c0, n, p, q, [=](int64_t r, int64_t, int64_t width, T* s, T* t) {
        const T* xr = x + r * channels + c0;
        for (int64_t c = 0; c < width; ++c) {
          const T d = xr[c] - of[c];
          s[c] += d;
          t[c] += d * d;
        }
      });
      for (int64_t c = 0; c < n; ++c) {
        const double shift = p[c] / rows;  // what rounding took from the mean
        out[c0 + c] = static_cast<double>(centre[c]) + shift;
        out[channels + c0 + c] = q[c] - p[c] * shift;
      }
    }
  });
  double *mean_a = a.partial, *m2_a = mean_a + channels;
  join_tasks(a, [=](int64_t begin, int64_t end, const double* b, int64_t c0, int64_t c1) {
    const double share = static_cast<double>(end - begin) / static_cast<double>(end);
    const double weight = share * static_cast<double>(begin);
    for (int64_t c = c0; c < c1; ++c) {
      const double d = b[c] - mean_a[c];
      mean_a[c] += d * share;
      m2_a[c] += b[channels + c] + d * d * weight;
    }
  });
  const double m = static_cast<double>(a.rows);
  for (int64_t c = 0; c < channels; ++c) {
    mean[c] = static_cast<T>(mean_a[c]);
    var[c] = variance_of<T>(0, m2_a[c], m);
  }
}

// h weight + bias as (x - mean) scale + shift, of channels [c0, c0 + n)
template <class T>
struct Affine {
  T mean[kChannels], scale[kChannels], shift[kChannels];

  Affine(const BatchNormArgs& a, int64_t c0, int64_t n) {
    const T *mean_all = static_cast<const T*>(a.mean), *var = static_cast<const T*>(a.var);
    const T *weight = static_cast<const T*>(a.weight), *bias = static_cast<const T*>(a.bias);
    const T eps = static_cast<T>(a.eps);
    for (int64_t c = 0; c < n; ++c) {
      mean[c] = mean_all[c0 + c];
      scale[c] = scale_of(weight ? weight[c0 + c] : T(1), var[c0 + c], eps);
      shift[c] = bias ? bias[c0 + c] : T(0);
    }
  }
};

// One row. Its loops are short, and pointers that might overlap are compared before each: restrict.
template <class T, class Activation>
void normalize_row(const T* __restrict x, int64_t n, const T* __restrict mean,
                   const T* __restrict scale, const T* __restrict shift, T* __restrict y,
                   Activation activation) {
  for (int64_t c = 0; c < n; ++c) y[c] = activation(normalized(x[c], mean[c], scale[c], shift[c]));
}
// Relu's gradient loads dy under a mask, which no prefetcher of the machine sees.
template <class T>
void prefetch(const T* p, int64_t n) {
  constexpr int64_t kLine = 64 / sizeof(T), kAhead = 4096 / sizeof(T);
  for (int64_t i = 0; i < n; i += kLine) __builtin_prefetch(p + kAhead + i);
}
template <class T, class Activation>
void add_row(const T* __restrict x, const T* __restrict dy, int64_t n, const T* __restrict mean,
             const T* __restrict scale, const T* __restrict shift, T* __restrict sum,
             T* __restrict sum_x, Activation activation) {
  prefetch(dy, n);
  for (int64_t c = 0; c < n; ++c) {
    const T g = activation.grad(dy[c], normalized(x[c], mean[c], scale[c], shift[c]));
    sum[c] += g;
    sum_x[c] += g * (x[c] - mean[c]);
  }
}
template <class T, class Activation>
void grad_row(const T* __restrict x, const T* __restrict dy, int64_t n, const T* __restrict mean,
              const T* __restrict scale, const T* __restrict shift, const T* __restrict gain,
              const T* __restrict db, const T* __restrict dh, T* __restrict dx,
              Activation activation) {
  prefetch(dy, n);
  for (int64_t c = 0; c < n; ++c) {
    const T g = activation.grad(dy[c], normalized(x[c], mean[c], scale[c], shift[c]));
    dx[c] = normalized_grad(x[c], g, mean[c], gain[c], db[c], dh[c]);
  }
}

template <class T, class Activation>
void normalize(const BatchNormArgs& a, Activation activation) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.out);
  const int64_t channels = a.channels;
  parallel_ranges(a.rows, batch_norm_grain(a.rows, channels), [&](int64_t begin, int64_t end) {
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      const Affine<T> of(a, c0, n);
      for (int64_t r = begin; r < end; ++r)
        normalize_row(x + r * channels + c0, n, of.mean, of.scale, of.shift, y + r * channels + c0,
                      activation);
    }
  });
}

template <class T, class Activation>
void backward(const BatchNormArgs& a, Activation activation) {
  const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
  const T *var = static_cast<const T*>(a.var), *weight = static_cast<const T*>(a.weight);
  T *dx = static_cast<T*>(a.out), *dweight = static_cast<T*>(a.dweight),
    *dbias = static_cast<T*>(a.dbias);
  const int64_t channels = a.channels;
  const T eps = static_cast<T>(a.eps);
  const int64_t grain = batch_norm_grain(a.rows, channels);
  double *sum = a.partial,
         *sum_x = sum + channels;  // of g = dy behind the activation: g, g (x - mean)
  parallel_for(batch_norm_tasks(a.rows, channels), [&](int64_t task) {
    double *p = sum + task * 2 * channels, *q = p + channels;
    for (int64_t c = 0; c < 2 * channels; ++c) p[c] = 0;
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      const Affine<T> of(a, c0, n);
      add_rows<T>(task * grain, least((task + 1) * grain, a.rows), c0, n, p + c0, q + c0,
                  [&](int64_t r, int64_t, int64_t width, T* s, T* t) {
                    const int64_t at = r * channels + c0;
                    add_row(x + at, dy + at, width, of.mean, of.scale, of.shift, s, t, activation);
                  });
    }
  });
  join_tasks(a, [=](int64_t, int64_t, const double* p, int64_t c0, int64_t c1) {
    for (int64_t c = c0; c < c1; ++c) {
      sum[c] += p[c];
      sum_x[c] += p[channels + c];
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    dbias[c] = static_cast<T>(sum[c]);
    dweight[c] = static_cast<T>(sum_x[c] / static_cast<double>(vecmath::sqrt(var[c] + eps)));
  }
  const T m = static_cast<T>(a.rows);
  parallel_ranges(a.rows, grain, [&](int64_t begin, int64_t end) {
    T gain[kChannels], db[kChannels], dh[kChannels];
    for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
      const int64_t n = least(kChannels, channels - c0);
      const Affine<T> of(a, c0, n);
      for (int64_t c = 0; c < n; ++c) {
        const T rs = scale_of(T(1), var[c0 + c], eps);
        gain[c] = (weight ? weight[c0 + c] : T(1)) * rs;
        db[c] = dbias[c0 + c] / m;
        dh[c] = dweight[c0 + c] * rs / m;
      }
      for (int64_t r = begin; r < end; ++r) {
        const int64_t at = r * channels + c0;
        grad_row(x + at, dy + at, n, of.mean, of.scale, of.shift, gain, db, dh, dx + at,
                 activation);
      }
    }
  });
}

template <class T>
void normalize(const BatchNormArgs& a) {
  with_activation(static_cast<T>(a.slope), [&](auto activation) { normalize<T>(a, activation); });
}
template <class T>
void backward(const BatchNormArgs& a) {
  with_activation(static_cast<T>(a.slope), [&](auto activation) { backward<T>(a, activation); });
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
