// The host side of device `cuda`: one stream, copies, launch checks. Every CUDA error becomes a typed
// error. Defined in device/cuda_runtime.cu, copies in device/cuda_copy.cu.
//
// The stream is a blocking one: what other libraries put on the legacy default stream before a call
// is done before pygan's work, and sees pygan's work that was there before it. A stream of its own can
// be captured in a CUDA graph, which the legacy default stream cannot.
//
// Errors. One of a call (a launch that asks for too much) is thrown there and leaves everything as it
// was. One of a kernel (an illegal address) is seen at a later call, or at the launch with
// PYGAN_SYNC=1, and ends the use of the GPU in this process: CUDA keeps no memory after it. Device
// `cuda` then says so at every use, and the process can save what is on the host, go on on the CPU, or
// exit.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace pygan::cuda {

cudaStream_t stream();  // pygan's, ordered with the legacy default stream

void copy_to_device(void* device, const void* host, size_t bytes);
void copy_to_host(void* host, const void* device, size_t bytes);  // waits

// Lets a kernel have more dynamic shared memory than the 48 KiB that need no asking.
void allow_shared(const void* kernel, size_t bytes);
// After a launch: throws what it left; with PYGAN_SYNC=1 waits for the kernel first.
void check_launch(const char* file, int line);

// DeviceFault unless `error` is cudaSuccess. `what`: "copy to the GPU"
void check(cudaError_t error, const char* what);
std::string describe(
    cudaError_t error);  // "an illegal memory access was encountered (cudaErrorIllegalAddress)"

// 90, ...: the architecture that the running kernels were compiled for
int kernel_architecture();

// cuda_fill.cu
void fill32(void* y /* (n) */, uint32_t value, size_t n);
void fill64(void* y /* (n) */, uint64_t value, size_t n);
const void* any_kernel();

}  // namespace pygan::cuda
