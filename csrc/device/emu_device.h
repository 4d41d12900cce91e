// The emulator's half of device.h: CUDA's names for g++. Everything stands in PYGAN_BACKEND, because
// the checked build must not share an inline function with the plain one.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "emu/runtime.h"

#define PYGAN_KERNEL static
#define PYGAN_DEVICE
#define __launch_bounds__(...)
#define PYGAN_UNROLL

#define threadIdx (::pygan::emu::thread_index())
#define blockIdx (::pygan::emu::block_index())
#define blockDim (::pygan::emu::block_dim())
#define gridDim (::pygan::emu::grid_dim())

// Arrays of a block. `dims` may be several: PYGAN_SHARED(float, tile, [32][33])
#define PYGAN_SHARED(type, name, dims)              \
  using name##_array = type dims;                   \
  static const char name##_tag = 0;                 \
  name##_array& name = *static_cast<name##_array*>( \
      ::pygan::emu::shared_array(sizeof(name##_array), #name, &name##_tag, {__FILE__, __LINE__}))
#define PYGAN_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::pygan::emu::dynamic_shared({__FILE__, __LINE__}))

// The line that calls, as a default argument
#define PYGAN_SITE ::pygan::emu::Site site = {__builtin_FILE(), __builtin_LINE()}

namespace pygan::PYGAN_BACKEND {

constexpr Device kDevice = Device::emu;
#ifdef PYGAN_EMU_CHECKED
constexpr KernelSlot kSlot = KernelSlot::emu_checked;
constexpr bool kChecked = true;
#else
constexpr KernelSlot kSlot = KernelSlot::emu;
constexpr bool kChecked = false;
#endif

inline unsigned most_blocks() { return emu::most_blocks(); }

using emu::Dim3;

struct LaunchShape {
  Dim3 grid, block;
  size_t dynamic_shared;  // bytes
  emu::Site site;
  LaunchShape(Dim3 g, Dim3 b, size_t shared = 0, PYGAN_SITE)
      : grid(g), block(b), dynamic_shared(shared), site(site) {}
};

// kernel(args...), once for each thread. The arguments are read on the host's stack, which the
// checker does not know: so not instrumented.
template <class... P>
struct Call {
  void (*kernel)(P...);
  std::tuple<P...> args;
  template <size_t... I>
  __attribute__((no_sanitize("thread"))) static void run(Call& c, std::index_sequence<I...>) {
    c.kernel(std::get<I>(c.args)...);
  }
  __attribute__((no_sanitize("thread"))) static void body(void* self) {
    run(*static_cast<Call*>(self), std::index_sequence_for<P...>());
  }
};
template <class... P, class... A>
void launch(void (*kernel)(P...), const LaunchShape& shape, A&&... args) {
  Call<P...> call{kernel, {static_cast<P>(args)...}};
  emu::launch({.function = reinterpret_cast<const void*>(kernel),
               .site = shape.site,
               .grid = shape.grid,
               .block = shape.block,
               .dynamic_shared = shape.dynamic_shared,
               .checked = kChecked},
              &Call<P...>::body, &call);
}

inline void copy_to_device(void* device, const void* host, size_t bytes) {
  emu::copy_in(device, host, bytes);
}
inline void copy_to_host(void* host, const void* device, size_t bytes) {
  emu::copy_out(host, device, bytes);
}

inline bool has_tf32() { return true; }

// ---- barriers and warp collectives ---------------------------------------------------------------

inline void __syncthreads(PYGAN_SITE) { emu::barrier(emu::Barrier::plain, 0, site); }
inline int __syncthreads_or(int p, PYGAN_SITE) { return emu::barrier(emu::Barrier::any, p, site); }
inline int __syncthreads_and(int p, PYGAN_SITE) { return emu::barrier(emu::Barrier::all, p, site); }
inline int __syncthreads_count(int p, PYGAN_SITE) {
  return emu::barrier(emu::Barrier::count, p, site);
}
inline void __syncwarp(uint32_t mask = 0xffffffffu, PYGAN_SITE) {
  emu::collective(emu::Collective::sync, mask, {}, site);
}

template <class T>
T exchange(emu::Collective op, uint32_t mask, T value, int lane, int width, emu::Site site) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles exchange 4 or 8 bytes");
  emu::LaneArgs args;
  __builtin_memcpy(&args.value, &value, sizeof value);
  args.lane = lane;
  args.width = width;
  const uint64_t result = emu::collective(op, mask, args, site);
  __builtin_memcpy(&value, &result, sizeof value);
  return value;
}
template <class T>
T __shfl_sync(uint32_t mask, T value, int lane, int width = 32, PYGAN_SITE) {
  return exchange(emu::Collective::shuffle, mask, value, lane, width, site);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = 32, PYGAN_SITE) {
  return exchange(emu::Collective::shuffle_up, mask, value, static_cast<int>(delta), width, site);
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = 32, PYGAN_SITE) {
  return exchange(emu::Collective::shuffle_down, mask, value, static_cast<int>(delta), width, site);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes, int width = 32, PYGAN_SITE) {
  return exchange(emu::Collective::shuffle_xor, mask, value, lanes, width, site);
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate, PYGAN_SITE) {
  return static_cast<uint32_t>(
      emu::collective(emu::Collective::ballot, mask, {.value = predicate != 0}, site));
}
inline int __any_sync(uint32_t mask, int predicate, PYGAN_SITE) {
  return static_cast<int>(
      emu::collective(emu::Collective::any, mask, {.value = predicate != 0}, site));
}
inline int __all_sync(uint32_t mask, int predicate, PYGAN_SITE) {
  return static_cast<int>(
      emu::collective(emu::Collective::all, mask, {.value = predicate != 0}, site));
}
template <class T>
uint32_t __match_any_sync(uint32_t mask, T value, PYGAN_SITE) {
  emu::LaneArgs args;
  __builtin_memcpy(&args.value, &value, sizeof value);
  return static_cast<uint32_t>(emu::collective(emu::Collective::match_any, mask, args, site));
}

// ---- atomics: int32_t, uint32_t, int64_t, uint64_t -------------------------------------------------

#define PYGAN_ATOMIC(name, op)                                         \
  template <class T>                                                   \
  T name(T* address, std::type_identity_t<T> value, PYGAN_SITE) {      \
    return emu::atomic<T>(emu::Atomic::op, address, value, T{}, site); \
  }
PYGAN_ATOMIC(atomicAdd, add)
PYGAN_ATOMIC(atomicMin, min)
PYGAN_ATOMIC(atomicMax, max)
PYGAN_ATOMIC(atomicExch, exchange)
PYGAN_ATOMIC(atomicOr, bit_or)
PYGAN_ATOMIC(atomicAnd, bit_and)
#undef PYGAN_ATOMIC
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value,
            PYGAN_SITE) {
  return emu::atomic<T>(emu::Atomic::compare_swap, address, value, compare, site);
}

// ---- 16 bytes at once ------------------------------------------------------------------------------

struct alignas(16) float4 {
  float x, y, z, w;
};
// One access of 16 bytes in every build: of a struct the compiler would read the parts it needs.
using Vector4 [[gnu::vector_size(16), gnu::may_alias]] = float;
inline float4 load4(const float* p, PYGAN_SITE) {
  emu::begin_vector_load(p, 16, site);
  const Vector4 v = *reinterpret_cast<const Vector4*>(p);
  return {v[0], v[1], v[2], v[3]};
}
inline void store4(float* p, float4 v, PYGAN_SITE) {
  emu::check_alignment(p, 16, site);
  *reinterpret_cast<Vector4*>(p) = Vector4{v.x, v.y, v.z, v.w};
}

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

}  // namespace pygan::PYGAN_BACKEND
