// Barriers and collectives that do not come together, and launches that a GPU refuses.
#include <cstring>

#include "planted.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using planted::Global;

PYGAN_KERNEL void branches() {
  if (threadIdx.x < 16)
    __syncthreads();  // [barrier low]
  else
    __syncthreads();  // [barrier high]
}
PLANTED(barrier_two_lines) {
  launch(branches, {1, 32});
  return 0;
}
PYGAN_KERNEL void leaves(int n) {
  if (static_cast<int>(threadIdx.x) >= n) return;
  __syncthreads();  // [barrier missed]
}
PLANTED(barrier_left) {
  launch(leaves, {1, 32}, 20);
  return 0;
}
PYGAN_KERNEL void kinds() {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    __syncthreads_or(1);  // [barrier kinds]
}
PLANTED(barrier_kinds) {
  launch(kinds, {1, 32});
  return 0;
}

PYGAN_KERNEL void not_in_mask() {
  __syncwarp(0xffffu);  // [mask without caller]
}
PLANTED(mask_without_caller) {
  launch(not_in_mask, {1, 32});
  return 0;
}
PYGAN_KERNEL void masks() {
  if (threadIdx.x < 16)
    __syncwarp(0xffffffffu);  // [mask wide]
  else
    __syncwarp(0xffff0000u | 1u);  // [mask narrow]
}
PLANTED(masks_disagree) {
  launch(masks, {1, 32});
  return 0;
}
PYGAN_KERNEL void widths(float* y /* (32) */) {
  y[threadIdx.x] = threadIdx.x < 16 ? __shfl_down_sync(kFullWarp, 1.0f, 1, 32)   // [width 32]
                                    : __shfl_down_sync(kFullWarp, 1.0f, 1, 16);  // [width 16]
}
PLANTED(widths_disagree) {
  Global<float> y(32);
  launch(widths, {1, 32}, y);
  return 0;
}
PYGAN_KERNEL void operations(float* y /* (32) */) {
  if (threadIdx.x < 16)
    y[threadIdx.x] = __shfl_down_sync(kFullWarp, 1.0f, 1);  // [operation shuffle]
  else
    __syncwarp();  // [operation sync]
}
PLANTED(operations_disagree) {
  Global<float> y(32);
  launch(operations, {1, 32}, y);
  return 0;
}
PYGAN_KERNEL void exits() {
  if (threadIdx.x == 7) return;
  __syncwarp();  // [exited lane]
}
PLANTED(lane_exited) {
  launch(exits, {1, 32});
  return 0;
}
PYGAN_KERNEL void no_such_lane() {
  __syncwarp();  // [no such lane]
}
PLANTED(lane_missing) {
  launch(no_such_lane, {1, 20});
  return 0;
}
PYGAN_KERNEL void outside_mask(float* y /* (32) */) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_down_sync(0xffffu, 1.0f, 1);  // [source lane]
}
PLANTED(source_outside_mask) {
  Global<float> y(32);
  launch(outside_mask, {1, 32}, y);
  return 0;
}
PYGAN_KERNEL void crossed() {
  if (threadIdx.x < 16)
    __syncthreads();  // [deadlock block]
  else
    __syncwarp();  // [deadlock warp]
}
PLANTED(deadlock) {
  launch(crossed, {1, 32});
  return 0;
}

PYGAN_KERNEL void nothing() {}
PLANTED(block_too_large) {
  launch(nothing, {1, 1025});  // [block too large]
  return 0;
}
PLANTED(grid_empty) {
  launch(nothing, {0, 32});  // [grid empty]
  return 0;
}
PLANTED(dynamic_too_large) {
  launch(nothing, {1, 32, 100 << 10});  // [dynamic too large]
  return 0;
}
PYGAN_KERNEL void large() {
  PYGAN_SHARED(float, tile, [12 << 10]);
  PYGAN_SHARED(float, more, [1]);  // [static too large]
  tile[0] = more[0];
}
PLANTED(static_too_large) {
  launch(large, {1, 1});
  return 0;
}
PYGAN_KERNEL void silent_overrun() {
  PYGAN_SHARED(float, tile, [32]);        // [red zone array]
  std::memset(tile, 0, sizeof tile + 1);  // the C library's: no callback
}
PLANTED(red_zone) {
  launch(silent_overrun, {1, 1});
  return 0;
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
