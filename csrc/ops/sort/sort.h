// Order along an axis.
//
//   op       y                                                     vjp
//   sort     x in ascending or descending order, and where from    scatter_add_along_axis(dy, index)
//   topk     the first k of that                                   the same
//   median   the middle value, or the mean of the middle two       dy / 2 to each of the two places
//
//   sort, topk  x (..., n, ...) -> values, int64 indices (..., k, ...), k = n for sort
//   median      x (lines, n) -> values (lines), int64 indices (lines, 2), twice the same for odd n
//
// Stable: equal values stay in the order of x, ascending or descending, so ties of topk go to the
// first index. 0 and -0 are equal. NaN counts as larger than everything: last ascending, first
// descending, and the median of a line that holds one. Indices carry no gradient.
//
// Merge sort, cut into pieces of kSortPiece; a stable order is unique, whatever merged it.
//
// Errors: ShapeError for an axis out of range, k outside [1, n] and the median of nothing,
// DTypeError for other dtypes than float32 and float64. FLOPs: none (median: two a line).
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

constexpr int64_t kSortPiece = 1 << 14;
constexpr int64_t kSortWorkspace = 32;  // bytes an element of x: two buffers of (key, index)

struct SortArgs {
  const void* x;    // (outer, count, inner)
  void* y;          // (outer, k, inner)
  int64_t* index;   // (outer, k, inner)
  void* workspace;  // (outer inner count kSortWorkspace) bytes
  int64_t outer, count, inner, k;
  bool descending;
  bool f64;  // else float32
};
struct SortKernel {
  static constexpr const char* name = "sort";
  using Fn = void (*)(const SortArgs&);
};

struct MedianArgs {
  const void* largest;           // (lines, count / 2 + 1): descending
  const int64_t* largest_index;  // likewise
  void* y;                       // (lines)
  int64_t* index;                // (lines, 2)
  int64_t lines, count;
  bool f64;  // else float32
};
struct MedianKernel {
  static constexpr const char* name = "median";
  using Fn = void (*)(const MedianArgs&);
};

PYGAN_DECLARE_ISA(void, sort_axis, (const SortArgs& args))
PYGAN_DECLARE_ISA(void, sort_median, (const MedianArgs& args))

}  // namespace pygan
