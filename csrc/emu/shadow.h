// What the race detector remembers of memory: of each 4-byte word, or of each of its bytes once they
// were used apart, the last writes and the reads since, of one launch.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "emu/order.h"

namespace pygan::emu {

// Accesses that are not ordered among themselves: one as a rule, which lies in the cell.
struct Accesses {
  Access first;
  uint32_t more = 0;  // index of a list in the pool
};

struct Cell {
  Accesses writes;  // several: atomics
  Accesses reads;
  uint32_t span = 0;   // the launch (or block) that it is about
  uint32_t bytes = 0;  // index of four cells in the pool, once the word was split
};

// Another thread's access that races with the present one.
struct Race {
  Access access;
  int lane = 0;  // of access.warp
  bool write = false;
};

// Lists and split words; all of them are about the present launch.
class CellPool {
 public:
  void clear();
  std::vector<Access>& list(uint32_t& index);  // makes it where index is 0
  const std::vector<Access>* find(uint32_t index) const {
    return index ? &lists_[index - 1] : nullptr;
  }
  Cell* bytes(uint32_t& index, const Cell& word);  // splits where index is 0

 private:
  std::vector<std::vector<Access>> lists_;
  size_t lists_used_ = 0;
  std::vector<std::unique_ptr<Cell[]>> chunks_;
  uint32_t bytes_used_ = 0;
};

// Cells and written bytes of one array of memory.
class Shadow {
 public:
  Shadow(uintptr_t base, size_t bytes, bool written);
  uintptr_t base() const { return base_; }
  size_t size() const { return size_; }

  void mark_written(size_t offset, size_t bytes);
  void mark_unwritten(size_t offset, size_t bytes);
  // The first byte of [offset, offset + bytes) that nobody wrote, or -1
  int64_t first_unwritten(size_t offset, size_t bytes) const;
  bool any_written(size_t offset, size_t bytes) const;

  // Records an access; true, and *race, where it races with one before.
  bool access(size_t offset, size_t bytes, bool write, const Access& now, uint32_t span,
              const Order& order, CellPool& pool, Race* race);

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  uintptr_t base_;
  size_t size_;
  std::unique_ptr<Cell[], Free> cells_;     // of zeros that the system gives when they are touched
  std::unique_ptr<uint8_t[], Free> known_;  // bit i: byte i was written
};

}  // namespace pygan::emu
