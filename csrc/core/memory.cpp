#include "core/memory.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "core/heap.h"

namespace pygan {
namespace {

constexpr size_t kAlign = 64;
constexpr int kClassesPerDouble = 4;  // sizes 2^e (1 + k/4): at most a quarter is lost
constexpr int kClasses = 64 * kClassesPerDouble;
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kLarge = ~size_t{0};  // every block is the system's, with red zones around it
#else
constexpr size_t kLarge = size_t{1} << 18;  // from here on blocks come from the heap
#endif

// Size class of a request, and that class's size. Requests up to 64 bytes share class 0.
size_t round_up(size_t bytes, int* index) {
  if (bytes <= kAlign) {
    *index = 0;
    return kAlign;
  }
  const int e = std::bit_width(bytes - 1) - 1;  // 2^e < bytes <= 2^(e+1)
  const size_t step = (size_t{1} << e) / kClassesPerDouble;
  const size_t k = (bytes - (size_t{1} << e) + step - 1) / step;  // 1..4
  *index = e * kClassesPerDouble + static_cast<int>(k);
  return ((size_t{1} << e) + k * step + kAlign - 1) / kAlign * kAlign;
}

struct Pool {
  std::mutex mutex;
  std::vector<void*> free[kClasses];
  Heap heap;
  MemoryStats stats;
  int64_t limit = 0;
};

// Never destroyed: arrays held by other static objects may be released after it would be.
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}

void trim_locked(Pool& p) {
  for (auto& blocks : p.free) {
    for (void* b : blocks) std::free(b);
    blocks.clear();
  }
  p.heap.trim();
  p.stats.cached_bytes = 0;
}

void* from_heap(Pool& p, size_t bytes) {
  void* block = p.heap.allocate(bytes);
  if (!block) {  // memory of small blocks may be what lacks
    trim_locked(p);
    block = p.heap.allocate(bytes);
  }
  return block;
}

void* from_class(Pool& p, size_t size, int index) {
  if (!p.free[index].empty()) {
    void* const block = p.free[index].back();
    p.free[index].pop_back();
    p.stats.cached_bytes -= static_cast<int64_t>(size);
    return block;
  }
  void* block = std::aligned_alloc(kAlign, size);
  if (!block) {
    trim_locked(p);
    block = std::aligned_alloc(kAlign, size);
  }
  return block;
}

}  // namespace

void* cpu_allocate(size_t bytes) {
  if (bytes > (size_t{1} << 60)) return nullptr;
  int index = 0;
  const bool large = bytes >= kLarge;
  const size_t size = large ? bytes : round_up(bytes, &index);
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  const int64_t live = p.stats.live_bytes + static_cast<int64_t>(size);
  if (p.limit && live > p.limit) return nullptr;
  void* const block = large ? from_heap(p, size) : from_class(p, size, index);
  if (!block) return nullptr;
  p.stats.live_bytes = live;
  p.stats.live_blocks += 1;
  if (live > p.stats.peak_bytes) p.stats.peak_bytes = live;
  return block;
}

void cpu_release(void* data, size_t bytes) {
  int index = 0;
  const bool large = bytes >= kLarge;
  const size_t size = large ? bytes : round_up(bytes, &index);
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  if (large) {
    p.heap.release(data, size);
  } else {
    p.free[index].push_back(data);
    p.stats.cached_bytes += static_cast<int64_t>(size);
  }
  p.stats.live_bytes -= static_cast<int64_t>(size);
  p.stats.live_blocks -= 1;
}

MemoryStats cpu_memory_stats() {
  std::lock_guard lock(pool().mutex);
  MemoryStats stats = pool().stats;
  stats.cached_bytes += static_cast<int64_t>(pool().heap.cached_bytes());
  return stats;
}

void cpu_reset_peak() {
  std::lock_guard lock(pool().mutex);
  pool().stats.peak_bytes = pool().stats.live_bytes;
}

void cpu_trim() {
  std::lock_guard lock(pool().mutex);
  trim_locked(pool());
}

void cpu_set_limit(int64_t bytes) {
  std::lock_guard lock(pool().mutex);
  pool().limit = bytes;
}

}  // namespace pygan
