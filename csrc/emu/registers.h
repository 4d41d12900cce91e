// What a lane brings to mma and ldmatrix: its registers.
#pragma once

#include <cstdint>

namespace pygan::emu {

struct MmaRegisters {
  float d[4];
  uint32_t a[4], b[2];
  float c[4];
};

struct LdmatrixRegisters {
  uint32_t d[4];
  const void* row;  // 16 bytes in shared memory
  int count;        // matrices: 1, 2 or 4
  bool transposed;
};

}  // namespace pygan::emu
