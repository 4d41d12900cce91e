#include "emu/memory.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "emu/guard.h"
#include "emu/runtime.h"
#include "emu/sanitizers.h"

namespace pygan::emu {
namespace {

constexpr unsigned char kCanary = 0xCA, kUnwritten = 0xFF;

struct Registry {
  std::shared_mutex mutex;
  std::map<const char*, MemoryBlock> blocks;  // by data; nodes do not move
  std::atomic<uint64_t> generation{1};  // grows with every release: cached answers are then void
  uint64_t next_id = 1;
  MemoryStats stats;
  int64_t limit = 0;
  std::string found;  // damage seen at a release, for the op that runs
};

Registry& registry() {  // never destroyed: static arrays may be released after it would be
  static auto* r = new Registry;
  return *r;
}

// The last answers of a thread, by address.
struct Cache {
  static constexpr size_t kEntries = 8;
  uint64_t generation = 0;
  const MemoryBlock* blocks[kEntries] = {};
  size_t next = 0;
};
thread_local Cache cache;

bool covers(const MemoryBlock& b, const char* p) {
  return p >= b.data - kRedZone && p < b.data + b.size + kRedZone;
}

std::string bytes_text(size_t n) { return std::to_string(n) + (n == 1 ? " byte" : " bytes"); }

std::string text(const MemoryBlock& b) {
  return "block " + std::to_string(b.id) + " (" + bytes_text(b.size) +
         (b.made_by.empty() ? "" : ", made by " + b.made_by) + ")";
}

std::string place(const MemoryBlock& b, const char* p) {
  if (p < b.data)
    return bytes_text(static_cast<size_t>(b.data - p)) + " before the start of " + text(b);
  const auto at = static_cast<size_t>(p - b.data);
  if (at >= b.size) return bytes_text(at - b.size) + " past the end of " + text(b);
  return "byte " + std::to_string(at) + " of " + text(b);
}

// What was written in the block's red zones, which are repaired; "" where nothing was.
std::string damage(const MemoryBlock& b) {
  if (kAddressSanitizer) return "";  // it has stopped at the access
  char* const zones[2] = {const_cast<char*>(b.data) - kRedZone, const_cast<char*>(b.data) + b.size};
  std::string found;
  for (char* zone : zones) {
    size_t first = kRedZone, count = 0;
    for (size_t i = 0; i < kRedZone; ++i)
      if (static_cast<unsigned char>(zone[i]) != kCanary) {
        if (count++ == 0) first = i;
      }
    if (count == 0) continue;
    if (found.empty())
      found =
          "out-of-bounds write of " + bytes_text(count) + ", the first " + place(b, zone + first);
    std::memset(zone, kCanary, kRedZone);
  }
  return found;
}

const MemoryBlock* find_locked(Registry& r, const char* p) {
  // The one block whose data begins last before the end of p's possible front red zone.
  auto it = r.blocks.upper_bound(p + kRedZone);
  for (int k = 0; k < 2 && it != r.blocks.begin(); ++k)
    if (covers((--it)->second, p)) return &it->second;
  return nullptr;
}

void throw_found() {
  Registry& r = registry();
  std::string found;
  {
    std::unique_lock lock(r.mutex);
    found.swap(r.found);
  }
  if (!found.empty()) throw DeviceFault(found);
}

size_t whole_block(size_t bytes) {
  return (kRedZone + bytes + kRedZone + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void* allocate(size_t bytes) {
  if (bytes > (size_t{1} << 60)) return nullptr;
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  const int64_t live = r.stats.live_bytes + static_cast<int64_t>(bytes);
  if (r.limit && live > r.limit) return nullptr;
  const OpenMemory open;
  char* memory = static_cast<char*>(take_memory(whole_block(bytes)));
  if (!memory) return nullptr;
  char* data = memory + kRedZone;
  std::memset(memory, kCanary, kRedZone);
  std::memset(data, kUnwritten, bytes);
  std::memset(data + bytes, kCanary, kRedZone);
  forbid(memory, kRedZone);
  forbid(data + bytes, kRedZone);
  r.blocks[data] = {r.next_id++, data, bytes, running_op(), nullptr};
  r.stats.live_bytes = live;
  r.stats.live_blocks += 1;
  if (live > r.stats.peak_bytes) r.stats.peak_bytes = live;
  return data;
}

void release(void* data, [[maybe_unused]] size_t bytes) {
  Registry& r = registry();
  std::string found;
  {
    std::unique_lock lock(r.mutex);
    const auto it = r.blocks.find(static_cast<char*>(data));
    if (it == r.blocks.end()) {
      std::fprintf(stderr, "pygan emu: release of memory that is not a live block\n");
      std::abort();
    }
    const OpenMemory open;
    found = damage(it->second);
    r.stats.live_bytes -= static_cast<int64_t>(it->second.size);
    r.stats.live_blocks -= 1;
    r.generation.fetch_add(1, std::memory_order_release);
    r.blocks.erase(it);
    if (!found.empty() && *running_op()) {  // a workspace: the op's end throws
      if (r.found.empty()) r.found = found;
      found.clear();
    }
  }
  allow(static_cast<char*>(data) - kRedZone, bytes + 2 * kRedZone);
  give_memory(static_cast<char*>(data) - kRedZone, whole_block(bytes));
  if (found.empty()) return;
  std::fprintf(stderr, "pygan emu: %s; found at its release, outside of any op\n", found.c_str());
  std::abort();
}

const MemoryBlock* find_block(const void* address) {
  Registry& r = registry();
  const char* p = static_cast<const char*>(address);
  const uint64_t now = r.generation.load(std::memory_order_acquire);
  if (cache.generation != now) cache = Cache{.generation = now};
  for (const MemoryBlock* b : cache.blocks)
    if (b && covers(*b, p)) return b;
  std::shared_lock lock(r.mutex);
  const MemoryBlock* b = find_locked(r, p);
  if (b && r.generation.load(std::memory_order_relaxed) == now)
    cache.blocks[cache.next++ % Cache::kEntries] = b;
  return b;
}

const MemoryBlock* nearest_block(const void* address) {
  Registry& r = registry();
  const char* p = static_cast<const char*>(address);
  std::shared_lock lock(r.mutex);
  const auto above = r.blocks.lower_bound(p);
  const MemoryBlock* found = above == r.blocks.end() ? nullptr : &above->second;
  if (above == r.blocks.begin()) return found;
  const MemoryBlock& below = std::prev(above)->second;
  return found && found->data - p < p - (below.data + below.size) ? found : &below;
}

uint64_t blocks_made() {
  std::shared_lock lock(registry().mutex);
  return registry().next_id - 1;
}

std::string block_text(const MemoryBlock& b) { return text(b); }

std::string describe(const void* address) {
  const MemoryBlock* b = find_block(address);
  return b ? place(*b, static_cast<const char*>(address)) : std::string();
}

void check_red_zones() {
  throw_found();
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  const OpenMemory open;
  for (const auto& [data, block] : r.blocks) {
    const std::string found = damage(block);
    if (!found.empty()) throw DeviceFault(found);
  }
}

void check_red_zones(const void* data) {
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  const auto it = r.blocks.find(static_cast<const char*>(data));
  if (it == r.blocks.end()) return;  // borrowed memory
  const OpenMemory open;
  const std::string found = damage(it->second);
  if (!found.empty()) throw DeviceFault(found);
}

MemoryStats memory_stats() {
  std::shared_lock lock(registry().mutex);
  return registry().stats;
}

void reset_peak() {
  std::unique_lock lock(registry().mutex);
  registry().stats.peak_bytes = registry().stats.live_bytes;
}

void set_limit(int64_t bytes) {
  std::unique_lock lock(registry().mutex);
  registry().limit = bytes;
}

namespace {

const DeviceApi kEmu = {
    .why_not = [] { return std::string(); },
    .allocate = &allocate,
    .release = &release,
    .copy =
        [](void* to, bool, const void* from, bool, size_t bytes) {
          if (to == from) return;
          if (find_block(to))
            copy_in(to, from, bytes);  // counts as written
          else
            copy_out(to, from, bytes);
        },
    .fill =
        [](void* data, const void* value, size_t item, size_t count) {
          char pattern[4096];
          const size_t whole = item * count;
          for (size_t at = 0; at < sizeof pattern && at < whole; at += item)
            std::memcpy(pattern + at, value, item);
          for (size_t at = 0; at < whole; at += sizeof pattern)
            copy_in(static_cast<char*>(data) + at, pattern, std::min(sizeof pattern, whole - at));
        },
    .synchronize = [] { check_red_zones(); },
    .finish =
        [](const Arrays& in, const Arrays& out) {
          for (const Arrays* list : {&in, &out})
            for (const Array& a : *list)
              if (a.has_data()) check_red_zones(a.storage()->data);
          throw_found();
        },
    .memory_stats = &memory_stats,
    .reset_peak = &reset_peak,
    .trim = [] {},
    .set_limit = &set_limit,
};
const RegisterDevice register_emu{Device::emu, &kEmu};

}  // namespace
}  // namespace pygan::emu
