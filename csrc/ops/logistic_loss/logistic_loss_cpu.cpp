#include "ops/logistic_loss/logistic_loss.h"

#include "core/parallel.h"
#include "ops/logistic_loss/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kLanes = 16;  // sums side by side

// sum of the costs of x (n), in float64
template <class T>
double cost_of(const T* __restrict x, int64_t n, T t) {
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lane[k] += static_cast<double>(logistic_cost(x[i + k], t));
  double total = 0;
  for (int64_t k = 0; k < kLanes; ++k) total += lane[k];
  for (; i < n; ++i) total += static_cast<double>(logistic_cost(x[i], t));
  return total;
}

template <class T>
void loss(const LogisticLossArgs& a) {
  const T *x = static_cast<const T*>(a.x), t = static_cast<T>(a.target);
  double* partial = a.partial;
  parallel_ranges(a.n, kLogisticChunk, [=](int64_t begin, int64_t end) {
    partial[begin / kLogisticChunk] = cost_of(x + begin, end - begin, t);
  });
  double total = 0;
  for (int64_t i = 0; i * kLogisticChunk < a.n; ++i) total += partial[i];
  *static_cast<T*>(a.y) = static_cast<T>(total / static_cast<double>(a.n));
}

template <class T>
void grad(const LogisticLossGradArgs& a) {
  const T *x = static_cast<const T*>(a.x), t = static_cast<T>(a.target);
  const T share = *static_cast<const T*>(a.dy) / static_cast<T>(a.n);
  T* dx = static_cast<T*>(a.dx);
  parallel_ranges(a.n, kLogisticChunk, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) dx[i] = share * logistic_slope(x[i], t);
  });
}

}  // namespace

void logistic_loss(const LogisticLossArgs& a) { a.f64 ? loss<double>(a) : loss<float>(a); }
void logistic_loss_grad(const LogisticLossGradArgs& a) { a.f64 ? grad<double>(a) : grad<float>(a); }

}  // namespace pygan::PYGAN_ISA
