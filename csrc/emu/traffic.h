// How the memory accesses of a warp fall together, as a GPU would issue them: the n-th access of each
// lane at one program counter is one access of the warp.
//
//   sectors     distinct aligned 32-byte pieces of global memory that it touches; ideal: as few as
//               would hold the bytes that it needs
//   wavefronts  passes over shared memory's 32 banks of 4 bytes: lanes of one pass agree on a word or
//               differ in the bank. 8-byte accesses go by half warps, 16-byte ones by quarters, so
//               that the ideal is 1, 2 and 4. What is more are bank conflicts.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "emu/order.h"

namespace pygan::emu {

enum class Space : uint8_t { shared, global };
enum class Kind : uint8_t { read, write, atomic, async_copy, barrier, warp_sync };

struct Count {
  uint64_t warps = 0;  // accesses of warps; barriers: of blocks; __syncwarps: of warps
  uint64_t lanes = 0;  // accesses of threads
  uint64_t bytes = 0;
  uint64_t sectors = 0, ideal_sectors = 0;
  uint64_t wavefronts = 0, ideal_wavefronts = 0;
};

struct RowKey {
  const void* kernel;
  Place place;
  Space space;
  Kind kind;
  auto operator<=>(const RowKey&) const = default;
};

class Traffic {
 public:
  void begin_block(const void* kernel);
  void access(int thread, Place, Space, Kind, uintptr_t address, size_t bytes);
  void event(Place, Kind);  // a barrier
  void end_block();
  const std::map<RowKey, Count>& rows() const { return rows_; }

 private:
  struct Group {  // one access of a warp
    uint32_t lanes = 0;
    uint8_t size[kWarp];
    uintptr_t address[kWarp];
  };
  struct Counter {  // one program counter in one warp
    Place place;
    Space space;
    Kind kind;
    uint32_t times[kWarp] = {};
    std::vector<Group> groups;  // by occurrence
  };
  static void add(Count&, Space, const Group&);

  const void* kernel_ = nullptr;
  std::unordered_map<uint64_t, Counter> counters_;  // of the block, by warp, place, space, kind
  std::map<RowKey, Count> rows_;
};

}  // namespace pygan::emu
