// Memory of device `emu`: host memory that shows mistakes. Each block lies alone between two red
// zones of known bytes, is filled with 0xFF (NaN, -1, 255) before anybody writes it, and is listed,
// so that any address can be told what it belongs to.
//
//     | red zone 256 | data: size bytes | red zone 256 |       data is aligned to 256
//
// A red zone that was written is found when its block is an input or output of an op that ends
// (DeviceFault, which names the op), at the block's release (thrown at the end of the op that runs,
// as an abort outside of any), at synchronize(), and by check_red_zones().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/device.h"

namespace pygan::emu {

constexpr size_t kRedZone = 256;    // bytes before and after each block
constexpr size_t kAlignment = 256;  // as cudaMalloc's

struct MemoryBlock {
  uint64_t id;                           // 1, 2, ... in the order of allocation
  const char* data;                      // (size)
  size_t size;                           // bytes
  std::string made_by;                   // the op that ran when it was allocated, or ""
  mutable std::shared_ptr<void> shadow;  // the checker's, freed with the block
};

void* allocate(size_t bytes);  // nullptr beyond the limit, or where the system has none
void release(void* data, size_t bytes);

// The live block in whose data or red zones the address lies; nullptr for other memory. Valid while
// the block lives. Quick where a thread asks for the same blocks again and again.
const MemoryBlock* find_block(const void* address);
// The live block nearest to the address; nullptr where there is none.
const MemoryBlock* nearest_block(const void* address);
uint64_t blocks_made();                      // so far: a block made later has a greater id
std::string block_text(const MemoryBlock&);  // "block 7 (64 bytes, made by conv2d)"
// "12 bytes past the end of block 7 (64 bytes, made by conv2d)"; "" for an address of no block.
std::string describe(const void* address);

// DeviceFault naming the first damaged block and where; it is repaired, so that each mistake is
// reported once.
void check_red_zones();
void check_red_zones(const void* data);  // of one block

MemoryStats memory_stats();
void reset_peak();
void set_limit(int64_t bytes);

}  // namespace pygan::emu
