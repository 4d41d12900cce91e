#include "ops/gradient_penalty/gradient_penalty.h"

#include "device/device.h"
#include "device/reduce.h"
#include "ops/gradient_penalty/costs.h"

namespace pygan::PYGAN_BACKEND {
namespace {

constexpr int64_t kChunk = 4 * kThreads;  // elements of one sample that a block takes at a time

// real, fake, x (n, d), u (n). A block stays within one sample, so that u is read once.
template <class T>
PYGAN_KERNEL void interpolate(const T* real, const T* fake, const T* u, T* x, int64_t n,
                              int64_t d) {
  const int64_t chunks = (d + kChunk - 1) / kChunk;
  for (int64_t k = blockIdx.x; k < n * chunks; k += gridDim.x) {
    const int64_t b = k / chunks, begin = k % chunks * kChunk, end = least(begin + kChunk, d);
    const T t = u[b], rest = T(1) - t;
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
      x[b * d + i] = t * real[b * d + i] + rest * fake[b * d + i];
  }
}

// g (n, d), coefficient (n), costs (n): a sample a block at a time. share: weight / n
template <class T>
PYGAN_KERNEL void slopes(const T* g, T* coefficient, double* costs, int64_t n, int64_t d,
                         PenaltyCost cost, double share) {
  PYGAN_SHARED(double, partial, [kWarps]);
  for (int64_t b = blockIdx.x; b < n; b += gridDim.x) {
    double sum = 0;
    for (int64_t i = threadIdx.x; i < d; i += blockDim.x) {
      const double v = static_cast<double>(g[b * d + i]);
      sum += v * v;
    }
    const Slope s = slope(cost, block_sum(sum, partial));
    if (threadIdx.x != 0) continue;
    costs[b] = s.cost;
    coefficient[b] = static_cast<T>(share * s.ratio);
  }
}

// value () = share sum costs (n). One block.
template <class T>
PYGAN_KERNEL void total(const double* costs, T* value, int64_t n, double share) {
  PYGAN_SHARED(double, partial, [kWarps]);
  double sum = 0;
  for (int64_t b = threadIdx.x; b < n; b += blockDim.x) sum += costs[b];
  sum = block_sum(sum, partial);
  if (threadIdx.x == 0) *value = static_cast<T>(share * sum);
}

template <class T>
void run_interpolate(const InterpolateArgs& a) {
  const int64_t chunks = (a.d + kChunk - 1) / kChunk;
  launch(interpolate<T>, {blocks_for(a.n * chunks, 1), kThreads}, static_cast<const T*>(a.real),
         static_cast<const T*>(a.fake), static_cast<const T*>(a.u), static_cast<T*>(a.x), a.n, a.d);
}

template <class T>
void run_norm_penalty(const NormPenaltyArgs& a) {
  const double share = a.weight / static_cast<double>(a.n);
  launch(slopes<T>, {blocks_for(a.n, 1), kThreads}, static_cast<const T*>(a.g),
         static_cast<T*>(a.coefficient), a.costs, a.n, a.d, a.cost, share);
  launch(total<T>, {1, kThreads}, static_cast<const double*>(a.costs), static_cast<T*>(a.value),
         a.n, share);
}

const RegisterDeviceKernel<InterpolateKernel> interpolate_device{
    [](const InterpolateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_interpolate, a); }};
const RegisterDeviceKernel<NormPenaltyKernel> norm_penalty_device{
    [](const NormPenaltyArgs& a) { PYGAN_BY_FLOAT(a.f64, run_norm_penalty, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
