#include "ops/group_norm/group_norm.h"

#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/batch_norm/column_sums.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kLanes = 8;  // partial sums within a group, so that its loop is vectorised

double sum_of(const double* p, int64_t n) {
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lane[k] += p[i + k];
  for (int64_t k = 0; i + k < n; ++k) lane[k] += p[i + k];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

// Adds channels [c0, c0 + n) of p to their groups' sums.
void add_groups(const double* p /* (n) */, int64_t c0, int64_t n, int64_t width, double* sums) {
  for (int64_t c = c0; c < c0 + n;) {
    const int64_t g = c / width, end = least((g + 1) * width, c0 + n);
    sums[g] += sum_of(p + (c - c0), end - c);
    c = end;
  }
}

// of_channel[c] = of_group[group of c0 + c], for n channels
template <class T>
void spread(const T* of_group, int64_t c0, int64_t n, int64_t width, T* of_channel) {
  for (int64_t c = c0; c < c0 + n;) {
    const int64_t g = c / width, end = least((g + 1) * width, c0 + n);
    for (; c < end; ++c) of_channel[c - c0] = of_group[g];
  }
}

// x (positions, channels); mean, var (groups); sums (2, groups): workspace
template <class T>
void moments(const GroupNormArgs& a, const T* x, T* mean, T* var, double* sums) {
  const int64_t channels = a.groups * a.width;
  const double count = static_cast<double>(a.positions * a.width);
  double p[kChannels], q[kChannels];
  for (int64_t g = 0; g < 2 * a.groups; ++g) sums[g] = 0;
  for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
    const int64_t n = least(kChannels, channels - c0);
    for (int64_t c = 0; c < n; ++c) p[c] = q[c] = 0;
    add_rows<T>(0, a.positions, c0, n, p, q,
                [=](int64_t r, int64_t first, int64_t width, T* s, T*) {
                  const T* xr = x + r * channels + first;
                  for (int64_t c = 0; c < width; ++c) s[c] += xr[c];
                });
    add_groups(p, c0, n, a.width, sums);
  }
  for (int64_t g = 0; g < a.groups; ++g) {
    mean[g] = static_cast<T>(sums[g] / count);
    sums[g] = 0;
  }
  for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
    const int64_t n = least(kChannels, channels - c0);
    T mu[kChannels];
    spread(mean, c0, n, a.width, mu);
    for (int64_t c = 0; c < n; ++c) p[c] = q[c] = 0;
    const T* at = mu;
    add_rows<T>(0, a.positions, c0, n, p, q,
                [=](int64_t r, int64_t first, int64_t width, T* s, T* t) {
                  const T* xr = x + r * channels + first;
                  for (int64_t c = 0; c < width; ++c) {
                    const T d = xr[c] - at[c];
                    s[c] += d;
                    t[c] += d * d;
                  }
                });
    add_groups(p, c0, n, a.width, sums);
    add_groups(q, c0, n, a.width, sums + a.groups);
  }
  for (int64_t g = 0; g < a.groups; ++g)
    var[g] = variance_of<T>(sums[g], sums[a.groups + g], count);
}

template <class T>
void forward(const GroupNormArgs& a) {
  const T *x_all = static_cast<const T*>(a.x), *weight = static_cast<const T*>(a.weight),
          *bias = static_cast<const T*>(a.bias);
  T *y_all = static_cast<T*>(a.out), *means = static_cast<T*>(a.mean),
    *vars = static_cast<T*>(a.var);
  const int64_t channels = a.groups * a.width, positions = a.positions;
  const T eps = static_cast<T>(a.eps);
  const int64_t grain = group_norm_grain(positions, channels);
  parallel_for(group_norm_tasks(a.samples, positions, channels), [&](int64_t task) {
    T mu[kChannels], scale[kChannels], shift[kChannels];
    for (int64_t i = task * grain; i < least((task + 1) * grain, a.samples); ++i) {
      const T* x = x_all + i * positions * channels;
      T* y = y_all + i * positions * channels;
      T *mean = means + i * a.groups, *var = vars + i * a.groups;
      moments(a, x, mean, var, a.work + task * 2 * a.groups);
      for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
        const int64_t n = least(kChannels, channels - c0);
        spread(mean, c0, n, a.width, mu);
        spread(var, c0, n, a.width, scale);
        for (int64_t c = 0; c < n; ++c) {
          scale[c] = scale_of(weight ? weight[c0 + c] : T(1), scale[c], eps);
          shift[c] = bias ? bias[c0 + c] : T(0);
        }
        for (int64_t r = 0; r < positions; ++r) {
          const T* xr = x + r * channels + c0;
          T* yr = y + r * channels + c0;
          for (int64_t c = 0; c < n; ++c) yr[c] = normalized(xr[c], mu[c], scale[c], shift[c]);
        }
      }
    }
  });
}

