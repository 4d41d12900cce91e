// Reading and adding at int64 indices along one axis.
//
//   op                      x seen as (outer, extent, inner)                  vjp
//   gather                  y[o, k, i] = x[o, index[k], i]                    scatter_add(dy)
//   scatter_add             x[o, index[k], i] += y[o, k, i], from zeros       gather(dx)
//   take_along_axis         y[o, k, i] = x[o, index[o, k, i], i]              scatter_add_along_axis
//   scatter_add_along_axis  x[o, index[o, k, i], i] += y[o, k, i]             take_along_axis
//   one_hot                 y[k, c] = [c = index[k]]                          non-differentiable
//
//   gather           x (a..., extent, b...), index (k...) -> y (a..., k..., b...): NumPy's take;
//                    an embedding is a gather on axis 0
//   take_along_axis  index and y have x's shape but for the axis
//   one_hot          index (k...) -> y (k..., classes)
//
// Gathers move values of every dtype; sums are float32 or float64. A negative index counts from the
// end, but not in one_hot: there it is a mistake. The index carries no gradient.
//
// Order of additions: ascending k, each element of x by one owner: the bits do not depend on the
// threads, and equal indices add up as NumPy's add.at does.
//
// Errors: ShapeError for an index out of range (the index, its position, the extent) and for shapes
// that do not fit, DTypeError for other dtypes. FLOPs: one an added element; moving none.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct IndexArgs {
  const void* from;      // taking: x (outer, extent, inner); adding: y (outer, count, inner)
  void* to;              // taking: y (outer, count, inner); adding: x, zeroed before
  const int64_t* index;  // (count), or (outer, count, inner) where `along`
  bool along;
  int64_t outer, extent, count, inner;
  int item_size;  // bytes, for taking: 1, 4 or 8
  bool f64;       // for adding, else float32
};
struct TakeKernel {
  static constexpr const char* name = "take";
  using Fn = void (*)(const IndexArgs&);
};
struct ScatterAddKernel {
  static constexpr const char* name = "scatter_add";
  using Fn = void (*)(const IndexArgs&);
};

// The first k with index[k] outside [low, high), or -1. Comes before the other kernels.
struct CheckIndexArgs {
  const int64_t* index;  // (n)
  int64_t n, low, high;
};
struct CheckIndexKernel {
  static constexpr const char* name = "check_index";
  using Fn = int64_t (*)(const CheckIndexArgs&);
};

struct OneHotArgs {
  const int64_t* index;  // (n)
  void* y;               // (n, classes)
  int64_t n, classes;
  int item_size;  // of y: 1, 4 or 8 bytes
  uint64_t one;   // the bits of 1 in y's dtype
};
struct OneHotKernel {
  static constexpr const char* name = "one_hot";
  using Fn = void (*)(const OneHotArgs&);
};

PYGAN_DECLARE_ISA(void, index_take, (const IndexArgs& args))
PYGAN_DECLARE_ISA(void, index_scatter_add, (const IndexArgs& args))
PYGAN_DECLARE_ISA(int64_t, index_check, (const CheckIndexArgs& args))
PYGAN_DECLARE_ISA(void, index_one_hot, (const OneHotArgs& args))

}  // namespace pygan
