#include "ops/group_norm/group_norm.h"

#include "ops/batch_norm/columns_device.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// ---- forward -----------------------------------------------------------------------------------

// x, y (samples, positions, groups, width); mean, var (samples, groups); weight, bias (groups, width)
// or null
template <class T>
struct GroupNormalize {
  const T *x, *mean, *var, *weight, *bias;
  T* y;
  int64_t groups, width;
  T eps;
  struct Column {
    T mean, scale, shift;
  };
  PYGAN_DEVICE Column column(int64_t sample, int64_t c) const {
    const int64_t g = sample * groups + c / width;
    return {mean[g], scale_of(weight ? weight[c] : T(1), var[g], eps), bias ? bias[c] : T(0)};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& of) const {
    y[i] = normalized(x[i], of.mean, of.scale, of.shift);
  }
};

template <class T>
void forward(const GroupNormArgs& a) {
  if (a.samples == 0) return;
  const T* x = static_cast<const T*>(a.x);
  T *mean = static_cast<T*>(a.mean), *var = static_cast<T*>(a.var);
  moments(x, mean, var, a.samples, a.positions, a.groups, a.width);
  map_of(a.samples, a.positions, a.groups * a.width,
         GroupNormalize<T>{x, mean, var, static_cast<const T*>(a.weight),
                           static_cast<const T*>(a.bias), static_cast<T*>(a.out), a.groups, a.width,
                           static_cast<T>(a.eps)});
}
const RegisterDeviceKernel<GroupNormKernel> forward_device{
    [](const GroupNormArgs& a) { PYGAN_BY_FLOAT(a.f64, forward, a); }};

// ---- backward ----------------------------------------------------------------------------------

// 1 / s of a sample's groups: var (samples, groups)
template <class T>
struct Inverse {
  const T* var;
  int64_t groups, width;
  T eps;
  PYGAN_DEVICE T of(int64_t sample, int64_t c) const {
    return scale_of(T(1), var[sample * groups + c / width], eps);
  }
};

// sum dy, sum dy (x - mean): x, dy (samples, positions, groups, width), mean (samples, groups)
template <class T>
struct GroupGradTerm {
  const T *x, *dy, *mean;
  int64_t positions, columns, width;
  PYGAN_DEVICE void add(int64_t sample, int64_t row, int64_t c, T* sum) const {
    const int64_t i = (sample * positions + row) * columns + c;
    sum[0] += dy[i];
    sum[1] += dy[i] * (x[i] - mean[(sample * columns + c) / width]);
  }
};

// Of a group: sum weight dy, sum weight dy h. Rows (chunks, width) as in Partial
template <class T>
struct GroupTerms {
  Partial<2> partial;
  const T* weight;
  Inverse<T> inverse;
  PYGAN_DEVICE void add(int64_t sample, int64_t row, int64_t group, double* sum) const {
    const int64_t c = group * partial.width + row % partial.width;
    const double w = weight ? static_cast<double>(weight[c]) : 1;
    double of_channel[2] = {};
    partial.add(sample, row, group, of_channel);
    sum[0] += w * of_channel[0];
    sum[1] += w * (of_channel[1] * static_cast<double>(inverse.of(sample, c)));
  }
};
// shift = mean of weight dy, slope = mean of weight dy h, over s: (samples, groups)
template <class T>
struct GroupMeans {
  Inverse<T> inverse;
  T *shift, *slope;
  double count;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    const int64_t g = at.segment * inverse.groups + at.column;
    shift[g] = static_cast<T>(sum[0] / count);
    slope[g] = static_cast<T>(sum[1] / count) * inverse.of(at.segment, at.column * inverse.width);
  }
};

// Of a channel: sum dy, sum dy h. Rows (samples, chunks)
template <class T>
struct ChannelTerms {
  const double* sums;  // (samples, chunks, 2, columns)
  int64_t chunks, columns;
  Inverse<T> inverse;
  PYGAN_DEVICE void add(int64_t, int64_t row, int64_t c, double* sum) const {
    const double* p = sums + row * 2 * columns + c;
    sum[0] += p[0];
    sum[1] += p[columns] * static_cast<double>(inverse.of(row / chunks, c));
  }
};
template <class T>
struct ChannelGrad {
  T *dbias, *dweight;  // (columns)
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    dbias[at.column] = static_cast<T>(sum[0]);
    dweight[at.column] = static_cast<T>(sum[1]);
  }
};
// No samples: dbias, dweight (n)
template <class T>
PYGAN_KERNEL void clear_grads(T* dbias, T* dweight, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) dbias[i] = dweight[i] = T(0);
}

// dx = (weight dy - shift - (x - mean) slope) / s
template <class T>
struct InputGrad {
  const T *x, *dy, *mean, *weight, *shift, *slope;
  T* dx;
  Inverse<T> inverse;
  struct Column {
    T mean, inverse, gain, shift, slope;
  };
  PYGAN_DEVICE Column column(int64_t sample, int64_t c) const {
    const int64_t g = sample * inverse.groups + c / inverse.width;
    return {mean[g], inverse.of(sample, c), weight ? weight[c] : T(1), shift[g], slope[g]};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& of) const {
    dx[i] = of.inverse * (of.gain * dy[i] - of.shift - (x[i] - of.mean) * of.slope);
  }
};

template <class T>
void backward(const GroupNormArgs& a) {
  const int64_t columns = a.groups * a.width;
  T *dweight = static_cast<T*>(a.dweight), *dbias = static_cast<T*>(a.dbias);
  if (a.samples == 0) {
    launch(clear_grads<T>, {blocks_for(columns), kThreads}, dbias, dweight, columns);
    return;
  }
  const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
  const T *mean = static_cast<const T*>(a.mean), *weight = static_cast<const T*>(a.weight);
  const Inverse<T> inverse{static_cast<const T*>(a.var), a.groups, a.width, static_cast<T>(a.eps)};
  const Columns s = columns_of(a.samples, a.positions, columns, kRowsPerThread);
  Scratch memory(partial_bytes<2>(s));
  const Partial<2> partial{memory.as<double>(), s.chunks, a.groups, a.width};
  const int64_t groups = a.samples * a.groups;
  Scratch numbers(2 * groups * static_cast<int64_t>(sizeof(T)));
  T *shift = numbers.as<T>(), *slope = shift + groups;

  launch_sums<T, 2>(s, GroupGradTerm<T>{x, dy, mean, a.positions, columns, a.width}, partial);
  launch_sums<double, 2>(
      columns_of(a.samples, s.chunks * a.width, a.groups, 0),
      GroupTerms<T>{partial, weight, inverse},
      GroupMeans<T>{inverse, shift, slope, static_cast<double>(a.positions * a.width)});
  sums_of<double, 2>(1, a.samples * s.chunks, columns, 1,
                     ChannelTerms<T>{partial.sums, s.chunks, columns, inverse},
                     ChannelGrad<T>{dbias, dweight});
  map_of(a.samples, a.positions, columns,
         InputGrad<T>{x, dy, mean, weight, shift, slope, static_cast<T*>(a.out), inverse});
}
const RegisterDeviceKernel<GroupNormGradKernel> backward_device{
    [](const GroupNormArgs& a) { PYGAN_BY_FLOAT(a.f64, backward, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
