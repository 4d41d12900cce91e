// Accesses outside of arrays, and memory that nobody wrote.
#include "planted.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using planted::Global;

PYGAN_KERNEL void read_at(const float* x, float* y /* (32) */, int64_t shift) {
  y[threadIdx.x] = x[threadIdx.x + shift];  // [read]
}
PYGAN_KERNEL void write_at(float* y, int64_t shift) {
  y[threadIdx.x + shift] = 1.0f;  // [write]
}
PLANTED(overrun_global_read) {
  Global<float> x(32, 1.0f), y(32);
  launch(read_at, {1, 32}, x, y, int64_t{1});
  return y[0];
}
PLANTED(overrun_global_write) {
  Global<float> y(32);
  launch(write_at, {1, 32}, y, int64_t{1});
  return y[0];
}
PLANTED(underrun_global_read) {
  Global<float> x(32, 1.0f), y(32);
  launch(read_at, {1, 32}, x, y, int64_t{-1});
  return y[0];
}
PLANTED(overrun_far) {
  Global<float> x(32, 1.0f), y(32);
  launch(read_at, {1, 32}, x, y, int64_t{1} << 40);
  return y[0];
}
PLANTED(null_pointer) {
  Global<float> y(32);
  launch(read_at, {1, 32}, static_cast<const float*>(nullptr), y, int64_t{0});
  return y[0];
}
PLANTED(host_memory) {
  std::vector<float> x(32);
  Global<float> y(32);
  launch(read_at, {1, 32}, x.data(), y, int64_t{0});
  return y[0];
}
PLANTED(released_memory) {
  Global<float> y(32);
  const float* x = Global<float>(32, 1.0f);
  launch(read_at, {1, 32}, x, y, int64_t{0});
  return y[0];
}

PYGAN_KERNEL void shared_at(float* y /* (32) */, int at) {
  PYGAN_SHARED(float, first, [32]);
  PYGAN_SHARED(float, tile, [32]);
  first[threadIdx.x] = 0.0f;
  float* const pointer = tile;                         // of which the compiler knows no bounds
  pointer[static_cast<int>(threadIdx.x) + at] = 1.0f;  // [shared write]
  y[threadIdx.x] = tile[threadIdx.x];
}
PLANTED(overrun_shared) {
  Global<float> y(32);
  launch(shared_at, {1, 32}, y, 1);
  return y[0];
}
PLANTED(underrun_shared) {
  Global<float> y(32);
  launch(shared_at, {1, 32}, y, -1);
  return y[0];
}
PLANTED(overrun_shared_far) {
  Global<float> y(32);
  launch(shared_at, {1, 32}, y, 20000);
  return y[0];
}

PYGAN_KERNEL void next_row(float* y /* (32) */, int at) {
  PYGAN_SHARED(float, tile, [2][32]);
  tile[0][threadIdx.x] = tile[1][threadIdx.x] = 1.0f;
  y[threadIdx.x] = tile[0][static_cast<int>(threadIdx.x) + at];  // [next row]
}
PLANTED(overrun_row) {
  Global<float> y(32);
  launch(next_row, {1, 32}, y, 1);
  return y[0];
}
PLANTED(underrun_row) {
  Global<float> y(32);
  launch(next_row, {1, 32}, y, -1);
  return y[0];
}
PYGAN_KERNEL void registers(float* y /* (32) */, int n) {
  float sums[4];
  for (int i = 0; i < n; ++i) sums[i] = 1.0f;  // [registers]
  y[threadIdx.x] = sums[threadIdx.x % 4];
}
PLANTED(overrun_registers) {
  Global<float> y(32);
  launch(registers, {1, 32}, y, 5);
  return y[0];
}

PYGAN_KERNEL void dynamic(float* y /* (32) */, int n) {
  PYGAN_DYNAMIC_SHARED(float, tile);
  for (int i = static_cast<int>(threadIdx.x); i < n; i += 32) tile[i] = 1.0f;  // [dynamic write]
  y[threadIdx.x] = tile[threadIdx.x];
}
PLANTED(overrun_dynamic) {
  Global<float> y(32);
  launch(dynamic, {1, 32, 32 * sizeof(float)}, y, 33);
  return y[0];
}

PYGAN_KERNEL void other_stack(float* y /* (32) */, float** pointer /* (1) */) {
  float own = static_cast<float>(threadIdx.x);
  if (threadIdx.x == 0) *pointer = &own;
  __syncthreads();
  y[threadIdx.x] = **pointer;  // [other stack]
  __syncthreads();
}
PLANTED(other_threads_variable) {
  Global<float> y(32);
  Global<float*> pointer(1);
  launch(other_stack, {1, 32}, y, pointer);
  return y[0];
}

