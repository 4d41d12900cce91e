#include "ops/resample/resample.h"

#include "core/parallel.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // multiply-adds worth a second thread
constexpr int64_t kLanes = 32;       // elements of a row that stay in registers

// y (width) = sum_e weight[e] x[index[e], :], x (in, inner); Width 0: any number up to kLanes
template <class T, int64_t Width>
void combine(const T* __restrict x, const int64_t* index, const T* weight, int64_t count,
             int64_t inner, int64_t width, T* __restrict y) {
  const int64_t n = Width > 0 ? Width : width;
  T sum[kLanes];
  for (int64_t k = 0; k < n; ++k) sum[k] = T(0);
  for (int64_t e = 0; e < count; ++e) {
    const T w = weight[e];
    const T* from = x + index[e] * inner;
    for (int64_t k = 0; k < n; ++k) sum[k] += w * from[k];
  }
  for (int64_t k = 0; k < n; ++k) y[k] = sum[k];
}

template <class T>
void row_of(const T* x, const int64_t* index, const T* weight, int64_t count, int64_t inner, T* y) {
  if (count == 1 && weight[0] == T(1)) {  // nearest
    __builtin_memcpy(y, x + index[0] * inner, static_cast<size_t>(inner) * sizeof(T));
    return;
  }
  int64_t k = 0;
  for (; k + kLanes <= inner; k += kLanes)
    combine<T, kLanes>(x + k, index, weight, count, inner, kLanes, y + k);
  if (inner - k == 1)
    combine<T, 1>(x + k, index, weight, count, inner, 1, y + k);
  else if (inner - k == 3)
    combine<T, 3>(x + k, index, weight, count, inner, 3, y + k);
  else if (inner > k)
    combine<T, 0>(x + k, index, weight, count, inner, inner - k, y + k);
}

template <class T>
void run(const ResampleArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* weight = static_cast<const T*>(a.weight);
  T* y = static_cast<T*>(a.y);
  const int64_t work = a.inner * (a.row[a.out] / a.out + 1);  // of a row of y, on average
  const int64_t grain = work < kGrain ? kGrain / (work > 0 ? work : 1) : 1;
  parallel_ranges(a.outer * a.out, grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t o = t % a.out, e = a.row[o];
      row_of(x + t / a.out * a.in * a.inner, a.index + e, weight + e, a.row[o + 1] - e, a.inner,
             y + t * a.inner);
    }
  });
}

}  // namespace

void resample_axis(const ResampleArgs& args) { args.f64 ? run<double>(args) : run<float>(args); }

}  // namespace pygan::PYGAN_ISA
