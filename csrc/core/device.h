// Devices: where memory lies and kernels run. The core reaches each through one table of functions,
// which the device's own code registers before main: a build without CUDA lacks that file, and
// nothing else.
//
//   cpu    core/memory    always there
//   emu    emu/memory     host memory between red zones, for kernels run by the emulator
//   cuda   device/        in builds with CUDA kernels
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/array.h"
#include "core/error.h"

namespace pygan {

struct MemoryStats {
  int64_t live_bytes = 0, live_blocks = 0, cached_bytes = 0, peak_bytes = 0;
};

struct DeviceFacts {
  std::string name;                             // "NVIDIA H100 80GB HBM3"
  int architecture = 0, multiprocessors = 0;    // 90
  int64_t total_bytes = 0, free_bytes = 0;      // of its memory
  int driver_version = 0, runtime_version = 0;  // 13000: CUDA 13.0
};

struct DeviceApi {
  std::string (*why_not)();         // why it cannot be used on this machine; "" where it can
  void* (*allocate)(size_t bytes);  // nullptr when there is no memory; never nullptr for 0 bytes
  void (*release)(void* data, size_t bytes);
  // Between this device and host memory, either way, or within this device. Host memory may be
  // reused, or read, when it returns.
  void (*copy)(void* to, bool to_host, const void* from, bool from_host, size_t bytes);
  void (*fill)(void* data, const void* value /* (item) */, size_t item, size_t count);
  void (*synchronize)();  // waits for everything; reports what went wrong meanwhile
  // After each op: throws what is known to have gone wrong in it. The op's arrays are told to it.
  void (*finish)(const Arrays& in, const Arrays& out);
  MemoryStats (*memory_stats)();
  void (*reset_peak)();
  void (*trim)();
  void (*set_limit)(int64_t bytes);  // allocations beyond it fail; 0: none
  // Of a GPU, else nullptr. Streams are numbers as other libraries hand them over: 1 the legacy
  // default stream, 2 the per-thread one, else the handle.
  DeviceFacts (*facts)() = nullptr;
  uintptr_t (*stream)() = nullptr;  // where all work of this device goes
  std::string (*why_not_readable)(const void* data) = nullptr;  // "" where kernels may read it
  void (*publish)(uintptr_t stream) = nullptr;  // later work of `stream` waits for ours
  void (*await)(uintptr_t stream) = nullptr;    // our later work waits for what `stream` has
  void (*drain)() = nullptr;                    // waits for every stream of the device
};

void register_device(Device, const DeviceApi*);
struct RegisterDevice {
  RegisterDevice(Device device, const DeviceApi* api) { register_device(device, api); }
};

// The device's table; DeviceError where it cannot be used.
const DeviceApi& device_api(Device);
std::string device_why_not(Device);    // "" where it can be used
bool is_host(Device);                  // whether the host may read its memory: cpu, emu
void* allocate(Device, size_t bytes);  // OutOfMemoryError
void release(Device, void* data, size_t bytes);

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, size_t bytes);
void synchronize(Device);

// float64 has kernels on cpu and emu only: DTypeError for cuda. Asked wherever a user's array is
// made on a device or moved there.
void check_dtype_on(const char* what, DType, Device);

Array to_device(const Array&, Device);  // always a copy
Array to_host(const Array&);            // the array itself where it is on the CPU

// One element, read by the host.
template <class T>
T host_value(const Array& a, int64_t i) {
  T value;
  copy_bytes(&value, Device::cpu, a.ptr<T>() + i, a.device(), sizeof value);
  return value;
}

// What a device reports at an op's end or later: bad accesses, errors of the driver. `evaluate` adds
// the op and the shapes.
struct DeviceFault : DeviceError {
  using DeviceError::DeviceError;
};

// The op that this thread evaluates now, or "".
const char* running_op();

// Runs f as the op `name` on `in`: a failed allocation, and what goes wrong on a device, is reported
// with the name and the shapes.
Arrays run_as(const char* name, const Arrays& in, const std::function<Arrays()>& f);

}  // namespace pygan
