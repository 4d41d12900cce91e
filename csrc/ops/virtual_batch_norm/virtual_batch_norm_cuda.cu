#include "ops/virtual_batch_norm/virtual_batch_norm.h"

#include "ops/batch_norm/batch_norm_device.h"
#include "ops/virtual_batch_norm/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// The statistics of both batches: mean, var (samples, channels), ref_mean, ref_var (channels)
template <class T>
struct Statistics {
  const T *mean, *var, *ref_mean, *ref_var;
  int64_t channels;
  T share, eps;

  explicit Statistics(const VirtualNormArgs& a)
      : mean(static_cast<const T*>(a.mean)),
        var(static_cast<const T*>(a.var)),
        ref_mean(static_cast<const T*>(a.ref.mean)),
        ref_var(static_cast<const T*>(a.ref.var)),
        channels(a.ref.channels),
        share(static_cast<T>(a.share)),
        eps(static_cast<T>(a.ref.eps)) {}

  PYGAN_DEVICE T d(int64_t sample, int64_t c) const {
    return shift_of(mean[sample * channels + c], ref_mean[c], share);
  }
  PYGAN_DEVICE T mu(int64_t sample, int64_t c) const {
    return blended_mean(d(sample, c), ref_mean[c], share);
  }
  PYGAN_DEVICE T inverse(int64_t sample, int64_t c) const {
    return blended_inverse(d(sample, c), var[sample * channels + c], ref_var[c], share, eps);
  }
};

// ---- forward -----------------------------------------------------------------------------------

// x, y (samples, positions, channels); weight, bias (channels) or null
template <class T>
struct VirtualNormalize {
  Statistics<T> of;
  const T *x, *weight, *bias;
  T* y;
  struct Column {
    T mean, scale, shift;
  };
  PYGAN_DEVICE Column column(int64_t sample, int64_t c) const {
    return {of.mu(sample, c), (weight ? weight[c] : T(1)) * of.inverse(sample, c),
            bias ? bias[c] : T(0)};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& c) const {
    y[i] = normalized(x[i], c.mean, c.scale, c.shift);
  }
};

// Without a share a sample's own statistics are not computed. mean, var (n)
template <class T>
PYGAN_KERNEL void clear_moments(T* mean, T* var, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) mean[i] = var[i] = T(0);
}

template <class T>
void forward(const VirtualNormArgs& a) {
  normalize_batch<T>(a.ref);
  if (a.samples == 0) return;
  const int64_t channels = a.ref.channels, n = a.samples * channels;
  const T* x = static_cast<const T*>(a.x);
  T *mean = static_cast<T*>(a.mean), *var = static_cast<T*>(a.var);
  if (a.share == 0)
    launch(clear_moments<T>, {blocks_for(n), kThreads}, mean, var, n);
  else
    moments(x, mean, var, a.samples, a.positions, channels, 1);
  map_of(a.samples, a.positions, channels,
         VirtualNormalize<T>{Statistics<T>(a), x, static_cast<const T*>(a.ref.weight),
                             static_cast<const T*>(a.ref.bias), static_cast<T*>(a.out)});
}
const RegisterDeviceKernel<VirtualNormKernel> forward_device{
    [](const VirtualNormArgs& a) { PYGAN_BY_FLOAT(a.ref.f64, forward, a); }};

// ---- backward ----------------------------------------------------------------------------------

// sum dy, sum dy (x - mu): x, dy (samples, positions, channels)
template <class T>
struct VirtualGradTerm {
  Statistics<T> of;
  const T *x, *dy;
  int64_t positions;
  PYGAN_DEVICE void add(int64_t sample, int64_t row, int64_t c, T* sum) const {
    const int64_t i = (sample * positions + row) * of.channels + c;
    sum[0] += dy[i];
    sum[1] += dy[i] * (x[i] - of.mu(sample, c));
  }
};

// From those sums: what a sample adds to the gradients of the channels, (samples, 4, channels), and
// the numbers of its dx, each (samples, channels)
template <class T>
struct SampleTerms {
  Statistics<T> of;
  const T* weight;
  Partial<4> terms;
  T *scale, *shift, *slope;
  double share, positions;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    const int64_t c = at.column, i = at.segment * of.channels + c;
    const ChannelTerms t = terms_of(sum[0], sum[1], weight ? static_cast<double>(weight[c]) : 1,
                                    static_cast<double>(of.inverse(at.segment, c)),
                                    static_cast<double>(of.d(at.segment, c)), share, positions);
    const double four[4] = {t.dbias, t.dweight, t.dmean, t.dvar};
    terms.put({0, at.segment, c, 0, 0, 0}, four);
    scale[i] = static_cast<T>(t.scale);
    shift[i] = static_cast<T>(t.shift);
    slope[i] = static_cast<T>(t.slope);
  }
};

