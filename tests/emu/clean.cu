// Kernels without a mistake, of the kinds that a rash checker reports. Each returns what it should.
#include "planted.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using planted::Global;

// A tree over shared memory, one warp, ordered by __syncwarp alone.
PYGAN_KERNEL void warp_tree(float* y /* (1) */) {
  PYGAN_SHARED(float, part, [32]);
  const unsigned lane = threadIdx.x;
  part[lane] = 1.0f;
  __syncwarp();
  for (unsigned half = 16; half; half /= 2) {
    if (lane < half) part[lane] += part[lane + half];
    __syncwarp();
  }
  if (lane == 0) *y = part[0];
}
PLANTED(clean_warp_tree) {
  Global<float> y(1);
  launch(warp_tree, {1, 32}, y);
  return y[0];  // 32
}

// Groups of 8 lanes, each with masks of its own, that meet in full at last.
PYGAN_KERNEL void groups(float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  const unsigned lane = threadIdx.x, mask = 0xffu << lane / 8 * 8;
  tile[lane] = static_cast<float>(lane);
  __syncwarp(mask);
  float sum = 0.0f;
  for (unsigned i = lane / 8 * 8; i < lane / 8 * 8 + 8; ++i) sum += tile[i];
  __syncwarp(mask);
  tile[lane] = sum;
  __syncwarp();
  y[lane] = tile[0] + tile[8] + tile[16] + tile[24];
}
PLANTED(clean_groups) {
  Global<float> y(32);
  launch(groups, {1, 32}, y);
  return y[31];  // 496
}

// Order is transitive: lane 0 -> 1 by one pair, 1 -> 2 by the next.
PYGAN_KERNEL void chain(float* y /* (1) */) {
  PYGAN_SHARED(float, word, [1]);
  const unsigned lane = threadIdx.x;
  if (lane == 0) word[0] = 3.0f;
  for (unsigned i = 0; i < 31; ++i)
    if (lane == i || lane == i + 1) __syncwarp(3u << i);
  if (lane == 31) *y = word[0];
}
PLANTED(clean_chain) {
  Global<float> y(1);
  launch(chain, {1, 32}, y);
  return y[0];  // 3
}

