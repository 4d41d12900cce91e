#include "core/heap.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include <sys/mman.h>
#include <unistd.h>

namespace pygan {

void* Heap::allocate(size_t bytes) {
  const size_t size = round_up(bytes);
  auto best = by_size_.lower_bound({size, nullptr});
  if (best == by_size_.end()) {
    if (!grow(size)) return nullptr;
    best = by_size_.lower_bound({size, nullptr});
  }
  const auto found = free_.find(best->second);
  char* const block = found->first;
  const Range range = take(found);
  const size_t used = std::min(range.used, size);
  cached_ -= used;
  if (range.size > size) add(block + size, {range.size - size, range.used - used});
  return block;
}

void Heap::release(void* block, size_t bytes) {
  const size_t size = round_up(bytes);
  cached_ += size;
  add(static_cast<char*>(block), {size, size});
}

void Heap::trim() {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (auto& [at, range] : free_) {
    const size_t ahead = (page - reinterpret_cast<uintptr_t>(at) % page) % page;
    if (range.size > ahead + page)
      madvise(at + ahead, (range.size - ahead) / page * page, MADV_DONTNEED);
    range.used = 0;
  }
  cached_ = 0;
}

bool Heap::grow(size_t bytes) {
  const size_t wanted = std::max(bytes, kRegion);
  for (const size_t size : {wanted, bytes}) {
    void* const region = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) continue;
#if defined(MADV_HUGEPAGE)
    madvise(region, size, MADV_HUGEPAGE);  // fewer faults at first, fewer misses of the TLB later
#endif
    add(static_cast<char*>(region), {size, 0});
    return true;
  }
  return false;
}

void Heap::add(char* at, Range range) {
  auto next = free_.lower_bound(at);
  if (next != free_.end() && at + range.size == next->first) {
    const Range after = take(next);
    range = {range.size + after.size, range.used + after.used};
    next = free_.lower_bound(at);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second.size == at) {
      at = before->first;
      const Range front = take(before);
      range = {front.size + range.size, front.used + range.used};
    }
  }
  free_.emplace(at, range);
  by_size_.emplace(range.size, at);
}

Heap::Range Heap::take(std::map<char*, Range>::iterator it) {
  const Range range = it->second;
  by_size_.erase({range.size, it->first});
  free_.erase(it);
  return range;
}

}  // namespace pygan
