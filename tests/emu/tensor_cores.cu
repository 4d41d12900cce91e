// Small kernels around device/mma.h, device/bfloat16.h and device/half.h, called with NumPy's arrays by
// test_tensor_cores.py. Each function returns "" or the emulator's message.
#include <string>
#include <vector>

#include "core/device.h"
#include "device/bfloat16.h"
#include "device/device.h"
#include "device/half.h"
#include "device/mma.h"
#include "emu/memory.h"

namespace pygan {

// What the emulator takes from the core
const char* running_op() { return ""; }
void register_device(Device, const DeviceApi*) {}

namespace PYGAN_BACKEND {
namespace {

// n elements of global memory: of a host array, and back to it at the end
template <class T>
class Global {
 public:
  Global(T* host, size_t n)
      : host_(host), n_(n), data_(static_cast<T*>(emu::allocate(n * sizeof(T)))) {
    emu::copy_in(data_, host, n * sizeof(T));
  }
  Global(const Global&) = delete;
  ~Global() {
    copy_to_host(host_, data_, n_ * sizeof(T));
    emu::release(data_, n_ * sizeof(T));
  }
  operator T*() { return data_; }

 private:
  T* host_;
  size_t n_;
  T* data_;
};

template <class F>
const char* message_of(const F& run) {
  static std::string message;
  message.clear();
  try {
    run();
  } catch (const Error& e) {
    message = e.what();
  }
  return message.c_str();
}

// ---- mma by the lane maps: lane 4 g + t ------------------------------------------------------------

PYGAN_KERNEL void tf32_product(const float* a /* (16, 8) */, const float* b /* (8, 8) */,
                               float* c /* (16, 8), + a b */) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  const uint32_t x[4] = {float_bits(a[g * 8 + t]), float_bits(a[(g + 8) * 8 + t]),
                         float_bits(a[g * 8 + t + 4]), float_bits(a[(g + 8) * 8 + t + 4])};
  const uint32_t y[2] = {float_bits(b[t * 8 + g]), float_bits(b[(t + 4) * 8 + g])};
  float* const low = c + g * 8 + 2 * t;
  float* const high = low + 64;
  float d[4];
  mma_tf32_16x8x8(d, x, y, {low[0], low[1], high[0], high[1]});
  low[0] = d[0];
  low[1] = d[1];
  high[0] = d[2];
  high[1] = d[3];
}

PYGAN_KERNEL void bf16_product(const bfloat16* a /* (16, 16) */, const bfloat16* b /* (16, 8) */,
                               float* c /* (16, 8), + a b */) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  uint32_t x[4], y[2];
  for (int i = 0; i < 4; ++i) {
    const bfloat16* const p = a + (g + 8 * (i % 2)) * 16 + 2 * t + 8 * (i / 2);
    x[i] = pack(p[0], p[1]);
  }
  for (int i = 0; i < 2; ++i) {
    const bfloat16* const p = b + (2 * t + 8 * i) * 8 + g;
    y[i] = pack(p[0], p[8]);
  }
  float* const low = c + g * 8 + 2 * t;
  float* const high = low + 64;
  float d[4];
  mma_bf16_16x8x16(d, x, y, {low[0], low[1], high[0], high[1]});
  low[0] = d[0];
  low[1] = d[1];
  high[0] = d[2];
  high[1] = d[3];
}

// The same product without a lane map of the operands: ldmatrix lays them out.
PYGAN_KERNEL void bf16_product_from_shared(const uint16_t* a /* (16, 16) */,
                                           const uint16_t* b /* (16, 8) */,
                                           float* c /* (16, 8), + a b */) {
  PYGAN_SHARED(uint16_t, rows_a, [16][16]);
  PYGAN_SHARED(uint16_t, rows_b, [16][8]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) rows_a[i / 16][i % 16] = a[i];
  for (int i = lane; i < 128; i += 32) rows_b[i / 8][i % 8] = b[i];
  __syncwarp();
  uint32_t x[4], y[2];
  ldmatrix<4>(x, &rows_a[lane % 16][lane / 16 * 8]);
  ldmatrix<2, true>(y, &rows_b[lane % 16][0]);
  float* const low = c + lane / 4 * 8 + 2 * (lane % 4);
  float* const high = low + 64;
  float d[4];
  mma_bf16_16x8x16(d, x, y, {low[0], low[1], high[0], high[1]});
  low[0] = d[0];
  low[1] = d[1];
  high[0] = d[2];
  high[1] = d[3];
}

template <int N, bool transposed>
PYGAN_KERNEL void load_matrices(const uint16_t* x /* (N, 8, 8) */,
                                uint32_t* y /* (N, 32 lanes) */) {
  PYGAN_SHARED(uint16_t, rows, [8 * N][8]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 64 * N; i += 32) rows[i / 8][i % 8] = x[i];
  __syncwarp();
  uint32_t d[N];
  ldmatrix<N, transposed>(d, &rows[lane % (8 * N)][0]);
  for (int m = 0; m < N; ++m) y[32 * m + lane] = d[m];
}

PYGAN_KERNEL void misaligned_matrix(uint32_t* y /* (32) */) {
  PYGAN_SHARED(uint16_t, rows, [9][8]);
  uint32_t d[1];
  ldmatrix<1>(d, &rows[threadIdx.x % 8][1]);
  y[threadIdx.x] = d[0];
}

// ---- cp_async ----------------------------------------------------------------------------------------

// What each thread sees of its `bytes` before the wait, after the wait for all but the newest of two
// groups, and after the wait for all.
template <int bytes>
PYGAN_KERNEL void two_groups(const float* x /* (2, 32, bytes / 4) */,
                             float* y /* (3 moments, 2, 32, bytes / 4) */) {
  constexpr unsigned n = bytes / 4;
  PYGAN_SHARED(float, tile, [2][32 * n]);
  const unsigned at = threadIdx.x * n;
  for (int group = 0; group < 2; ++group) {
    cp_async<bytes>(&tile[group][at], x + group * 32 * n + at);
    cp_async_commit();
  }
  const auto look = [&](unsigned moment) {
    for (unsigned i = 0; i < 2 * n; ++i)
      y[(2 * moment + i / n) * 32 * n + at + i % n] = tile[i / n][at + i % n];
  };
  look(0);
  cp_async_wait<1>();
  look(1);
  cp_async_wait<0>();
  look(2);
}

PYGAN_KERNEL void never_committed(const float* x /* (32) */, float* y /* (32) */) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<4>(&tile[threadIdx.x], x + threadIdx.x);
  cp_async_wait<0>();
  y[threadIdx.x] = tile[threadIdx.x];
}

