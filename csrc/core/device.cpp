#include "core/device.h"

#include <array>
#include <cstring>

#include "core/memory.h"

namespace pygan {
namespace {

const DeviceApi kCpu = {
    .why_not = [] { return std::string(); },
    .allocate = &cpu_allocate,
    .release = &cpu_release,
    .copy = [](void* to, bool, const void* from, bool,
               size_t bytes) { std::memmove(to, from, bytes); },
    .fill =
        [](void* data, const void* value, size_t item, size_t count) {
          const auto repeat = [&]<class T>(T v) {
            std::memcpy(&v, value, sizeof v);
            T* p = static_cast<T*>(data);
            for (size_t i = 0; i < count; ++i) p[i] = v;
          };
          if (item == 1)
            std::memset(data, *static_cast<const uint8_t*>(value), count);
          else if (item == 4)
            repeat(uint32_t{});
          else
            repeat(uint64_t{});
        },
    .synchronize = [] {},
    .finish = [](const Arrays&, const Arrays&) {},
    .memory_stats = &cpu_memory_stats,
    .reset_peak = &cpu_reset_peak,
    .trim = &cpu_trim,
    .set_limit = &cpu_set_limit,
};

using Table = std::array<const DeviceApi*, kDevices>;

Table& table() {  // devices register before main, in any order
  static Table t = [] {
    Table cpu{};
    cpu[static_cast<size_t>(Device::cpu)] = &kCpu;
    return cpu;
  }();
  return t;
}

}  // namespace

void register_device(Device d, const DeviceApi* api) { table()[static_cast<size_t>(d)] = api; }

std::string device_why_not(Device d) {
  const DeviceApi* api = table()[static_cast<size_t>(d)];
  return api ? api->why_not() : "this build has no CUDA kernels: " PYGAN_CUDA_WHY;
}

const DeviceApi& device_api(Device d) {
  if (d == Device::cpu) return kCpu;
  const std::string why = device_why_not(d);
  if (!why.empty())
    throw DeviceError(std::string("device '") + name(d) + "' cannot be used: " + why +
                      "; see `pygan doctor`");
  return *table()[static_cast<size_t>(d)];
}

void* allocate(Device d, size_t bytes) {
  void* data = device_api(d).allocate(bytes);
  if (!data)
    throw OutOfMemoryError("out of memory: cannot allocate " + std::to_string(bytes) +
                           " bytes of workspace on " + name(d));
  return data;
}

void release(Device d, void* data, size_t bytes) {
  table()[static_cast<size_t>(d)]->release(data, bytes);
}

bool is_host(Device d) { return d != Device::cuda; }

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, size_t bytes) {
  if (bytes == 0) return;
  const Device d = is_host(to_device) && from_device != Device::cpu ? from_device : to_device;
  device_api(d).copy(to, is_host(to_device), from, is_host(from_device), bytes);
}

void synchronize(Device d) { device_api(d).synchronize(); }

void check_dtype_on(const char* what, DType dtype, Device device) {
  if (dtype == DType::f64 && device == Device::cuda)
    throw DTypeError(std::string(what) +
                     ": float64 is for cpu and emu; on cuda use float32 (convert with astype)");
}

Array to_device(const Array& a, Device device) {
  check_dtype_on("to", a.dtype(), device);
  Array b = Array::empty(a.shape(), a.dtype(), device);
  copy_bytes(b.mutable_data(), device, a.data(), a.device(), static_cast<size_t>(a.bytes()));
  return b;
}

Array to_host(const Array& a) { return a.device() == Device::cpu ? a : to_device(a, Device::cpu); }

}  // namespace pygan
