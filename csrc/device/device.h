// What a CUDA kernel file includes: the subset of CUDA that pygan's kernels keep to.
//
// One source, three builds. nvcc compiles csrc/ops/<room>/<room>_cuda.cu for device `cuda`; g++
// compiles the same file against the emulator (emu/runtime.h) for device `emu`, and once more with
// a callback at every memory access, for the emulator's checker. Each build has a namespace of its
// own, PYGAN_BACKEND (backend_cuda, backend_emu, backend_check), which a .cu opens after its
// includes; everything that it defines stays in there.
//
//   #include "device/device.h"
//   #include "ops/relu/relu.h"
//   namespace pygan::PYGAN_BACKEND {
//   namespace {
//
//   template <class T>
//   PYGAN_KERNEL void relu(const T* x /* (n) */, T* y /* (n) */, int64_t n) {
//     for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = vecmath::select(...);
//   }
//   template <class T>
//   void run(const ReluArgs& a) {
//     if (a.n == 0) return;  // a launch without blocks is an error
//     launch(relu<T>, {blocks_for(a.n), kThreads}, static_cast<const T*>(a.x), ...);
//   }
//   const RegisterDeviceKernel<ReluKernel> relu_kernel{
//       [](const ReluArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};
//
//   }  // namespace
//   }  // namespace pygan::PYGAN_BACKEND
//
// In a kernel:
//   threadIdx, blockIdx, blockDim, gridDim   as in CUDA
//   PYGAN_SHARED(float, tile, [32][33]);     shared memory; contents undefined at the start (NaN on emu)
//   PYGAN_DYNAMIC_SHARED(float, tile);       a pointer to the launch's dynamic shared memory
//   __syncthreads, __syncthreads_or / _and / _count, __syncwarp(mask)
//   __shfl_sync, __shfl_up_sync, __shfl_down_sync, __shfl_xor_sync (4- and 8-byte values),
//   __ballot_sync, __any_sync, __all_sync, __match_any_sync
//   atomicAdd, atomicMin, atomicMax, atomicExch, atomicOr, atomicAnd, atomicCAS on integers only:
//   float atomics would make results depend on the order
//   load4, store4                            16-byte accesses of four floats
//   cp_async, mma_*, ldmatrix                device/mma.h
//   vecmath::exp ...                         core/vecmath.h: the same bits on every device
//   fma(a, b, c)                             rounded once; a * b + c is never contracted
//
// Not in the subset: <<<>>>, static __shared__, __constant__, cub, cooperative groups, __activemask,
// inline PTX outside device/, kernels that rely on warps in lockstep (every exchange through shared
// memory between lanes needs __syncwarp), barriers that some threads of a block do not reach,
// masks that name lanes that have left or that the block does not have (blocks are whole warps).
// Kernel parameters are pointers, numbers and plain structs, by value. One float type a kernel:
// T is float on cuda, float or double on emu.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/array.h"
#include "core/device.h"
#include "core/op.h"
#include "core/vecmath.h"
#include "device/bits.h"

#ifdef __CUDACC__
#include "device/cuda_device.h"
#else
#include "device/emu_device.h"
#endif

namespace pygan::PYGAN_BACKEND {

constexpr unsigned kThreads = 256;  // of a block, where nothing speaks for another number
constexpr uint32_t kFullWarp = 0xffffffffu;
constexpr int kWarpSize = 32;

// Blocks for n elements, one a thread, at most most_blocks() (2048; on emu a setting, for tests):
// kernels stride over the rest.
inline unsigned blocks_for(int64_t n, int64_t threads = kThreads) {
  const int64_t blocks = (n + threads - 1) / threads, most = most_blocks();
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}
// Linear index of this thread among all threads of the launch, and their number (x only)
PYGAN_DEVICE inline int64_t global_thread() {
  return int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
PYGAN_DEVICE inline int64_t global_threads() { return int64_t{gridDim.x} * blockDim.x; }

template <class T>
PYGAN_DEVICE inline T least(T a, T b) {
  return b < a ? b : a;
}
template <class T>
PYGAN_DEVICE inline T greatest(T a, T b) {
  return a < b ? b : a;
}

// May load4 and store4 go there?
inline bool aligned4(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// Registers a kernel for this build's device.
template <class K>
struct RegisterDeviceKernel {
  RegisterDeviceKernel(typename K::Fn fn) {
    register_kernel(K::name, kSlot, reinterpret_cast<void (*)()>(fn));
  }
};

// Device memory that lives as long as this object: a workspace of a launch. Contents undefined.
class Scratch {
 public:
  explicit Scratch(int64_t bytes)
      : bytes_(static_cast<size_t>(bytes)), data_(allocate(kDevice, bytes_)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { release(kDevice, data_, bytes_); }
  template <class T>
  T* as() {
    return static_cast<T*>(data_);
  }

 private:
  size_t bytes_;
  void* data_;
};

// A host array of n elements copied to the device for a launch.
template <class T>
class Upload {
 public:
  Upload(const T* host, int64_t n) : memory_(n * static_cast<int64_t>(sizeof(T))) {
    copy_to_device(memory_.as<T>(), host, static_cast<size_t>(n) * sizeof(T));
  }
  const T* data() { return memory_.as<T>(); }
  T* mutable_data() { return memory_.as<T>(); }  // for what a launch answers

 private:
  Scratch memory_;
};

// One value read back from the device: waits for all that was launched before.
template <class T>
T download(const T* device) {
  T value;
  copy_to_host(&value, device, sizeof(T));
  return value;
}

// Calls run<float>(args) or, where the backend has it, run<double>(args).
#ifdef __CUDACC__
#define PYGAN_BY_FLOAT(f64, run, args) (refuse_float64(f64), run<float>(args))
#else
#define PYGAN_BY_FLOAT(f64, run, args) ((f64) ? run<double>(args) : run<float>(args))
#endif

}  // namespace pygan::PYGAN_BACKEND