// A pipeline of three stages: while a slice is summed, the next two are on their way. Each thread sums
// what its neighbour has copied.
PYGAN_KERNEL void pipeline(const float* x /* (slices, 64) */, float* y /* (64) */, int slices) {
  constexpr int kStages = 3;
  PYGAN_SHARED(float, ring, [kStages][64]);
  const int thread = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int slice) {
    if (slice < slices) cp_async<4>(&ring[slice % kStages][thread], x + slice * 64 + thread);
    cp_async_commit();  // an empty group too: the count of groups stays in step
  };
  for (int slice = 0; slice < kStages - 1; ++slice) fetch(slice);
  float sum = 0.0f;
  for (int slice = 0; slice < slices; ++slice) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // all have this slice, and have done with the one that is fetched over now
    fetch(slice + kStages - 1);
    sum += ring[slice % kStages][(thread + 1) % 64];
  }
  y[thread] = sum;
}

PYGAN_KERNEL void misaligned_copy(const float* x, float* y) {
  PYGAN_SHARED(float, tile, [32]);
  cp_async<16>(&tile[4], x + 1);
  y[threadIdx.x] = tile[threadIdx.x];
}

// ---- 16 bytes ------------------------------------------------------------------------------------------

PYGAN_KERNEL void copy_by_four(const float* x, float* y, int offset) {
  const unsigned i = 4 * threadIdx.x;
  float4 v = load4(x + offset + i);
  v.w = -v.w;
  store4(y + i, v);
}
PYGAN_KERNEL void store_misaligned(float* y) { store4(y + 2, float4{1.0f, 2.0f, 3.0f, 4.0f}); }

// ---- 16-bit floats -------------------------------------------------------------------------------------

struct Bfloat16 {
  using Type = bfloat16;
  static bfloat16 from(float x) { return to_bfloat16(x); }
};
struct Half {
  using Type = half;
  static half from(float x) { return to_half(x); }
};

template <class F>
PYGAN_KERNEL void widen(const uint16_t* x /* (n) */, float* y /* (n) */, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads())
    y[i] = to_float(typename F::Type{x[i]});
}
template <class F>
PYGAN_KERNEL void narrow(const float* x /* (n) */, uint16_t* y /* (n) */, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = F::from(x[i]).bits;
}
// a + b, a - b, a * b, a / b, -a, a < b, a == b
template <class F>
PYGAN_KERNEL void arithmetic(const uint16_t* a /* (n) */, const uint16_t* b /* (n) */,
                             uint16_t* y /* (7, n) */, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) {
    const typename F::Type p{a[i]}, q{b[i]};
    y[i] = (p + q).bits;
    y[n + i] = (p - q).bits;
    y[2 * n + i] = (p * q).bits;
    y[3 * n + i] = (p / q).bits;
    y[4 * n + i] = (-p).bits;
    y[5 * n + i] = p < q;
    y[6 * n + i] = p == q;
  }
}
PYGAN_KERNEL void round_to_tf32(const float* x /* (n) */, uint32_t* y /* (n) */, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = to_tf32(x[i]);
}