struct alignas(16) Four {
  float x[4];
};
PYGAN_KERNEL void wide(const float* x /* (64) */, float* y /* (64) */) {
  const Four v = *reinterpret_cast<const Four*>(x + 4 * threadIdx.x + 1);  // [wide]
  reinterpret_cast<Four*>(y)[threadIdx.x] = v;
}
PLANTED(misaligned_16) {
  Global<float> x(64, 1.0f), y(64);
  launch(wide, {1, 8}, x, y);
  return y[0];
}
PYGAN_KERNEL void load_wide(const float* x /* (64) */, float* y /* (64) */) {
  store4(y, load4(x + 2));  // [load4]
}
PLANTED(misaligned_load4) {
  Global<float> x(64, 1.0f), y(64);
  launch(load_wide, {1, 1}, x, y);
  return y[0];
}
PYGAN_KERNEL void pair(const float* x /* (64) */, double* y /* (1) */) {
  y[0] = *reinterpret_cast<const double*>(x + 1);  // [pair]
}
PLANTED(misaligned_8) {
  Global<float> x(64, 1.0f);
  Global<double> y(1);
  launch(pair, {1, 1}, x, y);
  return 0;
}

PYGAN_KERNEL void sum_shared(float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [33]);
  tile[threadIdx.x] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x + 1];  // [unwritten shared]
}
PLANTED(unwritten_shared) {
  Global<float> y(32);
  launch(sum_shared, {1, 32}, y);
  return y[0];
}
PLANTED(unwritten_global) {
  Global<float> x(32), y(32);
  launch(read_at, {1, 32}, x, y, int64_t{0});
  return y[0];
}
PYGAN_KERNEL void three_of_four(float* y /* (4) */) {
  PYGAN_SHARED(float, tile, [4]);
  for (int i = 0; i < 3; ++i) tile[i] = 1.0f;
  store4(y, load4(tile));  // [unwritten vector]
}
PLANTED(unwritten_vector) {
  Global<float> y(4);
  launch(three_of_four, {1, 1}, y);
  return y[0];
}
PYGAN_KERNEL void count(int* y /* (1) */) {
  atomicAdd(y, 1);  // [unwritten atomic]
}
PLANTED(unwritten_atomic) {
  Global<int> y(1);
  launch(count, {1, 32}, y);
  return 0;
}

PYGAN_KERNEL void too_early(const float* x /* (32) */, float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<4>(&tile[threadIdx.x], x + threadIdx.x);  // [cp.async issue]
  cp_async_commit();
  y[threadIdx.x] = tile[threadIdx.x];  // [cp.async early read]
  cp_async_wait<0>();
}
PLANTED(cp_async_early_read) {
  Global<float> x(32, 1.0f), y(32);
  launch(too_early, {1, 32}, x, y);
  return y[0];
}
PYGAN_KERNEL void one_group_too_few(const float* x /* (64) */, float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [64]);
  cp_async<4>(&tile[threadIdx.x], x + threadIdx.x);
  cp_async_commit();
  cp_async<4>(&tile[32 + threadIdx.x], x + 32 + threadIdx.x);  // [cp.async second issue]
  cp_async_commit();
  cp_async_wait<1>();
  y[threadIdx.x] = tile[threadIdx.x] + tile[32 + threadIdx.x];  // [cp.async second read]
  cp_async_wait<0>();
}
PLANTED(cp_async_wrong_count) {
  Global<float> x(64, 1.0f), y(32);
  launch(one_group_too_few, {1, 32}, x, y);
  return y[0];
}
PYGAN_KERNEL void no_barrier(const float* x /* (32) */, float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<4>(&tile[threadIdx.x], x + threadIdx.x);  // [cp.async race write]
  cp_async_commit();
  cp_async_wait<0>();
  y[threadIdx.x] = tile[31 - threadIdx.x];  // [cp.async race read]
}
PLANTED(cp_async_no_barrier) {
  Global<float> x(32, 1.0f), y(32);
  launch(no_barrier, {1, 32}, x, y);
  return y[0];
}
PYGAN_KERNEL void overrun(const float* x /* (32) */, float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<16>(&tile[4 * threadIdx.x], x + 4 * threadIdx.x);  // [cp.async overrun]
  cp_async_commit();
  cp_async_wait<0>();
  y[4 * threadIdx.x] = tile[4 * threadIdx.x];
}
PLANTED(cp_async_overrun) {
  Global<float> x(32, 1.0f), y(64);
  launch(overrun, {1, 9}, x, y);
  return y[0];
}
PYGAN_KERNEL void never_waits(const float* x /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<4>(&tile[threadIdx.x], x + threadIdx.x);  // [cp.async left]
  cp_async_commit();
}
PLANTED(cp_async_never_waits) {
  Global<float> x(32, 1.0f);
  launch(never_waits, {1, 32}, x);
  return 0;
}
PYGAN_KERNEL void rows(uint32_t* y /* (32) */) {
  PYGAN_SHARED(uint32_t, tile, [32]);
  tile[threadIdx.x] = 1;
  __syncthreads();
  uint32_t d[1];
  ldmatrix<1>(d, &tile[4 * (threadIdx.x % 8) + 4]);  // [ldmatrix overrun]
  y[threadIdx.x] = d[0];
}
PLANTED(ldmatrix_overrun) {
  Global<uint32_t> y(32);
  launch(rows, {1, 32}, y);
  return 0;
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