// Two tiles in turn need one barrier a step.
PYGAN_KERNEL void double_buffer(const float* x /* (8, 64) */, float* y /* (64) */) {
  PYGAN_SHARED(float, tile, [2][64]);
  float sum = 0.0f;
  tile[0][threadIdx.x] = x[threadIdx.x];
  for (int step = 0; step < 8; ++step) {
    __syncthreads();
    if (step < 7)
      tile[(step + 1) % 2][threadIdx.x] = x[64 * (step + 1) + static_cast<int>(threadIdx.x)];
    sum += tile[step % 2][63 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
}
PLANTED(clean_double_buffer) {
  Global<float> x(8 * 64, 1.0f), y(64);
  launch(double_buffer, {1, 64}, x, y);
  return y[5];  // 8
}

// The same with copies in flight.
PYGAN_KERNEL void pipeline(const float* x /* (8, 64) */, float* y /* (64) */) {
  PYGAN_SHARED(float, tile, [2][64]);
  float sum = 0.0f;
  cp_async<4>(&tile[0][threadIdx.x], x + threadIdx.x);
  cp_async_commit();
  for (int step = 0; step < 8; ++step) {
    if (step < 7) {
      cp_async<4>(&tile[(step + 1) % 2][threadIdx.x], x + 64 * (step + 1) + threadIdx.x);
      cp_async_commit();
      cp_async_wait<1>();
    } else {
      cp_async_wait<0>();
    }
    __syncthreads();
    sum += tile[step % 2][63 - threadIdx.x];
    __syncthreads();
  }
  y[threadIdx.x] = sum;
}
PLANTED(clean_pipeline) {
  Global<float> x(8 * 64, 1.0f), y(64);
  launch(pipeline, {1, 64}, x, y);
  return y[5];  // 8
}

PYGAN_KERNEL void bytes(uint8_t* y /* (256) */) {
  y[global_thread()] = static_cast<uint8_t>(threadIdx.x);
  y[global_thread()] = static_cast<uint8_t>(y[global_thread()] + 1);
}
PLANTED(clean_bytes) {  // blocks whose bytes share a word
  Global<uint8_t> y(255);
  launch(bytes, {51, 5}, y);
  return y[254];  // 5
}

PYGAN_KERNEL void votes(int* counts /* (2) */) {
  PYGAN_SHARED(int, own, [1]);
  if (threadIdx.x == 0) own[0] = 0;
  __syncthreads();
  atomicAdd(own, 1);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(counts, own[0]);
  atomicMax(counts + 1, static_cast<int>(global_thread()));
}
PLANTED(clean_atomics) {
  Global<int> y(2, 0);
  launch(votes, {3, 64}, y);
  return static_cast<float>(y[0] + y[1]);  // 192 + 191
}

// In place: a thread reads and writes its own element, many times.
PYGAN_KERNEL void in_place(float* x /* (100) */) {
  for (int64_t i = global_thread(); i < 100; i += global_threads())
    for (int k = 0; k < 3; ++k) x[i] = 2.0f * x[i];
}
PLANTED(clean_in_place) {
  Global<float> x(100, 1.0f);
  launch(in_place, {2, 32}, x);
  launch(in_place, {1, 64}, x);  // another thread's elements: launches are ordered
  return x[99];                  // 64
}

// Last use: the tile is written anew once everybody has read it.
PYGAN_KERNEL void turns(float* y /* (64) */) {
  PYGAN_SHARED(float, tile, [64]);
  float sum = 0.0f;
  for (unsigned k = 0; k < 4; ++k) {
    tile[threadIdx.x] = static_cast<float>(k);
    __syncthreads();
    sum += tile[(threadIdx.x + k) % 64];
    __syncthreads();
  }
  y[threadIdx.x] = sum;
}
PLANTED(clean_turns) {
  Global<float> y(64);
  launch(turns, {1, 64}, y);
  return y[0];  // 6
}

// A tile for each block; test_checker.py stops in one of its threads with gdb.
PYGAN_KERNEL void tiles(const float* x /* (blocks, 64) */, float* y /* (blocks, 64) */) {
  PYGAN_SHARED(float, tile, [4][16]);
  const unsigned i = threadIdx.x, at = 64 * blockIdx.x + i;
  tile[i / 16][i % 16] = x[at] + static_cast<float>(100 * blockIdx.x + i);
  __syncthreads();
  y[at] = tile[i % 4][i / 4];  // [stop here]
}
PLANTED(clean_tiles) {
  Global<float> x(3 * 64, 0.5f), y(3 * 64);
  launch(tiles, {3, 64}, x, y);
  return y[2 * 64 + 5];  // tile[1][1] of block 2: 217.5
}

// A struct is copied with its padding, which nobody writes.
struct Best {
  float value;
  int64_t row;
};
PYGAN_KERNEL void padding(int64_t* y /* (32) */) {
  PYGAN_SHARED(Best, bests, [32]);
  bests[threadIdx.x].value = 1.0f;
  bests[threadIdx.x].row = int64_t{threadIdx.x};
  __syncthreads();
  const Best other = bests[31 - threadIdx.x];
  y[threadIdx.x] = other.row;
}
PLANTED(clean_padding) {
  Global<int64_t> y(32);
  launch(padding, {1, 32}, y);
  return static_cast<float>(y[31 - 9]);  // 9
}

constexpr float kTable[5] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f};
PYGAN_KERNEL void constants(float* y /* (32) */) {
  float own[5];  // on the stack
  for (unsigned i = 0; i < 5; ++i) own[(i + threadIdx.x) % 5] = kTable[i];
  y[threadIdx.x] = own[(threadIdx.x + 3) % 5];
}
PLANTED(clean_constants) {
  Global<float> y(32);
  launch(constants, {1, 32}, y);
  return y[17];  // 8
}

// Each instantiation of a helper has an array of its own.
template <class T>
PYGAN_DEVICE T turned(T value) {
  PYGAN_SHARED(T, all, [32]);
  all[threadIdx.x] = value;
  __syncthreads();
  return all[31 - threadIdx.x];
}
PYGAN_KERNEL void two_types(float* y /* (32) */) {
  const int i = turned(static_cast<int>(threadIdx.x));
  y[threadIdx.x] = turned(static_cast<float>(i));
}
PLANTED(clean_two_types) {
  Global<float> y(32);
  launch(two_types, {1, 32}, y);
  return y[7];  // 7
}

PYGAN_KERNEL void wide(const float* x /* (128) */, float* y /* (128) */) {
  store4(y + 4 * threadIdx.x, load4(x + 4 * threadIdx.x));
}
PLANTED(clean_wide) {
  Global<float> x(128, 5.0f), y(128);
  launch(wide, {1, 32}, x, y);
  return y[127];  // 5
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
