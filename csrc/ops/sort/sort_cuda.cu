#include "ops/sort/sort.h"

#include "device/device.h"
#include "ops/sort/merge_device.h"
#include "ops/sort/order.h"

namespace pygan::PYGAN_BACKEND {
namespace {

template <class T>
using Key = vecmath::BitsOf<T>;

// Lines of x, along its middle axis, as items to sort. x (outer, count, inner),
// items (outer inner, count)
template <class T>
PYGAN_KERNEL void make_items(SortArgs a, Item<Key<T>>* items) {
  const T* x = static_cast<const T*>(a.x);
  const Key<T> flip = a.descending ? ~Key<T>(0) : Key<T>(0);
  for (int64_t at = global_thread(); at < a.outer * a.inner * a.count; at += global_threads()) {
    const int64_t line = at / a.count, j = at % a.count;
    const int64_t from = (line / a.inner * a.count + j) * a.inner + line % a.inner;
    items[at] = {ordered(x[from]) ^ flip, j};
  }
}

// The first k of each line. items (outer inner, count), y and index (outer, k, inner)
template <class T>
PYGAN_KERNEL void take_first(SortArgs a, const Item<Key<T>>* items) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  for (int64_t to = global_thread(); to < a.outer * a.k * a.inner; to += global_threads()) {
    const int64_t i = to % a.inner, j = to / a.inner % a.k, o = to / a.inner / a.k;
    const int64_t from = items[(o * a.inner + i) * a.count + j].index;
    y[to] = x[(o * a.count + from) * a.inner + i];
    a.index[to] = from;
  }
}

template <class T>
void sort(const SortArgs& a) {
  const int64_t lines = a.outer * a.inner;
  if (lines * a.k == 0) return;
  auto* items = static_cast<Item<Key<T>>*>(a.workspace);
  launch(make_items<T>, {blocks_for(lines * a.count), kThreads}, a, items);
  items = merge_sort(items, lines, a.count);
  launch(take_first<T>, {blocks_for(lines * a.k), kThreads}, a, items);
}

// One line a thread. largest, largest_index (lines, count / 2 + 1), y (lines), index (lines, 2)
template <class T>
PYGAN_KERNEL void median(MedianArgs a) {
  const int64_t kept = a.count / 2 + 1;
  for (int64_t line = global_thread(); line < a.lines; line += global_threads()) {
    const T* largest = static_cast<const T*>(a.largest) + line * kept;
    const int64_t* index = a.largest_index + line * kept;
    const bool nan = largest[0] != largest[0];
    const int64_t high = nan ? 0 : (a.count - 1) / 2, low = nan ? 0 : a.count / 2;
    static_cast<T*>(a.y)[line] =
        high == low ? largest[high] : (largest[low] + largest[high]) / T(2);
    a.index[2 * line] = index[low];
    a.index[2 * line + 1] = index[high];
  }
}

template <class T>
void run_median(const MedianArgs& a) {
  if (a.lines > 0) launch(median<T>, {blocks_for(a.lines), kThreads}, a);
}

const RegisterDeviceKernel<SortKernel> sort_device{
    [](const SortArgs& a) { PYGAN_BY_FLOAT(a.f64, sort, a); }};
const RegisterDeviceKernel<MedianKernel> median_device{
    [](const MedianArgs& a) { PYGAN_BY_FLOAT(a.f64, run_median, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
