#include "core/memory.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace pygan {
namespace {

constexpr size_t kAlign = 64;
constexpr int kClassesPerDouble = 4;  // sizes 2^e (1 + k/4): at most a quarter is lost
constexpr int kClasses = 64 * kClassesPerDouble;

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
  p.stats.cached_bytes = 0;
}

}  // namespace

void* cpu_allocate(size_t bytes) {
  if (bytes > (size_t{1} << 60)) return nullptr;
  int index;
  const size_t size = round_up(bytes, &index);
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  const int64_t live = p.stats.live_bytes + static_cast<int64_t>(size);
  if (p.limit && live > p.limit) return nullptr;
  void* block = nullptr;
  if (!p.free[index].empty()) {
    block = p.free[index].back();
    p.free[index].pop_back();
    p.stats.cached_bytes -= static_cast<int64_t>(size);
  } else {
    block = std::aligned_alloc(kAlign, size);
    if (!block) {
      trim_locked(p);
      block = std::aligned_alloc(kAlign, size);
    }
    if (!block) return nullptr;
  }
  p.stats.live_bytes = live;
  p.stats.live_blocks += 1;
  if (live > p.stats.peak_bytes) p.stats.peak_bytes = live;
  return block;
}

void cpu_release(void* data, size_t bytes) {
  int index;
  const size_t size = round_up(bytes, &index);
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  p.free[index].push_back(data);
  p.stats.cached_bytes += static_cast<int64_t>(size);
  p.stats.live_bytes -= static_cast<int64_t>(size);
  p.stats.live_blocks -= 1;
}

MemoryStats cpu_memory_stats() {
  std::lock_guard lock(pool().mutex);
  return pool().stats;
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
