// The host side of device `cuda`: one stream, copies, launch checks. Every CUDA error becomes a typed
// error. Defined in device/cuda_runtime.cu.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace pygan::cuda {

cudaStream_t stream();  // pygan's, ordered with the legacy default stream

void copy_to_device(void* device, const void* host, size_t bytes);
void copy_to_host(void* host, const void* device, size_t bytes);  // waits

// Lets a kernel have more dynamic shared memory than the 48 KiB that need no asking.
void allow_shared(const void* kernel, size_t bytes);
// After a launch: throws what it left; with PYGAN_SYNC=1 waits for the kernel first.
void check_launch(const char* file, int line);

}  // namespace pygan::cuda
