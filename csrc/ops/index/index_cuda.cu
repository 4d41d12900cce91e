#include "ops/index/index.h"

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

PYGAN_DEVICE int64_t from_zero(int64_t index, int64_t extent) {
  return index < 0 ? index + extent : index;
}

// Which row of its block of x belongs to y[o, k, i]; `at` is that element of y.
PYGAN_DEVICE int64_t row_of(const IndexArgs& a, int64_t at, int64_t k) {
  return from_zero(a.index[a.along ? at : k], a.extent);
}

// One element of y a thread. x (outer, extent, inner), y (outer, count, inner)
template <class T>
PYGAN_KERNEL void take(IndexArgs a) {
  const T* x = static_cast<const T*>(a.from);
  T* y = static_cast<T*>(a.to);
  for (int64_t at = global_thread(); at < a.outer * a.count * a.inner; at += global_threads()) {
    const int64_t i = at % a.inner, k = at / a.inner % a.count, o = at / a.inner / a.count;
    y[at] = x[(o * a.extent + row_of(a, at, k)) * a.inner + i];
  }
}

// A thread owns a column (outer, inner) of x and adds to it in ascending k: no atomics, and equal
// indices add up in the order that they have on the CPU.
template <class T>
PYGAN_KERNEL void scatter_add(IndexArgs a) {
  const T* y = static_cast<const T*>(a.from);
  T* x = static_cast<T*>(a.to);
  for (int64_t column = global_thread(); column < a.outer * a.inner; column += global_threads()) {
    const int64_t i = column % a.inner, o = column / a.inner;
    for (int64_t k = 0; k < a.count; ++k) {
      const int64_t at = (o * a.count + k) * a.inner + i;
      x[(o * a.extent + row_of(a, at, k)) * a.inner + i] += y[at];
    }
  }
}

// bad (): the least k with index[k] outside [low, high). index (n)
PYGAN_KERNEL void find_bad(CheckIndexArgs a, int64_t* bad) {
  for (int64_t k = global_thread(); k < a.n; k += global_threads())
    if (a.index[k] < a.low || a.index[k] >= a.high) atomicMin(bad, k);
}

// index (n), y (n, classes), zeroed before
template <class T>
PYGAN_KERNEL void one_hot(OneHotArgs a) {
  T* y = static_cast<T*>(a.y);
  for (int64_t k = global_thread(); k < a.n; k += global_threads())
    y[k * a.classes + a.index[k]] = static_cast<T>(a.one);
}

int64_t check(const CheckIndexArgs& a) {
  if (a.n == 0) return -1;
  Upload<int64_t> bad(&a.n, 1);
  launch(find_bad, {blocks_for(a.n), kThreads}, a, bad.mutable_data());
  const int64_t first = download(bad.data());
  return first == a.n ? -1 : first;
}

template <class T>
void run_scatter_add(const IndexArgs& a) {
  launch(scatter_add<T>, {blocks_for(a.outer * a.inner), kThreads}, a);
}

const RegisterDeviceKernel<TakeKernel> take_device{[](const IndexArgs& a) {
  const LaunchShape shape{blocks_for(a.outer * a.count * a.inner), kThreads};
  a.item_size == 4   ? launch(take<uint32_t>, shape, a)
  : a.item_size == 8 ? launch(take<uint64_t>, shape, a)
                     : launch(take<uint8_t>, shape, a);
}};
const RegisterDeviceKernel<ScatterAddKernel> scatter_add_device{[](const IndexArgs& a) {
  if (a.outer * a.inner > 0) PYGAN_BY_FLOAT(a.f64, run_scatter_add, a);
}};
const RegisterDeviceKernel<CheckIndexKernel> check_index_device{check};
const RegisterDeviceKernel<OneHotKernel> one_hot_device{[](const OneHotArgs& a) {
  const LaunchShape shape{blocks_for(a.n), kThreads};
  a.item_size == 4   ? launch(one_hot<uint32_t>, shape, a)
  : a.item_size == 8 ? launch(one_hot<uint64_t>, shape, a)
                     : launch(one_hot<uint8_t>, shape, a);
}};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