template <class F>
const char* convert(uint16_t* narrow_bits, float* wide, int64_t n, bool widens) {
  return message_of([&] {
    const auto size = static_cast<size_t>(n);
    Global<uint16_t> x(narrow_bits, size);
    Global<float> y(wide, size);
    if (widens)
      launch(widen<F>, {blocks_for(n), kThreads}, x, y, n);
    else
      launch(narrow<F>, {blocks_for(n), kThreads}, y, x, n);
  });
}
template <class F>
const char* calculate(uint16_t* a, uint16_t* b, uint16_t* y, int64_t n) {
  return message_of([&] {
    const auto size = static_cast<size_t>(n);
    Global<uint16_t> p(a, size), q(b, size), r(y, 7 * size);
    launch(arithmetic<F>, {blocks_for(n), kThreads}, p, q, r, n);
  });
}

template <int N>
void load_matrices_of(uint16_t* x, uint32_t* y, bool transposed) {
  Global<uint16_t> in(x, 64 * N);
  Global<uint32_t> out(y, 32 * N);
  launch(transposed ? load_matrices<N, true> : load_matrices<N, false>, {1, 32}, in, out);
}
template <int bytes>
void two_groups_of(float* x, float* y) {
  Global<float> in(x, 16 * bytes), out(y, 48 * bytes);
  launch(two_groups<bytes>, {1, 32}, in, out);
}

}  // namespace
}  // namespace PYGAN_BACKEND
}  // namespace pygan

using namespace pygan;
using namespace pygan::PYGAN_BACKEND;

extern "C" {

void schedule(const char* text) { emu::set_schedule(text); }

const char* tf32(float* a, float* b, float* c) {
  return message_of([&] {
    Global<float> x(a, 128), y(b, 64), z(c, 128);
    launch(tf32_product, {1, 32}, x, y, z);
  });
}
const char* bf16(uint16_t* a, uint16_t* b, float* c, bool from_shared) {
  return message_of([&] {
    Global<uint16_t> x(a, 256), y(b, 128);
    Global<float> z(c, 128);
    if (from_shared)
      launch(bf16_product_from_shared, {1, 32}, x, y, z);
    else
      launch(bf16_product, {1, 32}, reinterpret_cast<const bfloat16*>(static_cast<uint16_t*>(x)),
             reinterpret_cast<const bfloat16*>(static_cast<uint16_t*>(y)), z);
  });
}
const char* matrices(uint16_t* x, uint32_t* y, int count, bool transposed) {
  return message_of([&] {
    if (count == 1) load_matrices_of<1>(x, y, transposed);
    if (count == 2) load_matrices_of<2>(x, y, transposed);
    if (count == 4) load_matrices_of<4>(x, y, transposed);
  });
}
const char* groups(float* x, float* y, int bytes) {
  return message_of([&] {
    if (bytes == 4) two_groups_of<4>(x, y);
    if (bytes == 8) two_groups_of<8>(x, y);
    if (bytes == 16) two_groups_of<16>(x, y);
  });
}
const char* uncommitted(float* x, float* y) {
  return message_of([&] {
    Global<float> in(x, 32), out(y, 32);
    launch(never_committed, {1, 32}, in, out);
  });
}
const char* stages(float* x, float* y, int slices) {
  return message_of([&] {
    Global<float> in(x, static_cast<size_t>(slices) * 64), out(y, 64);
    launch(pipeline, {1, 64}, in, out, slices);
  });
}
const char* by_four(float* x /* (132) */, float* y /* (128) */, int offset) {
  return message_of([&] {
    Global<float> in(x, 132), out(y, 128);
    launch(copy_by_four, {1, 32}, in, out, offset);
  });
}
const char* misaligned(float* y /* (64) */, int which) {
  return message_of([&] {
    Global<float> out(y, 64);
    if (which == 0) launch(store_misaligned, {1, 32}, out);
    if (which == 1) launch(misaligned_copy, {1, 32}, out, out);
    if (which == 2) {
      launch(misaligned_matrix, {1, 32}, reinterpret_cast<uint32_t*>(static_cast<float*>(out)));
    }
  });
}
const char* bfloat16_convert(uint16_t* x, float* y, int64_t n, bool widens) {
  return convert<Bfloat16>(x, y, n, widens);
}
const char* half_convert(uint16_t* x, float* y, int64_t n, bool widens) {
  return convert<Half>(x, y, n, widens);
}
const char* bfloat16_arithmetic(uint16_t* a, uint16_t* b, uint16_t* y, int64_t n) {
  return calculate<Bfloat16>(a, b, y, n);
}
const char* half_arithmetic(uint16_t* a, uint16_t* b, uint16_t* y, int64_t n) {
  return calculate<Half>(a, b, y, n);
}
const char* tf32_round(float* x, uint32_t* y, int64_t n) {
  return message_of([&] {
    Global<float> in(x, static_cast<size_t>(n));
    Global<uint32_t> out(y, static_cast<size_t>(n));
    launch(round_to_tf32, {blocks_for(n), kThreads}, in, out, n);
  });
}
}
