#include "ops/sort/sort.h"

#include "core/vecmath.h"
#include "ops/sort/merge.h"
#include "ops/sort/order.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T>
void sort_of(const SortArgs& a) {
  using Key = vecmath::BitsOf<T>;
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const Key flip = a.descending ? ~Key(0) : Key(0);
  const int64_t lines = a.outer * a.inner;
  const auto key = [&](int64_t line, int64_t j) -> Key {
    const int64_t at = (line / a.inner * a.count + j) * a.inner + line % a.inner;
    return ordered(x[at]) ^ flip;
  };
  const Item<Key>* sorted = sort_lines<Key>(lines, a.count, a.k, a.workspace, key);
  const int64_t grain = a.k < kSortGrain ? kSortGrain / a.k : 1;
  parallel_ranges(lines, grain, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t outer = line / a.inner, i = line % a.inner;
      for (int64_t j = 0; j < a.k; ++j) {
        const int64_t from = sorted[line * a.count + j].index;
        const int64_t to = (outer * a.k + j) * a.inner + i;
        y[to] = x[(outer * a.count + from) * a.inner + i];
        a.index[to] = from;
      }
    }
  });
}

template <class T>
void median_of(const MedianArgs& a) {
  const int64_t kept = a.count / 2 + 1;
  T* y = static_cast<T*>(a.y);
  for (int64_t line = 0; line < a.lines; ++line) {
    const T* largest = static_cast<const T*>(a.largest) + line * kept;
    const int64_t* index = a.largest_index + line * kept;
    const bool nan = largest[0] != largest[0];
    const int64_t high = nan ? 0 : (a.count - 1) / 2, low = nan ? 0 : a.count / 2;
    y[line] = high == low ? largest[high] : (largest[low] + largest[high]) / T(2);
    a.index[2 * line] = index[low];
    a.index[2 * line + 1] = index[high];
  }
}

}  // namespace

void sort_axis(const SortArgs& args) { args.f64 ? sort_of<double>(args) : sort_of<float>(args); }

void sort_median(const MedianArgs& args) {
  args.f64 ? median_of<double>(args) : median_of<float>(args);
}

}  // namespace pygan::PYGAN_ISA
