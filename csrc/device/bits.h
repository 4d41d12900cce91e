// The bits of a float, and back.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PYGAN_BITS __host__ __device__ static inline
#else
#define PYGAN_BITS static inline
#endif

namespace pygan {

PYGAN_BITS float bits_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
PYGAN_BITS uint32_t float_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

}  // namespace pygan
