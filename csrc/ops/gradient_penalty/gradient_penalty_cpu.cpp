#include "ops/gradient_penalty/gradient_penalty.h"

#include "core/parallel.h"
#include "core/vecmath.h"
#include "ops/gradient_penalty/costs.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread
constexpr int64_t kLanes = 16;       // sums side by side

int64_t rows_of(int64_t d) { return d >= kGrain ? 1 : kGrain / (d < 1 ? 1 : d); }

template <class T>
void interpolate_rows(const InterpolateArgs& a) {
  const T *real = static_cast<const T*>(a.real), *fake = static_cast<const T*>(a.fake);
  const T* u = static_cast<const T*>(a.u);
  T* x = static_cast<T*>(a.x);
  parallel_ranges(a.n, rows_of(a.d), [=, d = a.d](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const T* __restrict r = real + b * d, * __restrict f = fake + b * d;
      T* __restrict y = x + b * d;
      const T t = u[b], rest = T(1) - t;
      for (int64_t i = 0; i < d; ++i) y[i] = t * r[i] + rest * f[i];
    }
  });
}

// sum g^2 of g (n), in float64: neither a square nor their sum leaves its range
template <class T>
double sum_of_squares(const T* __restrict g, int64_t n) {
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k)
      lane[k] += static_cast<double>(g[i + k]) * static_cast<double>(g[i + k]);
  double total = 0;
  for (int64_t k = 0; k < kLanes; ++k) total += lane[k];
  for (; i < n; ++i) total += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  return total;
}

template <class T>
void norm_penalty_of(const NormPenaltyArgs& a) {
  const T* g = static_cast<const T*>(a.g);
  T* coefficient = static_cast<T*>(a.coefficient);
  const double share = a.weight / static_cast<double>(a.n);
  parallel_ranges(a.n, rows_of(a.d), [=](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const Slope s = slope(a.cost, sum_of_squares(g + b * a.d, a.d));
      a.costs[b] = s.cost;
      coefficient[b] = static_cast<T>(share * s.ratio);
    }
  });
  double total = 0;
  for (int64_t b = 0; b < a.n; ++b) total += a.costs[b];
  *static_cast<T*>(a.value) = static_cast<T>(share * total);
}

}  // namespace

void interpolate(const InterpolateArgs& a) {
  a.f64 ? interpolate_rows<double>(a) : interpolate_rows<float>(a);
}

void norm_penalty(const NormPenaltyArgs& a) {
  a.f64 ? norm_penalty_of<double>(a) : norm_penalty_of<float>(a);
}

}  // namespace pygan::PYGAN_ISA
