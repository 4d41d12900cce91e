// Recycled, 64-byte aligned memory of the CPU. GAN steps ask for the same sizes again and again:
// small blocks are kept by size class, large ones cut from a heap (heap.h). Reached through
// core/device.h.
#pragma once

#include "core/device.h"

namespace pygan {

void* cpu_allocate(size_t bytes);
void cpu_release(void* data, size_t bytes);
MemoryStats cpu_memory_stats();
void cpu_reset_peak();
void cpu_trim();  // gives cached blocks back to the system
void cpu_set_limit(int64_t bytes);

}  // namespace pygan
