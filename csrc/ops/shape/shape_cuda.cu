#include "ops/shape/shape.h"

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// Where a copy's element `i`, counted along its axes, comes from and goes to.
struct Ends {
  int64_t x, y;
};
PYGAN_DEVICE inline Ends ends_of(const CopyArgs& a, int64_t i) {
  Ends at{0, 0};
  for (int k = a.rank - 1; k >= 0; --k) {
    const int64_t step = i % a.extent[k];
    i /= a.extent[k];
    at.x += step * a.x_stride[k];
    at.y += step * a.y_stride[k];
  }
  return at;
}

// n elements of T, which only stands for its bytes
template <class T>
PYGAN_KERNEL void copy(CopyArgs a, int64_t n) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  for (int64_t i = global_thread(); i < n; i += global_threads()) {
    const Ends at = ends_of(a, i);
    y[at.y] = x[at.x];
  }
}

// One run: x (4 quads), y (4 quads), aligned to 16 bytes
PYGAN_KERNEL void copy_by_four(const float* x, float* y, int64_t quads) {
  for (int64_t i = global_thread(); i < quads; i += global_threads())
    store4(y + 4 * i, load4(x + 4 * i));
}

const RegisterDeviceKernel<CopyKernel> copy_device{[](const CopyArgs& a) {
  int64_t n = 1;
  for (int k = 0; k < a.rank; ++k) n *= a.extent[k];
  if (n == 0) return;
  const bool run = a.rank == 1 && a.x_stride[0] == 1 && a.y_stride[0] == 1;
  const int64_t bytes = n * a.item_size;
  if (run && bytes % 16 == 0 && aligned4(a.x) && aligned4(a.y)) {
    launch(copy_by_four, {blocks_for(bytes / 16), kThreads}, static_cast<const float*>(a.x),
           static_cast<float*>(a.y), bytes / 16);
    return;
  }
  const LaunchShape shape{blocks_for(n), kThreads};
  if (a.item_size == 4)
    launch(copy<uint32_t>, shape, a, n);
  else if (a.item_size == 8)
    launch(copy<uint64_t>, shape, a, n);
  else
    launch(copy<uint8_t>, shape, a, n);
}};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
