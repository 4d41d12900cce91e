// A stable merge sort of many lines at once, by unsigned keys. For kernel files only.
#pragma once

#include <cstdint>

#include "core/parallel.h"
#include "ops/sort/sort.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class Key>
struct Item {
  Key key;
  int64_t index;
};
static_assert(2 * sizeof(Item<uint64_t>) == kSortWorkspace);

constexpr int64_t kSortRun = 16;         // items that insertion sorts
constexpr int64_t kSortGrain = 1 << 13;  // items worth a second thread

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// The first `limit` of a (na) and b (nb), both sorted; equal keys: a's first.
template <class Key>
void merge(const Item<Key>* a, int64_t na, const Item<Key>* b, int64_t nb, int64_t limit,
           Item<Key>* to) {
  int64_t i = 0, j = 0, k = 0;
  while (i < na && j < nb && k < limit) {
    const bool second = b[j].key < a[i].key;
    to[k++] = second ? b[j] : a[i];
    i += !second;
    j += second;
  }
  while (i < na && k < limit) to[k++] = a[i++];
  while (j < nb && k < limit) to[k++] = b[j++];
}

// items (n), scratch (n)
template <class Key>
void sort_piece(Item<Key>* items, Item<Key>* scratch, int64_t n) {
  for (int64_t run = 0; run < n; run += kSortRun) {
    const int64_t end = least(n, run + kSortRun);
    for (int64_t i = run + 1; i < end; ++i) {
      const Item<Key> moving = items[i];
      int64_t at = i;
      for (; at > run && moving.key < items[at - 1].key; --at) items[at] = items[at - 1];
      items[at] = moving;
    }
  }
  Item<Key>*from = items, *to = scratch;
  for (int64_t width = kSortRun; width < n; width *= 2) {
    for (int64_t a = 0; a < n; a += 2 * width) {
      const int64_t b = least(n, a + width), end = least(n, b + width);
      merge(from + a, b - a, from + b, end - b, n, to + a);
    }
    Item<Key>* const swapped = from;
    from = to;
    to = swapped;
  }
  if (from != items) __builtin_memcpy(items, from, static_cast<size_t>(n) * sizeof(Item<Key>));
}

// Sorts each of `lines` lines of n keys, key(line, j) for item j, as far as its first `limit`
// items: line l of the result starts at l n. workspace (2, lines, n)
template <class Key, class KeyOf>
const Item<Key>* sort_lines(int64_t lines, int64_t n, int64_t limit, void* workspace, KeyOf key) {
  Item<Key>* from = static_cast<Item<Key>*>(workspace);
  Item<Key>* to = from + lines * n;
  const int64_t pieces = (n + kSortPiece - 1) / kSortPiece;
  const int64_t piece = least(n, kSortPiece);
  parallel_ranges(lines * pieces, piece < kSortGrain ? kSortGrain / piece : 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t task = begin; task < end; ++task) {
                      const int64_t line = task / pieces, first = task % pieces * kSortPiece;
                      const int64_t count = least(kSortPiece, n - first);
                      Item<Key>* items = from + line * n + first;
                      for (int64_t j = 0; j < count; ++j)
                        items[j] = {key(line, first + j), first + j};
                      sort_piece(items, to + line * n + first, count);
                    }
                  });
  for (int64_t width = kSortPiece; width < n; width *= 2) {
    const int64_t pairs = (n + 2 * width - 1) / (2 * width);
    parallel_ranges(lines * pairs, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t a = task % pairs * 2 * width, line = task / pairs * n;
        const int64_t b = least(n, a + width);
        const int64_t na = least(limit, b - a), nb = least(limit, least(width, n - b));
        merge(from + line + a, na, from + line + b, nb, limit, to + line + a);
      }
    });
    Item<Key>* const swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
