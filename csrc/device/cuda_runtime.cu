#include "device/cuda_runtime.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "core/device.h"

namespace pygan::cuda {
namespace {

constexpr int kOrdinal = 0;  // CUDA_VISIBLE_DEVICES chooses which GPU that is

struct Runtime {
  std::string why_not;  // "" where the GPU can be used
  cudaStream_t stream = nullptr;
  cudaMemPool_t pool = nullptr;
  cudaDeviceProp properties{};
  pid_t process = 0;
  int architecture = 0;  // 90: of the GPU, or less where the kernels were compiled for less
  bool sync = false;     // PYGAN_SYNC
};

std::mutex broken_mutex;
std::string broken;  // the error that ended the use of the GPU
std::atomic<bool> is_broken{false};

std::atomic<int64_t> live_blocks{0}, limit{0};

std::string version(int v) {
  return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10);
}
std::string architecture(const cudaDeviceProp& p) {
  return std::to_string(p.major) + "." + std::to_string(p.minor);
}

// What is missing for the use of a GPU, in words; "" if nothing.
std::string start(Runtime& r) {
  int driver = 0, needed = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&needed);
  if (driver == 0) return "no NVIDIA driver is installed on this machine";
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver)
    return "the NVIDIA driver is made for CUDA " + version(driver) + ", this build for CUDA " +
           version(needed) + ": update the driver";
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    return std::string("no GPU is visible") +
           (visible ? " (CUDA_VISIBLE_DEVICES=" + std::string(visible) + ")" : "");
  }
  if (error == cudaSuccess) error = cudaSetDevice(kOrdinal);
  if (error == cudaSuccess) error = cudaGetDeviceProperties(&r.properties, kOrdinal);
  if (error != cudaSuccess) return "CUDA does not start: " + describe(error);
  cudaFuncAttributes attributes;
  error = cudaFuncGetAttributes(&attributes, any_kernel());
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();
    const cudaDeviceProp& p = r.properties;
    const std::string digits = std::to_string(p.major) + std::to_string(p.minor);
    return std::string(p.name) + " has architecture " + architecture(p) +
           ", this build has kernels for " PYGAN_CUDA_ARCHITECTURES
           " only: build again with -DCMAKE_CUDA_ARCHITECTURES=" +
           digits;
  }
  if (error == cudaSuccess)
    r.architecture = std::min(10 * r.properties.major + r.properties.minor, attributes.ptxVersion);
  int pools = 0;
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, kOrdinal);
  if (error == cudaSuccess && !pools)
    return std::string(r.properties.name) +
           " has no memory pools (cudaMallocAsync), which it needs";
  if (error == cudaSuccess) error = cudaStreamCreate(&r.stream);  // a blocking one
  cudaMemPoolProps wanted{};
  wanted.allocType = cudaMemAllocationTypePinned;
  wanted.location.type = cudaMemLocationTypeDevice;
  wanted.location.id = kOrdinal;
  if (error == cudaSuccess) error = cudaMemPoolCreate(&r.pool, &wanted);
  uint64_t keep = UINT64_MAX;  // freed memory stays in the pool until trim
  if (error == cudaSuccess)
    error = cudaMemPoolSetAttribute(r.pool, cudaMemPoolAttrReleaseThreshold, &keep);
  return error == cudaSuccess ? "" : "CUDA does not start: " + describe(error);
}

Runtime& runtime() {  // never destroyed: CUDA is gone before static objects are
  static Runtime* r = [] {
    auto* fresh = new Runtime;
    fresh->process = getpid();
    const char* sync = std::getenv("PYGAN_SYNC");
    fresh->sync = sync && *sync && std::strcmp(sync, "0") != 0;
    fresh->why_not = start(*fresh);
    return fresh;
  }();
  return *r;
}

std::string why_not() {
  const Runtime& r = runtime();
  if (!r.why_not.empty()) return r.why_not;
  if (r.process != getpid())
    return "CUDA was started before this process was forked: start processes with spawn";
  if (!is_broken) return "";
  std::lock_guard lock(broken_mutex);
  return broken;
}

Runtime& usable() {
  const std::string why = is_broken || runtime().process != getpid() ? why_not() : "";
  if (!why.empty()) throw DeviceFault(why);
  int current = kOrdinal;
  check(cudaGetDevice(&current), "the choice of a GPU");
  if (current != kOrdinal)
    throw DeviceFault("this thread's CUDA device is " + std::to_string(current) +
                      ", pygan uses device 0: CUDA_VISIBLE_DEVICES chooses which GPU that is");
  return runtime();
}

