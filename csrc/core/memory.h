// Recycled, 64-byte aligned memory of the CPU, by size class. GAN steps ask for the same sizes
// again and again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pygan {

void* cpu_allocate(size_t bytes);  // nullptr when the system has none; never nullptr for 0 bytes
void cpu_release(void* data, size_t bytes);

struct MemoryStats {
  int64_t live_bytes = 0, live_blocks = 0, cached_bytes = 0, peak_bytes = 0;
};
MemoryStats memory_stats();
void reset_peak_memory();
void trim_memory();  // gives cached blocks back to the system
// Allocations beyond `bytes` of live memory fail: how tests run out of memory. 0: no limit.
void set_memory_limit(int64_t bytes);

}  // namespace pygan
