// Sums within a warp and within a block, by trees of a fixed shape.
#pragma once

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {

constexpr int kWarps = kThreads / kWarpSize;  // of a block of kThreads

// The sum over the warp's lanes, in every lane. All lanes take part.
template <class T>
PYGAN_DEVICE T warp_sum(T value) {
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2)
    value += __shfl_xor_sync(kFullWarp, value, lanes);
  return value;
}

// The sum over a block of kThreads, in every thread. All threads take part.
// partial (kWarps) in shared memory; it may be used again at once.
template <class T>
PYGAN_DEVICE T block_sum(T value, T* partial) {
  value = warp_sum(value);
  if (threadIdx.x % kWarpSize == 0) partial[threadIdx.x / kWarpSize] = value;
  __syncthreads();
  T sum = partial[0];
  for (int warp = 1; warp < kWarps; ++warp) sum += partial[warp];
  __syncthreads();  // until all have read
  return sum;
}

}  // namespace pygan::PYGAN_BACKEND
