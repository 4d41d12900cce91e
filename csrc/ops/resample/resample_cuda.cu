#include "ops/resample/resample.h"

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// One thread an output. x (outer, in, inner), y (outer, out, inner), `size` of them; row o of the
// matrix: entries row[o] to row[o + 1] of index and weight
template <class T>
PYGAN_KERNEL void resample(ResampleArgs a, const T* x, const int64_t* row, const int64_t* index,
                           const T* weight, T* y, int64_t size) {
  for (int64_t t = global_thread(); t < size; t += global_threads()) {
    const int64_t k = t % a.inner, o = t / a.inner % a.out, outer = t / a.inner / a.out;
    const T* from = x + outer * a.in * a.inner + k;  // (in), `inner` apart
    const int64_t first = row[o], last = row[o + 1];
    if (last - first == 1 && weight[first] == T(1)) {  // nearest: a copy, of -0 and NaN too
      y[t] = from[index[first] * a.inner];
      continue;
    }
    T sum = 0;
    for (int64_t e = first; e < last; ++e) sum += weight[e] * from[index[e] * a.inner];
    y[t] = sum;
  }
}

template <class T>
void run(const ResampleArgs& a) {
  const int64_t size = a.outer * a.out * a.inner, entries = a.row[a.out];
  Upload<int64_t> row(a.row, a.out + 1), index(a.index, entries);
  Upload<T> weight(static_cast<const T*>(a.weight), entries);
  launch(resample<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.x), row.data(),
         index.data(), weight.data(), static_cast<T*>(a.y), size);
}
const RegisterDeviceKernel<ResampleKernel> resample_device{
    [](const ResampleArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
