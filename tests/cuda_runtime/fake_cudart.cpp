// A stand-in for the CUDA runtime, for a machine without a GPU: "device" memory is the host's, and
// what is put on the stream runs as late as it may, when somebody waits for it. So a copy that reads
// a buffer too late, or an allocation that does not wait for what was freed, shows. Knobs (fake.h)
// make each call fail in the ways that a driver knows.
#include "fake.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>

#include "device/cuda_runtime.h"

namespace fake {

Knobs knobs;

namespace {

std::deque<std::function<void()>> queue;  // of the stream
std::map<void*, size_t> blocks;           // live, also those whose release waits in the queue
size_t used = 0;
cudaError_t last = cudaSuccess;
int stream_object;

void run_all() {
  while (!queue.empty()) {
    auto work = std::move(queue.front());
    queue.pop_front();
    work();
  }
}

cudaError_t answer(cudaError_t error = cudaSuccess) {
  if (knobs.sticky != cudaSuccess) error = knobs.sticky;
  if (error != cudaSuccess) last = error;
  return error;
}

}  // namespace
}  // namespace fake

using fake::answer;
using fake::knobs;

struct CUevent_st {
  bool done = true;
};

extern "C" {

cudaError_t cudaDriverGetVersion(int* v) {
  *v = knobs.driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* v) {
  *v = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* n) {
  *n = knobs.count;
  if (knobs.driver < 13000) return answer(cudaErrorInsufficientDriver);
  return knobs.count ? answer() : answer(cudaErrorNoDevice);
}
cudaError_t cudaSetDevice(int) { return answer(); }
cudaError_t cudaGetDevice(int* d) {
  *d = knobs.current;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  std::strcpy(p->name, "Fake GPU");
  p->major = 7;
  p->minor = 0;
  p->multiProcessorCount = 4;
  p->sharedMemPerBlockOptin = 99 << 10;
  return answer();
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 1;
  return answer();
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
  *a = {};
  a->ptxVersion = 70;
  return answer(knobs.built ? cudaSuccess : cudaErrorNoKernelImageForDevice);
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return answer(); }
cudaError_t cudaStreamCreate(cudaStream_t* s) {
  *s = reinterpret_cast<cudaStream_t>(&fake::stream_object);
  return answer();
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  ++knobs.waits;
  fake::run_all();
  return answer();
}
cudaError_t cudaDeviceSynchronize() { return cudaStreamSynchronize(nullptr); }
cudaError_t cudaStreamQuery(cudaStream_t) {
  if (knobs.sticky != cudaSuccess) return answer();
  return fake::queue.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t, unsigned) {
  knobs.ordered.push_back(reinterpret_cast<uintptr_t>(s));
  return answer();
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
  *pool = reinterpret_cast<cudaMemPool_t>(&fake::stream_object);
  return answer();
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return answer(); }
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  *static_cast<uint64_t*>(value) = fake::used;
  return answer();
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return answer(); }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = knobs.capacity - fake::used;
  *total = knobs.capacity;
  return answer();
}
cudaError_t cudaMallocFromPoolAsync(void** data, size_t bytes, cudaMemPool_t, cudaStream_t) {
  if (fake::used + bytes > knobs.capacity) return answer(cudaErrorMemoryAllocation);
  *data = std::malloc(bytes);
  std::memset(*data, 0xFF, bytes);
  fake::blocks[*data] = bytes;
  fake::used += bytes;
  return answer();
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t) {
  if (knobs.sticky != cudaSuccess) return answer();
  fake::queue.push_back([data] {
    const auto it = fake::blocks.find(data);
    if (it == fake::blocks.end()) std::abort();
    fake::used -= it->second;
    fake::blocks.erase(it);
    std::free(data);
  });
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  *data = std::malloc(bytes);
  return answer();
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  if (answer() != cudaSuccess) return knobs.sticky;
  const auto a = reinterpret_cast<uintptr_t>(to), b = reinterpret_cast<uintptr_t>(from);
  const bool overlap = a < b + bytes && b < a + bytes;  // what that gives is not defined
  fake::queue.push_back(
      [=] { overlap ? std::memset(to, 0xEE, bytes) : std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* data) {
  *a = {};
  const bool ours = fake::blocks.contains(const_cast<void*>(data));
  a->type = ours ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  a->device = knobs.owner;
  return answer();
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  if (answer() != cudaSuccess) return knobs.sticky;
  fake::queue.push_back([=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) {
  *e = new CUevent_st;
  return answer();
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return answer(); }
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) {
  e->done = false;
  fake::queue.push_back([e] { e->done = true; });
  return answer();
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {  // no further than the event
  while (!e->done && !fake::queue.empty()) {
    auto work = std::move(fake::queue.front());
    fake::queue.pop_front();
    work();
  }
  return answer();
}
cudaError_t cudaGetLastError() {
  const cudaError_t error = fake::last;
  fake::last = knobs.sticky;
  return error;
}
cudaError_t cudaPeekAtLastError() { return fake::last; }
const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    default:
      return "cudaErrorOther";
  }
}
const char* cudaGetErrorString(cudaError_t) { return "a text"; }

}  // extern "C"

namespace fake {
void fail_launch(cudaError_t error) { last = error; }
}  // namespace fake

namespace pygan::cuda {

template <class T>
void fill(void* y, T value, size_t n) {
  fake::queue.push_back([=] {
    for (size_t i = 0; i < n; ++i) static_cast<T*>(y)[i] = value;
  });
}
void fill32(void* y, uint32_t value, size_t n) { fill(y, value, n); }
void fill64(void* y, uint64_t value, size_t n) { fill(y, value, n); }
const void* any_kernel() { return &fake::stream_object; }

}  // namespace pygan::cuda
