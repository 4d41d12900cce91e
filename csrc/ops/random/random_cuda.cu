#include "ops/random/random.h"

#include "device/device.h"
#include "ops/random/draws.h"
#include "ops/sort/merge_device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// ---- uniform, normal, bernoulli ----------------------------------------------------------------

// A distribution: how many numbers it makes of a Philox block, and which
struct Uniform {
  static constexpr int kPerBlock = 4;
  PYGAN_DEVICE static float of(const Philox& bits, int i, float) {
    return uniform_of(bits.word[i]);
  }
};
struct Normal {
  static constexpr int kPerBlock = 2;
  PYGAN_DEVICE static float of(const Philox& bits, int i, float) {
    return normal_of(uniform_of(bits.word[2 * i]), uniform_of(bits.word[2 * i + 1]));
  }
};
struct Bernoulli {
  static constexpr int kPerBlock = 4;
  PYGAN_DEVICE static float of(const Philox& bits, int i, float p) {
    return bernoulli_of(uniform_of(bits.word[i]), p);
  }
};

// A thread makes the numbers of a Philox block. key (3), y (n)
template <class D, class T>
PYGAN_KERNEL void fill(const int64_t* key, T* y, int64_t n, float p) {
  const Key k = key_of(key);
  for (int64_t block = global_thread(); block * D::kPerBlock < n; block += global_threads()) {
    const Philox bits = words(k, block);
    const int64_t at = block * D::kPerBlock;
    PYGAN_UNROLL
    for (int i = 0; i < D::kPerBlock; ++i)
      if (at + i < n) y[at + i] = static_cast<T>(D::of(bits, i, p));
  }
}

template <class D, class T>
void launch_fill(const RandomArgs& a) {
  const int64_t blocks = (a.n + D::kPerBlock - 1) / D::kPerBlock;
  launch(fill<D, T>, {blocks_for(blocks), kThreads}, a.key, static_cast<T*>(a.y), a.n, a.p);
}
template <class T>
void run_random(const RandomArgs& a) {
  if (a.n == 0) return;
  switch (a.draw) {
    case Draw::uniform:
      return launch_fill<Uniform, T>(a);
    case Draw::normal:
      return launch_fill<Normal, T>(a);
    case Draw::bernoulli:
      return launch_fill<Bernoulli, T>(a);
  }
}
const RegisterDeviceKernel<RandomKernel> random_device{
    [](const RandomArgs& a) { PYGAN_BY_FLOAT(a.f64, run_random, a); }};

// ---- dropout -----------------------------------------------------------------------------------

// Likewise, four elements a thread. key (3), x (n), y (n)
template <class T>
PYGAN_KERNEL void dropout(const int64_t* key, const T* x, T* y, int64_t n, float p, T scale) {
  const Key k = key_of(key);
  for (int64_t block = global_thread(); block * 4 < n; block += global_threads()) {
    const Philox bits = words(k, block);
    const int64_t at = block * 4;
    PYGAN_UNROLL
    for (int i = 0; i < 4; ++i)
      if (at + i < n) y[at + i] = dropped(uniform_of(bits.word[i]), p, x[at + i], scale);
  }
}

template <class T>
void run_dropout(const DropoutArgs& a) {
  if (a.n == 0) return;
  launch(dropout<T>, {blocks_for((a.n + 3) / 4), kThreads}, a.key, static_cast<const T*>(a.x),
         static_cast<T*>(a.y), a.n, a.p, static_cast<T>(a.scale));
}
const RegisterDeviceKernel<DropoutKernel> dropout_device{
    [](const DropoutArgs& a) { PYGAN_BY_FLOAT(a.f64, run_dropout, a); }};

// ---- permutation -------------------------------------------------------------------------------

// key (3), items (n)
PYGAN_KERNEL void draw_items(const int64_t* key, Item<uint64_t>* items, int64_t n) {
  const Key k = key_of(key);
  for (int64_t j = global_thread(); j < n; j += global_threads()) items[j] = {sort_key(k, j), j};
}

// items (n), y (n)
PYGAN_KERNEL void take_indices(const Item<uint64_t>* items, int64_t* y, int64_t n) {
  for (int64_t j = global_thread(); j < n; j += global_threads()) y[j] = items[j].index;
}

const RegisterDeviceKernel<PermutationKernel> permutation_device{[](const PermutationArgs& a) {
  Item<uint64_t>* items = static_cast<Item<uint64_t>*>(a.workspace);
  const LaunchShape shape{blocks_for(a.n), kThreads};
  launch(draw_items, shape, a.key, items, a.n);
  launch(take_indices, shape, merge_sort(items, 1, a.n), a.y, a.n);
}};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
