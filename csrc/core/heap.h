// Heap: large blocks of the CPU's memory. The free range that fits best is cut, and neighbours that
// are free are one range again: a step's arrays of many sizes come to lie in little more memory than
// is live at its worst moment. Address space comes from the system a gigabyte at a time; it costs
// memory only where it was written.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace pygan {

class Heap {
 public:
  void* allocate(size_t bytes);  // aligned to kGrain; nullptr where the system has no more
  void release(void* block, size_t bytes);
  void trim();  // gives the free ranges' memory back to the system
  size_t cached_bytes() const { return cached_; }  // free, but never given back

 private:
  static constexpr size_t kGrain = 64;
  static constexpr size_t kRegion = size_t{1} << 30;
  struct Range {
    size_t size;
    size_t used;  // of its first bytes, about so many were written since they came from the system
  };

  static size_t round_up(size_t bytes) { return (bytes + kGrain - 1) / kGrain * kGrain; }
  bool grow(size_t bytes);
  void add(char* at, Range range);  // joined with its neighbours
  Range take(std::map<char*, Range>::iterator);

  std::map<char*, Range> free_;
  std::set<std::pair<size_t, char*>> by_size_;
  size_t cached_ = 0;
};

}  // namespace pygan
