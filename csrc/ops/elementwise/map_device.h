// Loops over elements, for *_cuda.cu files: maps, and operands broadcast to the result.
#pragma once

#include "device/device.h"
#include "ops/elementwise/broadcast.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// y = F::of(x, a): x (n), y (n)
template <class F, class T>
PYGAN_KERNEL void map(const T* x, T* y, int64_t n, T a) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = F::of(x[i], a);
}

// The same, four elements a thread: x (n) and y (n) aligned to 16 bytes
template <class F>
PYGAN_KERNEL void map_by_four(const float* x, float* y, int64_t n, float a) {
  const int64_t quads = n / 4;
  for (int64_t i = global_thread(); i < quads; i += global_threads()) {
    const float4 v = load4(x + 4 * i);
    store4(y + 4 * i, {F::of(v.x, a), F::of(v.y, a), F::of(v.z, a), F::of(v.w, a)});
  }
  const int64_t rest = 4 * quads + global_thread();
  if (rest < n) y[rest] = F::of(x[rest], a);
}

// y = F::of(x, a) on the device: x (n), y (n)
template <class F, class T>
void launch_map(const void* x, void* y, int64_t n, double a) {
  if (n == 0) return;
  const T* from = static_cast<const T*>(x);
  T* to = static_cast<T*>(y);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (aligned4(x) && aligned4(y)) {
      launch(map_by_four<F>, {blocks_for(n / 4), kThreads}, from, to, n, static_cast<T>(a));
      return;
    }
  }
  launch(map<F, T>, {blocks_for(n), kThreads}, from, to, n, static_cast<T>(a));
}

// The elements of a broadcast result.
inline int64_t size_of(const Broadcast& axes) {
  int64_t size = 1;
  for (int k = 0; k < axes.rank; ++k) size *= axes.extent[k];
  return size;
}

// Where each operand's element is that belongs to element i of the result.
template <int operands>
struct Offsets {
  int64_t of[operands];
};
template <int operands>
PYGAN_DEVICE inline Offsets<operands> offsets_of(const Broadcast& axes, int64_t i) {
  Offsets<operands> offsets{};
  for (int k = axes.rank - 1; k >= 0; --k) {
    const int64_t at = i % axes.extent[k];
    i /= axes.extent[k];
    for (int o = 0; o < operands; ++o) offsets.of[o] += at * axes.stride[o][k];
  }
  return offsets;
}

// y = F::of(a, b). a, b: along axes, with their strides; y (n), dense
template <class F, class X, class Y>
PYGAN_KERNEL void broadcast(const X* a, const X* b, Y* y, int64_t n, Broadcast axes) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) {
    const Offsets<2> at = offsets_of<2>(axes, i);
    y[i] = F::of(a[at.of[0]], b[at.of[1]]);
  }
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
