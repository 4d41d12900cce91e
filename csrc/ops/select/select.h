// Choosing between elements: extrema of two, bounds, comparisons, where.
//
//   op              y                                       derivatives
//   maximum(a, b)   the larger, NaN where one is NaN        da = dy where not a < b, else db = dy
//   minimum(a, b)   the smaller, likewise                   da = dy where not b < a, else db = dy
//   clip            x, but low below it and high above      clip_grad(dy, x)
//   clip_grad       dy where low <= x <= high, else 0       ddy = clip_grad(ddx, x), nothing for x
//   where(c, a, b)  a where c, else b                       da = dy where c, db = dy elsewhere
//   equal, not_equal, less, less_equal                      bool, non-differentiable
//
// Kinks: ties go to the first operand; at a bound the gradient passes. A NaN stays a NaN through clip
// and passes no gradient.
//
//   a, b, c, y  any shapes that broadcast       c  bool
//   maximum, minimum, clip: float32 or float64; where and comparisons: any dtype; a and b the same
//
// greater and greater_equal are less and less_equal with the operands exchanged; logical_and, or and
// not (of bool) are made of where and equal. A comparison with NaN is false, but not_equal.
//
// Errors: ShapeError where shapes do not broadcast, DTypeError for mixed and other dtypes, ConfigError
// for low > high and for NaN. FLOPs: one an element; where none.
#pragma once

#include <cstdint>

#include "core/array.h"
#include "core/isa.h"
#include "ops/elementwise/broadcast.h"

namespace pygan {

struct ClipArgs {
  const void* x;   // (n)
  const void* dy;  // (n); null: the forward pass
  void* y;         // (n): y, or dx where dy is given
  int64_t n;
  double low, high;
  bool f64;  // else float32
};
struct ClipKernel {
  static constexpr const char* name = "clip";
  using Fn = void (*)(const ClipArgs&);
};

enum class Compare : uint8_t { equal, not_equal, less, less_equal };
struct CompareArgs {
  const void* a;  // axes.stride[0]
  const void* b;  // axes.stride[1]
  uint8_t* y;     // (axes.extent), dense: 0 or 1
  Broadcast axes;
  Compare op;
  DType dtype;  // of a and b
};
struct CompareKernel {
  static constexpr const char* name = "compare";
  using Fn = void (*)(const CompareArgs&);
};

struct WhereArgs {
  const uint8_t* c;  // axes.stride[0]
  const void* a;     // axes.stride[1]
  const void* b;     // axes.stride[2]
  void* y;           // (axes.extent), dense
  Broadcast axes;
  int64_t item;  // bytes of an element of a, b and y: 1, 4 or 8
};
struct WhereKernel {
  static constexpr const char* name = "where";
  using Fn = void (*)(const WhereArgs&);
};

PYGAN_DECLARE_ISA(void, clip, (const ClipArgs& args))
PYGAN_DECLARE_ISA(void, compare, (const CompareArgs& args))
PYGAN_DECLARE_ISA(void, where, (const WhereArgs& args))

}  // namespace pygan
