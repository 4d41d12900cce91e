#include "ops/losses/losses.h"

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/losses/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T>
void bce(const BceArgs& a) {
  const T *x = static_cast<const T*>(a.x), *t = static_cast<const T*>(a.t);
  T* y = static_cast<T*>(a.y);
  parallel_ranges(a.n, 1 << 14, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = bce_of(x[i], t[i]);
  });
}

}  // namespace

void bce_with_logits(const BceArgs& a) { a.f64 ? bce<double>(a) : bce<float>(a); }

}  // namespace pygan::PYGAN_ISA