// Whether an error stays: then CUDA answers everything with it until the process ends.
bool stays() {
  cudaGetLastError();  // clears one that does not
  const cudaError_t now = cudaStreamQuery(runtime().stream);
  return now != cudaSuccess && now != cudaErrorNotReady;
}

// Whether `bytes` more stay within the limit, once what was freed on the stream has come back.
bool within_limit(const Runtime& r, size_t bytes) {
  const int64_t most = limit;
  if (!most) return true;
  for (const bool waited : {false, true}) {
    if (waited) check(cudaStreamSynchronize(r.stream), "the work before an allocation");
    uint64_t used = 0;
    check(cudaMemPoolGetAttribute(r.pool, cudaMemPoolAttrUsedMemCurrent, &used),
          "memory statistics");
    if (used + bytes <= static_cast<uint64_t>(most)) return true;
  }
  return false;
}

void* allocate(size_t bytes) {
  Runtime& r = usable();
  if (!within_limit(r, bytes)) return nullptr;
  void* data = nullptr;
  const size_t size = bytes ? bytes : 1;
  cudaError_t error = cudaMallocFromPoolAsync(&data, size, r.pool, r.stream);
  if (error ==
      cudaErrorMemoryAllocation) {  // memory freed on the stream, or kept by the pool, may do
    cudaGetLastError();
    check(cudaStreamSynchronize(r.stream), "the work before an allocation");
    check(cudaMemPoolTrimTo(r.pool, 0), "an allocation");
    error = cudaMallocFromPoolAsync(&data, size, r.pool, r.stream);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
  }
  check(error, "an allocation");
  live_blocks += 1;
  return data;
}

void release(void* data, size_t) {  // runs in destructors: does not throw
  live_blocks -= 1;
  const Runtime& r = runtime();
  if (is_broken || r.process != getpid()) return;
  // At the process's end CUDA may be gone, and its memory with it.
  if (cudaFreeAsync(data, r.stream) != cudaSuccess) cudaGetLastError();
}

void copy_on_device(void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()), "a copy on the GPU");
}

// CUDA does not say what a copy between overlapping ranges (two slices of one tensor) gives.
void copy_overlapping(void* to, const void* from, size_t bytes) {
  void* between = pygan::allocate(Device::cuda, bytes);
  try {
    copy_on_device(between, from, bytes);
    copy_on_device(to, between, bytes);
  } catch (...) {
    release(between, bytes);
    throw;
  }
  release(between, bytes);
}

void copy(void* to, bool to_host, const void* from, bool from_host, size_t bytes) {
  usable();
  if (to_host) return copy_to_host(to, from, bytes);
  if (from_host) return copy_to_device(to, from, bytes);
  const auto a = reinterpret_cast<uintptr_t>(to), b = reinterpret_cast<uintptr_t>(from);
  if (a == b) return;
  if (a < b + bytes && b < a + bytes)
    copy_overlapping(to, from, bytes);
  else
    copy_on_device(to, from, bytes);
}

void fill(void* data, const void* value, size_t item, size_t count) {
  Runtime& r = usable();
  const auto* bytes = static_cast<const unsigned char*>(value);
  bool same = true;
  for (size_t i = 1; i < item; ++i) same &= bytes[i] == bytes[0];
  if (same) {
    check(cudaMemsetAsync(data, bytes[0], item * count, r.stream), "a constant");
  } else if (item == 4) {
    uint32_t v;
    std::memcpy(&v, value, sizeof v);
    fill32(data, v, count);
  } else {
    uint64_t v;
    std::memcpy(&v, value, sizeof v);
    fill64(data, v, count);
  }
}

void synchronize() { check(cudaStreamSynchronize(usable().stream), "the work on the GPU"); }

MemoryStats memory_stats() {
  MemoryStats s;
  uint64_t used = 0, reserved = 0, high = 0;
  const cudaMemPool_t pool = usable().pool;
  check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used), "memory statistics");
  check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved),
        "memory statistics");
  check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &high), "memory statistics");
  s.live_bytes = static_cast<int64_t>(used);
  s.live_blocks = live_blocks;
  s.cached_bytes = static_cast<int64_t>(reserved - used);
  s.peak_bytes = static_cast<int64_t>(high);
  return s;
}

void reset_peak() {
  uint64_t zero = 0;
  check(cudaMemPoolSetAttribute(usable().pool, cudaMemPoolAttrUsedMemHigh, &zero),
        "memory statistics");
}

