// Two accesses that nothing orders.
#include "planted.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using planted::Global;

PYGAN_KERNEL void no_barrier(float* y /* (64) */) {
  PYGAN_SHARED(float, tile, [64]);
  tile[threadIdx.x] = static_cast<float>(threadIdx.x);  // [race_shared write]
  y[threadIdx.x] = tile[63 - threadIdx.x];              // [race_shared read]
}
PLANTED(race_shared) {
  Global<float> y(64);
  launch(no_barrier, {1, 64}, y);
  return y[0];
}

// Every thread reads what it needs before it is overwritten, in the schedule that happens to run.
PYGAN_KERNEL void late_write(float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  tile[threadIdx.x] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = tile[(threadIdx.x + 1) % 32];  // [race_read_then_write read]
  tile[threadIdx.x] = 2.0f;                       // [race_read_then_write write]
}
PLANTED(race_read_then_write) {
  Global<float> y(32);
  launch(late_write, {1, 32}, y);
  return y[31];
}

PYGAN_KERNEL void lockstep(float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  const unsigned lane = threadIdx.x;
  tile[lane] = 1.0f;  // [race_shuffle_is_no_barrier write]
  const float next = __shfl_down_sync(kFullWarp, 1.0f, 1);
  if (__any_sync(kFullWarp, next > 0.0f))
    y[lane] = tile[lane ^ 1];  // [race_shuffle_is_no_barrier read]
}
PLANTED(race_shuffle_is_no_barrier) {
  Global<float> y(32);
  launch(lockstep, {1, 32}, y);
  return y[0];
}

// __syncwarp orders the lanes of its mask only, and only within the warp.
PYGAN_KERNEL void half_mask(float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  const unsigned lane = threadIdx.x;
  tile[lane] = 1.0f;  // [race_half_mask write]
  __syncwarp(lane < 16 ? 0xffffu : 0xffff0000u);
  y[lane] = tile[lane ^ 16];  // [race_half_mask read]
}
PLANTED(race_half_mask) {
  Global<float> y(32);
  launch(half_mask, {1, 32}, y);
  return y[0];
}

PYGAN_KERNEL void other_warp(float* y /* (64) */) {
  PYGAN_SHARED(float, tile, [64]);
  tile[threadIdx.x] = 1.0f;  // [race_other_warp write]
  __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x ^ 32];  // [race_other_warp read]
}
PLANTED(race_other_warp) {
  Global<float> y(64);
  launch(other_warp, {1, 64}, y);
  return y[0];
}

PYGAN_KERNEL void two_writers(float* y /* (1) */) {
  *y = static_cast<float>(blockIdx.x);  // [race_two_blocks write]
}
PLANTED(race_two_blocks) {
  Global<float> y(1);
  launch(two_writers, {2, 1}, y);
  return y[0];
}

PYGAN_KERNEL void half_atomic(int* y /* (1) */) {
  if (blockIdx.x == 0)
    atomicAdd(y, 1);  // [race_one_atomic update]
  else
    *y = 5;  // [race_one_atomic write]
}
PLANTED(race_one_atomic) {
  Global<int> y(1, 0);
  launch(half_atomic, {2, 1}, y);
  return static_cast<float>(y[0]);
}

PYGAN_KERNEL void neighbours(uint8_t* y /* (5) */) {
  for (unsigned i = 0; i < 2; ++i) y[threadIdx.x + i] = 1;  // [race_bytes write]
}
PLANTED(race_bytes) {
  Global<uint8_t> y(5);
  launch(neighbours, {1, 4}, y);
  return y[0];
}

// What it computes depends on the schedule.
PYGAN_KERNEL void last_wins(float* y /* (1) */) {
  *y = static_cast<float>(threadIdx.x);  // [race_order_matters write]
}
PLANTED(race_order_matters) {
  Global<float> y(1);
  try {
    launch(last_wins, {1, 8}, y);
  } catch (const EmulatorError& e) {
    throw EmulatorError(std::to_string(y[0]) + " " + e.what());
  }
  return y[0];
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
