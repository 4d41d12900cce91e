// What a scenario may set before, and look at after.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <vector>

namespace fake {

struct Knobs {
  int driver = 13000, count = 1, current = 0;
  int owner = 0;                       // the GPU that memory is on
  bool built = true;                   // this build has kernels for the GPU
  size_t capacity = size_t{64} << 20;  // bytes of its memory
  cudaError_t sticky = cudaSuccess;    // what every call answers from now on
  int waits = 0;                       // for the whole stream
  std::vector<uintptr_t> ordered;      // streams that were told to wait for an event
};
extern Knobs knobs;
void fail_launch(cudaError_t);  // what the last launch leaves

}  // namespace fake
