// Tensor cores and asynchronous copies, one named function an instruction. On emu each has a host
// body (emu/mma.cpp, by the lane maps of the PTX ISA).
//
//   mma_tf32_16x8x8    d (16, 8) = a (16, 8) b (8, 8) + c      float32 accumulation, sm_80 on
//   mma_bf16_16x8x16   d (16, 8) = a (16, 16) b (16, 8) + c
//   ldmatrix<N>        N 8x8 matrices of 16-bit elements from shared memory, sm_75 on
//   cp_async<B>        B bytes (4, 8, 16) from global to shared memory, sm_80 on: they are there
//                      after cp_async_wait<groups still in flight> and a barrier
//
//   to_tf32            float32 rounded to TF32's 10 bits of mantissa: mma_tf32 alone would cut them off
//
// All lanes of the warp take part in mma and ldmatrix.
#pragma once

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {

// To nearest, halves away from zero (as cvt.rna.tf32); overflow gives infinity; a NaN stays one.
PYGAN_DEVICE inline uint32_t to_tf32(float x) {
  const uint32_t b = float_bits(x);
  return x == x ? (b + 0x1000u) & 0xffffe000u : b | 0x400000u;
}

#ifdef __CUDACC__

__device__ inline void mma_tf32_16x8x8(float (&d)[4], const uint32_t (&a)[4],
                                       const uint32_t (&b)[2], const float (&c)[4]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
#else
  __trap();
#endif
}
__device__ inline void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4],
                                        const uint32_t (&b)[2], const float (&c)[4]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
#else
  __trap();
#endif
}

template <int N, bool transposed = false>
__device__ inline void ldmatrix(uint32_t (&d)[N], const void* row) {
  static_assert(N == 1 || N == 2 || N == 4);
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (N == 1 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(d[0])
                 : "r"(at)
                 : "memory");
  else if constexpr (N == 1)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(d[0])
                 : "r"(at)
                 : "memory");
  else if constexpr (N == 2 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(d[0]), "=r"(d[1])
                 : "r"(at)
                 : "memory");
  else if constexpr (N == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(d[0]), "=r"(d[1])
                 : "r"(at)
                 : "memory");
  else if constexpr (!transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(at)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(at)
                 : "memory");
}

template <int bytes>
__device__ inline void cp_async(void* shared, const void* global) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#if __CUDA_ARCH__ >= 800
  const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(at), "l"(global), "n"(bytes)
               : "memory");
#else
  __builtin_memcpy(shared, global, bytes);
#endif
}
__device__ inline void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template <int in_flight>
__device__ inline void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(in_flight) : "memory");
#endif
}

#else

inline void mma_tf32_16x8x8(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                            const float (&c)[4], PYGAN_SITE) {
  emu::mma(emu::Collective::mma_tf32_16x8x8, d, a, b, c, site);
}
inline void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                             const float (&c)[4], PYGAN_SITE) {
  emu::mma(emu::Collective::mma_bf16_16x8x16, d, a, b, c, site);
}
template <int N, bool transposed = false>
void ldmatrix(uint32_t (&d)[N], const void* row, PYGAN_SITE) {
  static_assert(N == 1 || N == 2 || N == 4);
  emu::ldmatrix(d, N, transposed, row, site);
}
template <int bytes>
void cp_async(void* shared, const void* global, PYGAN_SITE) {
  emu::cp_async(shared, global, bytes, site);
}
inline void cp_async_commit() { emu::cp_async_commit(); }
template <int in_flight>
void cp_async_wait(PYGAN_SITE) {
  emu::cp_async_wait(in_flight, site);
}

#endif

}  // namespace pygan::PYGAN_BACKEND
