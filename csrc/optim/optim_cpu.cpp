#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "optim/updates.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kAlone = 1 << 15;  // elements that are not worth a second thread

// Calls body(k) for every chunk.
template <class Chunk, class Body>
void for_chunks(const Chunk* chunks /* (count) */, int64_t count, Body body) {
  int64_t elements = 0;
  for (int64_t k = 0; k < count && elements < kAlone; ++k) elements += chunks[k].n;
  if (elements >= kAlone) return parallel_for(count, body);
  for (int64_t k = 0; k < count; ++k) body(k);
}

template <class F>
void each(const UpdateArgs& a, F f) {
  for_chunks(a.chunks, a.count, [&](int64_t k) {
    const UpdateChunk c = a.chunks[k];
    const F update = f;
    for (int64_t i = 0; i < c.n; ++i) update(c, i);
  });
}

template <template <class> class Update>
void each_of(const UpdateArgs& a) {
  a.f64 ? each(a, Update<double>(a.hyper)) : each(a, Update<float>(a.hyper));
}

template <class T>
bool finite(const T* x /* (n) */, int64_t n) {
  T lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int k = 0; k < 16; ++k) lanes[k] += square_test(x[i + k]);
  for (; i < n; ++i) lanes[0] += square_test(x[i]);
  T sum = 0;
  for (int k = 0; k < 16; ++k) sum += lanes[k];
  return sum == T(0);
}

}  // namespace

void adam_chunks(const UpdateArgs& a) { each_of<Adam>(a); }
void sgd_chunks(const UpdateArgs& a) { each_of<Sgd>(a); }
void rmsprop_chunks(const UpdateArgs& a) {
  const auto run = [&](auto update) { each(a, update); };
  a.f64 ? with_rmsprop<double>(a, run) : with_rmsprop<float>(a, run);
}
void clip_chunks(const UpdateArgs& a) { each_of<Clip>(a); }
void ema_chunks(const UpdateArgs& a) { each_of<Ema>(a); }
bool all_finite(const FiniteArgs& a) {
  bool good = true;  // threads only ever write false
  for_chunks(a.runs, a.count, [&](int64_t i) {
    const FiniteRun& r = a.runs[i];
    const bool found = a.f64 ? finite(static_cast<const double*>(r.x), r.n)
                             : finite(static_cast<const float*>(r.x), r.n);
    if (!found) __atomic_store_n(&good, false, __ATOMIC_RELAXED);
  });
  return good;
}

}  // namespace pygan::PYGAN_ISA
