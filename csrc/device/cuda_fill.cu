// The runtime's own kernels: constants, and one to ask whether this build fits the GPU.
#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

template <class T>
PYGAN_KERNEL void fill(T* y /* (n) */, int64_t n, T value) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = value;
}

template <class T>
void run(void* y, T value, size_t n) {
  if (n == 0) return;
  const auto count = static_cast<int64_t>(n);
  launch(fill<T>, {blocks_for(count), kThreads}, static_cast<T*>(y), count, value);
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND

namespace pygan::cuda {

void fill32(void* y, uint32_t value, size_t n) { PYGAN_BACKEND::run(y, value, n); }
void fill64(void* y, uint64_t value, size_t n) { PYGAN_BACKEND::run(y, value, n); }
const void* any_kernel() { return reinterpret_cast<const void*>(PYGAN_BACKEND::fill<uint32_t>); }

}  // namespace pygan::cuda
