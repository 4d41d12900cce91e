#include "emu/traffic.h"

#include <algorithm>

namespace pygan::emu {
namespace {

constexpr uintptr_t kSector = 32;

// Distinct values of v[0..n), which are sorted on return.
template <class T>
int distinct(T* v, int n) {
  std::sort(v, v + n);
  return static_cast<int>(std::unique(v, v + n) - v);
}

}  // namespace

void Traffic::begin_block(const void* kernel) {
  kernel_ = kernel;
  counters_.clear();
}

void Traffic::access(int thread, Place place, Space space, Kind kind, uintptr_t address,
                     size_t bytes) {
  const uint64_t key = uint64_t{place} << 16 | static_cast<uint64_t>(thread / kWarp) << 8 |
                       static_cast<uint64_t>(space) << 4 | static_cast<uint64_t>(kind);
  const auto [it, fresh] = counters_.try_emplace(key);
  Counter& c = it->second;
  if (fresh) c.place = place, c.space = space, c.kind = kind;
  const int lane = thread % kWarp;
  const uint32_t time = c.times[lane]++;
  if (time == c.groups.size()) c.groups.emplace_back();
  Group& g = c.groups[time];
  g.lanes |= uint32_t{1} << lane;
  g.size[lane] = static_cast<uint8_t>(std::min<size_t>(bytes, 128));
  g.address[lane] = address;
}

void Traffic::event(Place place, Kind kind) {
  rows_[{kernel_, place, Space::shared, kind}].warps += 1;
}

void Traffic::add(Count& count, Space space, const Group& g) {
  const int lanes = __builtin_popcount(g.lanes);
  int size = 0;
  count.warps += 1;
  count.lanes += static_cast<uint64_t>(lanes);
  uintptr_t units[kWarp * 5];
  int n = 0;
  for (int i = 0; i < kWarp; ++i)
    if (g.lanes >> i & 1) {
      count.bytes += g.size[i];
      size = std::max<int>(size, g.size[i]);
    }
  if (space == Space::global) {
    uintptr_t bytes[kWarp];  // what different lanes need: of one address once
    for (int i = 0; i < kWarp; ++i) {
      if (!(g.lanes >> i & 1)) continue;
      bytes[n++] = g.address[i];
    }
    const int different = distinct(bytes, n);
    n = 0;
    for (int i = 0; i < kWarp; ++i) {
      if (!(g.lanes >> i & 1)) continue;
      const uintptr_t last = (g.address[i] + g.size[i] - 1) / kSector;
      for (uintptr_t s = g.address[i] / kSector; s <= last; ++s) units[n++] = s;
    }
    count.sectors += static_cast<uint64_t>(distinct(units, n));
    count.ideal_sectors += (static_cast<uint64_t>(different * size) + kSector - 1) / kSector;
    return;
  }
  const int part = size <= 4 ? kWarp : size <= 8 ? kWarp / 2 : kWarp / 4;
  for (int from = 0; from < kWarp; from += part) {
    n = 0;
    for (int i = from; i < from + part; ++i) {
      if (!(g.lanes >> i & 1)) continue;
      const uintptr_t last = (g.address[i] + g.size[i] - 1) / 4;
      for (uintptr_t w = g.address[i] / 4; w <= last; ++w)
        if (n < kWarp * 5) units[n++] = w;
    }
    if (!n) continue;
    int banks[32] = {}, most = 0;
    const int words = distinct(units, n);
    for (int i = 0; i < words; ++i) most = std::max(most, ++banks[units[i] % 32]);
    count.wavefronts += static_cast<uint64_t>(most);
    count.ideal_wavefronts += static_cast<uint64_t>((words + 31) / 32);
  }
}

void Traffic::end_block() {
  for (const auto& [key, c] : counters_) {
    Count& count = rows_[{kernel_, c.place, c.space, c.kind}];
    for (const Group& g : c.groups) add(count, c.space, g);
  }
  counters_.clear();
}

}  // namespace pygan::emu