void trim() {
  synchronize();
  check(cudaMemPoolTrimTo(usable().pool, 0), "giving memory back");
}

DeviceFacts facts() {
  const Runtime& r = usable();
  DeviceFacts f;
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "memory statistics");
  f.name = r.properties.name;
  f.architecture = 10 * r.properties.major + r.properties.minor;
  f.multiprocessors = r.properties.multiProcessorCount;
  f.total_bytes = static_cast<int64_t>(total);
  f.free_bytes = static_cast<int64_t>(free);
  cudaDriverGetVersion(&f.driver_version);
  cudaRuntimeGetVersion(&f.runtime_version);
  return f;
}

std::string why_not_readable(const void* data) {
  usable();
  cudaPointerAttributes a{};
  check(cudaPointerGetAttributes(&a, data), "a question about a pointer");
  if (a.type == cudaMemoryTypeManaged) return "";
  if (a.type != cudaMemoryTypeDevice) return "in no GPU's memory";
  return a.device == kOrdinal ? "" : "on GPU " + std::to_string(a.device) + ", pygan uses GPU 0";
}

// All that `from` has now comes before what `to` gets later.
void order(cudaStream_t from, cudaStream_t to) {
  if (from == to) return;
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  cudaError_t error = cudaEventRecord(event, from);
  if (error == cudaSuccess) error = cudaStreamWaitEvent(to, event, 0);
  const cudaError_t destroyed = cudaEventDestroy(event);
  check(error, "the order of two streams");
  check(destroyed, "an event");
}

// 1 and 2 are cudaStreamLegacy and cudaStreamPerThread.
cudaStream_t foreign(uintptr_t number) { return reinterpret_cast<cudaStream_t>(number); }

const DeviceApi kCuda = {
    .why_not = &why_not,
    .allocate = &allocate,
    .release = &release,
    .copy = &copy,
    .fill = &fill,
    .synchronize = &synchronize,
    .finish =
        [](const Arrays&, const Arrays&) {
          if (runtime().sync) synchronize();
        },
    .memory_stats = &memory_stats,
    .reset_peak = &reset_peak,
    .trim = &trim,
    .set_limit = [](int64_t bytes) { limit = bytes; },
    .facts = &facts,
    .stream = [] { return reinterpret_cast<uintptr_t>(stream()); },
    .why_not_readable = &why_not_readable,
    .publish = [](uintptr_t to) { order(stream(), foreign(to)); },
    .await = [](uintptr_t from) { order(foreign(from), stream()); },
    .drain =
        [] {
          usable();
          check(cudaDeviceSynchronize(), "the work of all streams");
        },
};
const RegisterDevice register_cuda{Device::cuda, &kCuda};

}  // namespace

std::string describe(cudaError_t error) {
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::string text = "CUDA error in " + std::string(what) + ": " + describe(error);
  if (stays()) {
    text +=
        "; the GPU cannot be used any more in this process: start it again, and resume from the "
        "last checkpoint";
    if (!runtime().sync) text += "; PYGAN_SYNC=1 names the op whose kernel fails";
    std::lock_guard lock(broken_mutex);
    if (!is_broken) broken = text;
    is_broken = true;
  }
  throw DeviceFault(text);
}

int kernel_architecture() { return usable().architecture; }

cudaStream_t stream() { return usable().stream; }

void allow_shared(const void* kernel, size_t bytes) {
  constexpr size_t kFree = 48 << 10;
  if (bytes <= kFree) return;
  static std::mutex mutex;
  static auto* allowed = new std::map<const void*, size_t>;
  std::lock_guard lock(mutex);
  size_t& most = (*allowed)[kernel];
  if (bytes <= most) return;
  const size_t has = usable().properties.sharedMemPerBlockOptin;
  if (bytes > has)
    throw DeviceFault("a launch asks for " + std::to_string(bytes) +
                      " bytes of shared memory a block, this GPU has " + std::to_string(has));
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        "a launch with much shared memory");
  most = bytes;
}

void check_launch(const char* file, int line) {
  cudaError_t error = cudaPeekAtLastError();
  if (error == cudaSuccess && runtime().sync) error = cudaStreamSynchronize(runtime().stream);
  if (error == cudaSuccess) return;
  const char* slash = std::strrchr(file, '/');
  check(error,
        ("the launch at " + std::string(slash ? slash + 1 : file) + ":" + std::to_string(line))
            .c_str());
}

}  // namespace pygan::cuda