// One sample: dx, and its terms of dbias and dweight added to partial (2, channels).
template <class T>
void backward_sample(const GroupNormArgs& a, int64_t i, double* sums /* (2, groups) */,
                     double* partial) {
  const int64_t channels = a.groups * a.width, positions = a.positions;
  const T *x = static_cast<const T*>(a.x) + i * positions * channels,
          *dy = static_cast<const T*>(a.dy) + i * positions * channels;
  const T *mean = static_cast<const T*>(a.mean) + i * a.groups,
          *var = static_cast<const T*>(a.var) + i * a.groups;
  const T* weight = static_cast<const T*>(a.weight);
  T* dx = static_cast<T*>(a.out) + i * positions * channels;
  const T eps = static_cast<T>(a.eps);
  const double count = static_cast<double>(positions * a.width);
  T mu[kChannels], inverse[kChannels], gain[kChannels], shift[kChannels], slope[kChannels];
  for (int64_t g = 0; g < 2 * a.groups; ++g) sums[g] = 0;
  for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
    const int64_t n = least(kChannels, channels - c0);
    double p[kChannels] = {}, q[kChannels] = {};  // sum dy, sum dy (x - mean)
    spread(mean, c0, n, a.width, mu);
    spread(var, c0, n, a.width, inverse);
    for (int64_t c = 0; c < n; ++c) inverse[c] = scale_of(T(1), inverse[c], eps);
    const T* at = mu;
    add_rows<T>(0, positions, c0, n, p, q,
                [=](int64_t r, int64_t first, int64_t width, T* s, T* t) {
                  const T *xr = x + r * channels + first, *dyr = dy + r * channels + first;
                  for (int64_t c = 0; c < width; ++c) {
                    s[c] += dyr[c];
                    t[c] += dyr[c] * (xr[c] - at[c]);
                  }
                });
    for (int64_t c = 0; c < n; ++c) {
      const double w = weight ? static_cast<double>(weight[c0 + c]) : 1;
      q[c] *= static_cast<double>(inverse[c]);
      partial[c0 + c] += p[c];
      partial[channels + c0 + c] += q[c];
      p[c] *= w;
      q[c] *= w;
    }
    add_groups(p, c0, n, a.width, sums);
    add_groups(q, c0, n, a.width, sums + a.groups);
  }
  for (int64_t c0 = 0; c0 < channels; c0 += kChannels) {
    const int64_t n = least(kChannels, channels - c0);
    double of_shift[kChannels], of_slope[kChannels];
    spread(mean, c0, n, a.width, mu);
    spread(var, c0, n, a.width, inverse);
    spread<double>(sums, c0, n, a.width, of_shift);
    spread<double>(sums + a.groups, c0, n, a.width, of_slope);
    for (int64_t c = 0; c < n; ++c) {
      inverse[c] = scale_of(T(1), inverse[c], eps);
      gain[c] = weight ? weight[c0 + c] : T(1);
      shift[c] = static_cast<T>(of_shift[c] / count);
      slope[c] = static_cast<T>(of_slope[c] / count) * inverse[c];
    }
    for (int64_t r = 0; r < positions; ++r) {
      const T *xr = x + r * channels + c0, *dyr = dy + r * channels + c0;
      T* dxr = dx + r * channels + c0;
      for (int64_t c = 0; c < n; ++c)
        dxr[c] = inverse[c] * (gain[c] * dyr[c] - shift[c] - (xr[c] - mu[c]) * slope[c]);
    }
  }
}

template <class T>
void backward(const GroupNormArgs& a) {
  const int64_t channels = a.groups * a.width;
  const int64_t grain = group_norm_grain(a.positions, channels);
  const int64_t tasks = group_norm_tasks(a.samples, a.positions, channels);
  parallel_for(tasks, [&](int64_t task) {
    double* partial = a.partial + task * 2 * channels;
    for (int64_t c = 0; c < 2 * channels; ++c) partial[c] = 0;
    for (int64_t i = task * grain; i < least((task + 1) * grain, a.samples); ++i)
      backward_sample<T>(a, i, a.work + task * 2 * a.groups, partial);
  });
  T *dweight = static_cast<T*>(a.dweight), *dbias = static_cast<T*>(a.dbias);
  for (int64_t c = 0; c < channels; ++c) {
    double p = 0, q = 0;
    for (int64_t task = 0; task < tasks; ++task) {
      p += a.partial[task * 2 * channels + c];
      q += a.partial[task * 2 * channels + channels + c];
    }
    dbias[c] = static_cast<T>(p);
    dweight[c] = static_cast<T>(q);
  }
}

}  // namespace

void group_norm_forward(const GroupNormArgs& a) { a.f64 ? forward<double>(a) : forward<float>(a); }
void group_norm_backward(const GroupNormArgs& a) {
  a.f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace pygan::PYGAN_ISA
