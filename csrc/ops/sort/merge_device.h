// A stable merge sort of many lines at once, by unsigned keys. For *_cuda.cu files.
#pragma once

#include "device/device.h"
#include "ops/sort/sort.h"

namespace pygan::PYGAN_BACKEND {
namespace {

template <class Key>
struct Item {
  Key key;
  int64_t index;
};
static_assert(2 * sizeof(Item<uint64_t>) == kSortWorkspace);

// Neighbouring sorted runs of `width` items become runs of 2 width. An item's place is its place in
// its own run plus the number of items of the other run that go before it: those with a smaller key,
// and, for an item of the second run, those with the same key.
// from (lines, n), to (lines, n)
template <class Key>
PYGAN_KERNEL void merge_runs(const Item<Key>* from, Item<Key>* to, int64_t lines, int64_t n,
                             int64_t width) {
  for (int64_t i = global_thread(); i < lines * n; i += global_threads()) {
    const Item<Key> item = from[i];
    const int64_t line = i / n * n, at = i - line;
    const int64_t a = at / (2 * width) * (2 * width), b = a + width;  // where the two runs start
    const bool second = at >= b;
    const Item<Key>* other = from + line + (second ? a : b);
    int64_t low = 0, high = second ? width : greatest<int64_t>(0, least(width, n - b));
    while (low < high) {  // the first `low` go before the item, those from `high` on do not
      const int64_t middle = (low + high) / 2;
      const Key key = other[middle].key;
      if (key < item.key || (second && key == item.key))
        low = middle + 1;
      else
        high = middle;
    }
    to[line + (second ? at - width : at) + low] = item;
  }
}

// Sorts each line of workspace[0]; workspace (2, lines, n). Returns the half where the result is.
template <class Key>
Item<Key>* merge_sort(Item<Key>* workspace, int64_t lines, int64_t n) {
  Item<Key>*from = workspace, *to = workspace + lines * n;
  for (int64_t width = 1; width < n; width *= 2) {
    launch(merge_runs<Key>, {blocks_for(lines * n), kThreads}, from, to, lines, n, width);
    Item<Key>* const swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
