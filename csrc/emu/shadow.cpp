#include "emu/shadow.h"

#include <cstring>

#include "core/error.h"

namespace pygan::emu {

namespace {
constexpr uint32_t kChunk = 1024;  // split words
}

void CellPool::clear() {
  for (size_t i = 0; i < lists_used_; ++i) lists_[i].clear();
  lists_used_ = 0;
  bytes_used_ = 0;
}

std::vector<Access>& CellPool::list(uint32_t& index) {
  if (!index) {
    if (lists_used_ == lists_.size()) lists_.emplace_back();
    lists_[lists_used_].clear();
    index = static_cast<uint32_t>(++lists_used_);
  }
  return lists_[index - 1];
}

Cell* CellPool::bytes(uint32_t& index, const Cell& word) {
  const bool fresh = index == 0;
  if (fresh) index = ++bytes_used_;
  const uint32_t at = index - 1;
  if (at / kChunk == chunks_.size())
    chunks_.push_back(std::make_unique<Cell[]>(size_t{4} * kChunk));
  Cell* four = &chunks_[at / kChunk][size_t{4} * (at % kChunk)];
  if (fresh)
    for (int i = 0; i < 4; ++i) {
      four[i] = word;
      four[i].bytes = 0;
      for (Accesses Cell::* part : {&Cell::writes, &Cell::reads})
        if (const auto* shared = find((word.*part).more)) {  // each byte has a list of its own
          const std::vector<Access> copy = *shared;
          (four[i].*part).more = 0;
          list((four[i].*part).more) = copy;
        }
    }
  return four;
}

namespace {

// One cell and one access: finds a race, then records the access.
class Step {
 public:
  Step(const Access& now, bool write, const Order& order, CellPool& pool, Race* race)
      : now_(now), write_(write), order_(order), pool_(pool), race_(race) {}

  bool run(Cell& cell) {
    bool found = look(cell.writes, true);
    if (write_) {
      found = look(cell.reads, false) || found;
      if (now_.atomic)
        add(cell.writes);
      else
        set(cell.writes, now_);
      set(cell.reads, {});  // ordered before this write, or just reported
    } else {
      add(cell.reads);
    }
    return found;
  }

 private:
  void set(Accesses& a, const Access& to) {
    a.first = to;
    if (a.more) pool_.list(a.more).clear();
  }
  bool look_at(const Access& a, bool was_write) {
    if (!a.block || (a.atomic && now_.atomic)) return false;
    const uint32_t lanes = order_.unordered(a, now_);
    if (!lanes) return false;
    *race_ = {a, __builtin_ctz(lanes), was_write};
    return true;
  }
  bool look(const Accesses& list, bool was_write) {
    if (look_at(list.first, was_write)) return true;
    if (list.more)
      for (const Access& a : *pool_.find(list.more))
        if (look_at(a, was_write)) return true;
    return false;
  }
  // Keeps the latest accesses: those that happened before the new one say no more than it does. Of
  // another block one is enough, since nothing is ordered with it; so is one of a second warp.
  void add(Accesses& list) {
    Access& first = list.first;
    if (!first.block || (!list.more && !order_.unordered(first, now_))) {
      first = now_;
      return;
    }
    if (first.block != now_.block && first.atomic <= now_.atomic) return;
    if (first.merges(now_)) {
      first.lanes |= now_.lanes;
      return;
    }
    if (!list.more) return pool_.list(list.more).push_back(now_);
    auto& more = pool_.list(list.more);
    size_t kept = 0;
    for (const Access& a : more)
      if (order_.unordered(a, now_)) more[kept++] = a;
    more.resize(kept);
    if (!order_.unordered(first, now_)) {
      first = now_;
      return;
    }
    bool second_warp = false;
    for (Access& a : more) {
      if (a.merges(now_)) {
        a.lanes |= now_.lanes;
        return;
      }
      second_warp |= a.warp != first.warp || a.block != first.block;
    }
    if (now_.warp == first.warp || !second_warp || now_.atomic) more.push_back(now_);
  }

  const Access& now_;
  const bool write_;
  const Order& order_;
  CellPool& pool_;
  Race* race_;
};

template <class T>
T* zeros(size_t count) {
  void* p = std::calloc(count ? count : 1, sizeof(T));
  if (!p) throw OutOfMemoryError("the emulator's checker: out of memory");
  return static_cast<T*>(p);
}

}  // namespace

Shadow::Shadow(uintptr_t base, size_t bytes, bool written)
    : base_(base),
      size_(bytes),
      cells_(zeros<Cell>(bytes / 4 + 1)),
      known_(zeros<uint8_t>(bytes / 8 + 1)) {
  if (written) mark_written(0, bytes);
}

void Shadow::mark_written(size_t offset, size_t bytes) {
  size_t i = offset;
  const size_t end = offset + bytes;
  for (; i < end && i % 8; ++i) known_[i / 8] |= static_cast<uint8_t>(1u << i % 8);
  if (end - i >= 8) {
    std::memset(&known_[i / 8], 0xff, (end - i) / 8);
    i = end / 8 * 8;
  }
  for (; i < end; ++i) known_[i / 8] |= static_cast<uint8_t>(1u << i % 8);
}

void Shadow::mark_unwritten(size_t offset, size_t bytes) {
  for (size_t i = offset; i < offset + bytes; ++i)
    known_[i / 8] &= static_cast<uint8_t>(~(1u << i % 8));
}

int64_t Shadow::first_unwritten(size_t offset, size_t bytes) const {
  for (size_t i = offset; i < offset + bytes; ++i)
    if (!(known_[i / 8] >> i % 8 & 1)) return static_cast<int64_t>(i);
  return -1;
}

bool Shadow::any_written(size_t offset, size_t bytes) const {
  for (size_t i = offset; i < offset + bytes; ++i)
    if (known_[i / 8] >> i % 8 & 1) return true;
  return false;
}

bool Shadow::access(size_t offset, size_t bytes, bool write, const Access& now, uint32_t span,
                    const Order& order, CellPool& pool, Race* race) {
  Step step(now, write, order, pool, race);
  bool found = false;
  for (size_t at = offset; at < offset + bytes;) {
    Cell& cell = cells_[at / 4];
    if (cell.span != span) {
      cell = {};
      cell.span = span;
    }
    const size_t end = std::min(offset + bytes, at / 4 * 4 + 4);
    if (end - at == 4 && !cell.bytes) {
      found = step.run(cell) || found;
    } else {
      Cell* four = pool.bytes(cell.bytes, cell);
      for (size_t i = at; i < end; ++i) found = step.run(four[i % 4]) || found;
    }
    at = end;
  }
  return found;
}

}  // namespace pygan::emu