// x, dy, dx (samples, positions, channels); scale, shift, slope, mean (samples, channels)
template <class T>
struct VirtualInputGrad {
  const T *x, *dy, *scale, *shift, *slope, *mean;
  T* dx;
  int64_t channels;
  struct Column {
    T scale, shift, slope, mean;
  };
  PYGAN_DEVICE Column column(int64_t sample, int64_t c) const {
    const int64_t i = sample * channels + c;
    return {scale[i], shift[i], slope[i], mean[i]};
  }
  PYGAN_DEVICE void at(int64_t i, const Column& c) const {
    dx[i] = c.scale * dy[i] + c.shift + c.slope * (x[i] - c.mean);
  }
};

// Added to dbias and dweight (channels); the rest goes on to RefGrad: shift, slope (channels)
template <class T>
struct ChannelSums {
  T *dbias, *dweight, *shift, *slope;
  double rows;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    const int64_t c = at.column;
    dbias[c] = static_cast<T>(static_cast<double>(dbias[c]) + sum[0]);
    dweight[c] = static_cast<T>(static_cast<double>(dweight[c]) + sum[1]);
    shift[c] = static_cast<T>(sum[2] / rows);
    slope[c] = static_cast<T>(2 * sum[3] / rows);
  }
};

// dref += what comes through mu_r and var_r: ref, dref (rows, channels), the others (channels)
template <class T>
struct RefGrad {
  const T *ref, *mean, *shift, *slope;
  T* dref;
  struct Column {
    T mean, shift, slope;
  };
  PYGAN_DEVICE Column column(int64_t, int64_t c) const { return {mean[c], shift[c], slope[c]}; }
  PYGAN_DEVICE void at(int64_t i, const Column& c) const {
    dref[i] += c.shift + c.slope * (ref[i] - c.mean);
  }
};

template <class T>
void backward(const VirtualNormArgs& a) {
  if (a.ref.dy) normalize_batch_grad<T>(a.ref);
  if (a.samples == 0) return;
  const int64_t channels = a.ref.channels, n = a.samples * channels;
  const Statistics<T> statistics(a);
  const T *x = static_cast<const T*>(a.x), *dy = static_cast<const T*>(a.dy);
  Scratch terms(4 * n * static_cast<int64_t>(sizeof(double)));
  Scratch numbers((3 * n + 2 * channels) * static_cast<int64_t>(sizeof(T)));
  T *scale = numbers.as<T>(), *shift = scale + n, *slope = shift + n;
  T *ref_shift = slope + n, *ref_slope = ref_shift + channels;
  const Partial<4> of_sample{terms.as<double>(), a.samples, channels, 1};
  sums_of<T, 2>(a.samples, a.positions, channels, 1,
                VirtualGradTerm<T>{statistics, x, dy, a.positions},
                SampleTerms<T>{statistics, static_cast<const T*>(a.ref.weight), of_sample, scale,
                               shift, slope, a.share, static_cast<double>(a.positions)});
  map_of(a.samples, a.positions, channels,
         VirtualInputGrad<T>{x, dy, scale, shift, slope, statistics.mean, static_cast<T*>(a.out),
                             channels});
  sums_of<double, 4>(1, a.samples, channels, 1, of_sample,
                     ChannelSums<T>{static_cast<T*>(a.ref.dbias), static_cast<T*>(a.ref.dweight),
                                    ref_shift, ref_slope, static_cast<double>(a.ref.rows)});
  map_of(1, a.ref.rows, channels,
         RefGrad<T>{static_cast<const T*>(a.ref.x), statistics.ref_mean, ref_shift, ref_slope,
                    static_cast<T*>(a.ref.out)});
}
const RegisterDeviceKernel<VirtualNormGradKernel> backward_device{
    [](const VirtualNormArgs& a) { PYGAN_BY_FLOAT(a.ref.f64, backward, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
