// Where device memory of `emu` comes from, and whether the host may touch it.
//
// A GPU answers a host pointer's access to its memory with a fault; the emulator's memory is the
// host's. With PYGAN_EMU_GUARD=1 it lies in pages of its own, which are closed but for launches and
// copies: host code that reads an array by its pointer ends the process, and a line says where.
#pragma once

#include <cstddef>

namespace pygan::emu {

void* take_memory(size_t bytes);  // aligned to kAlignment; nullptr where the system has none
void give_memory(void* memory, size_t bytes);

// While one lives, device memory is open: in launches, copies and the emulator's own checks.
class OpenMemory {
 public:
  OpenMemory();
  ~OpenMemory();
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace pygan::emu
