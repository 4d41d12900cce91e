// nvcc's half of device.h: CUDA has the names already.
#pragma once

#include <cuda_runtime.h>

#include "core/error.h"
#include "device/cuda_runtime.h"

#define PYGAN_BACKEND backend_cuda
#define PYGAN_KERNEL __global__ static
#define PYGAN_DEVICE __device__
#define PYGAN_UNROLL _Pragma("unroll")

#define PYGAN_SHARED(type, name, dims) __shared__ __align__(16) type name dims
#define PYGAN_DYNAMIC_SHARED(type, name)                          \
  extern __shared__ __align__(16) unsigned char dynamic_memory[]; \
  type* const name = reinterpret_cast<type*>(dynamic_memory)

namespace pygan::PYGAN_BACKEND {

constexpr Device kDevice = Device::cuda;
constexpr unsigned most_blocks() { return 2048; }
constexpr KernelSlot kSlot = KernelSlot::cuda;

using Dim3 = dim3;

struct LaunchShape {
  dim3 grid, block;
  size_t dynamic_shared;  // bytes
  const char* file;       // of the launch, for messages
  int line;
  LaunchShape(dim3 g, dim3 b, size_t shared = 0, const char* f = __builtin_FILE(),
              int l = __builtin_LINE())
      : grid(g), block(b), dynamic_shared(shared), file(f), line(l) {}
};

// kernel(args...) on pygan's stream. An error names the kernel and is thrown here, or, with
// PYGAN_SYNC=1, an error of the kernel itself.
template <class... P, class... A>
void launch(void (*kernel)(P...), const LaunchShape& shape, A&&... args) {
  cuda::allow_shared(reinterpret_cast<const void*>(kernel), shape.dynamic_shared);
  kernel<<<shape.grid, shape.block, shape.dynamic_shared, cuda::stream()>>>(
      static_cast<P>(args)...);
  cuda::check_launch(shape.file, shape.line);
}

inline void copy_to_device(void* device, const void* host, size_t bytes) {
  cuda::copy_to_device(device, host, bytes);
}
inline void copy_to_host(void* host, const void* device, size_t bytes) {
  cuda::copy_to_host(host, device, bytes);
}
inline bool has_tf32() { return cuda::kernel_architecture() >= 80; }
inline void refuse_float64(bool f64) {
  if (f64) throw DTypeError("float64 kernels are for cpu and emu: use float32 on cuda");
}

// CUDA's 64-bit atomics are for long long, which int64_t is not everywhere.
#define PYGAN_ATOMIC(name, T, long_long)                                               \
  __device__ inline T name(T* address, T value) {                                      \
    return static_cast<T>(                                                             \
        ::name(reinterpret_cast<long_long*>(address), static_cast<long_long>(value))); \
  }
PYGAN_ATOMIC(atomicMin, int64_t, long long)
PYGAN_ATOMIC(atomicMax, int64_t, long long)
PYGAN_ATOMIC(atomicAdd, int64_t, unsigned long long)
PYGAN_ATOMIC(atomicMin, uint64_t, unsigned long long)
PYGAN_ATOMIC(atomicMax, uint64_t, unsigned long long)
PYGAN_ATOMIC(atomicAdd, uint64_t, unsigned long long)
#undef PYGAN_ATOMIC
using ::atomicAdd;  // of 32 bits
using ::atomicMax;
using ::atomicMin;

__device__ inline float4 load4(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ inline void store4(float* p, float4 v) { *reinterpret_cast<float4*>(p) = v; }

__device__ inline float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }

}  // namespace pygan::PYGAN_BACKEND
