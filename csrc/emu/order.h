// What happened before what inside one block, exactly: a vector clock of each thread over its warp's
// lanes, and a count of block barriers. Barriers order all threads, __syncwarp the lanes of its mask;
// shuffles and votes order nothing, and neither do atomics (device.h has no fences).
#pragma once

#include <cstdint>
#include <cstring>

#include "emu/runtime.h"

namespace pygan::emu {

// Where an access stands: a program counter, from the start of the module, or a Site (symbols.h).
using Place = uint32_t;

// Accesses by lanes of one warp that had the same time: one lane, until reads are merged.
struct Access {
  uint32_t block = 0;  // serial number of the block's run, 0: nobody's
  uint32_t epoch = 0;  // barriers of the block before it
  uint32_t time = 0;   // __syncwarps of the warp before it
  uint32_t lanes = 0;
  Place place = 0;
  uint16_t warp = 0;
  bool atomic = false;

  bool merges(const Access& o) const {
    return block == o.block && epoch == o.epoch && time == o.time && place == o.place &&
           warp == o.warp && atomic == o.atomic;
  }
};

class Order {
 public:
  void begin_block(uint32_t serial, int warps) {
    serial_ = serial;
    epoch_ = 0;
    std::memset(time_, 0, sizeof time_);
    std::memset(known_, 0, sizeof known_[0] * static_cast<size_t>(warps));
  }
  void barrier() { ++epoch_; }
  void sync(int warp, uint32_t mask) {
    const uint32_t now = ++time_[warp];
    uint32_t joined[kWarp] = {};
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      const uint32_t* k = known_[warp][__builtin_ctz(rest)];
      for (int i = 0; i < kWarp; ++i) joined[i] = joined[i] < k[i] ? k[i] : joined[i];
    }
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) joined[i] = now;  // all that the lane did before
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      std::memcpy(known_[warp][__builtin_ctz(rest)], joined, sizeof joined);
  }

  uint32_t serial() const { return serial_; }
  Access now(int thread, Place place, bool atomic) const {
    return {serial_,
            epoch_,
            time_[thread / kWarp],
            uint32_t{1} << thread % kWarp,
            place,
            static_cast<uint16_t>(thread / kWarp),
            atomic};
  }
  // Which lanes of `a` are not ordered before the access `now` of one lane: 0 where all are.
  uint32_t unordered(const Access& a, const Access& now) const {
    if (a.block != now.block) return a.lanes;  // blocks are never ordered
    if (a.epoch != now.epoch) return 0;
    const uint32_t lanes = a.lanes & ~now.lanes;
    if (a.warp != now.warp) return a.lanes;
    if (!lanes) return 0;
    uint32_t found = 0;
    const uint32_t* known = known_[now.warp][__builtin_ctz(now.lanes)];
    for (uint32_t rest = lanes; rest; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      if (a.time >= known[lane]) found |= uint32_t{1} << lane;
    }
    return found;
  }

 private:
  uint32_t serial_ = 0, epoch_ = 0;
  uint32_t time_[kMaxThreads / kWarp];
  // known_[w][i][j]: all that lane j of warp w did before this time happened before lane i's present
  uint32_t known_[kMaxThreads / kWarp][kWarp][kWarp];
};

}  // namespace pygan::emu
