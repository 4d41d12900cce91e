// Reductions over any axes (none named: all), with or without keepdims.
//
//   op             y                                                vjp
//   sum            sum of x                                         dy broadcast
//   mean           sum of x / n                                     dy / n broadcast
//   norm           sqrt(sum of x^2)                                 x divide_no_nan(dy, y)
//   max, min       largest (smallest) x, and where its first one is put_reduced(dy, index)
//   argmax, argmin where it is alone                                none: not differentiable
//   logsumexp      log sum e^x, without overflow                    dy e^(x - y)
//   take_reduced   x at the index, one element of each reduction    put_reduced(dy, index)
//   put_reduced    zeros, but y at the index                        take_reduced(dx, index)
//   sum_to         sum over what broadcasting to x's shape added    broadcast_to(dy)
//
//   x  any shape, float32 or float64
//   y  x's shape without the reduced axes, or with 1s there (keepdims)
//   index  int64, y's shape: a flat row-major index within the reduced axes; it carries no gradient
//
// Of nothing, the sum and the norm are 0, the mean is NaN and the extremes raise. A NaN is the
// maximum and the minimum. norm squares as it stands: it overflows above sqrt(largest number).
//
// Order of additions: fixed by the shape, never by the threads or the instruction set. Sixteen rows
// at a time one after another, those sums in pairs, pairs of pairs (reduce_cpu.cpp): the error
// grows with the logarithm of the length.
//
// Errors: ShapeError for axes out of range or named twice, for shapes that do not fit, for the
// extreme of nothing and an index out of range; DTypeError for other dtypes. FLOPs: one an element
// of x (norm: two); taking and putting none.
#pragma once

#include <cstdint>

#include "core/array.h"
#include "core/isa.h"

namespace pygan {

// Whatever the axes, a reduction is a few passes of this form, from the last reduced axes to the
// first: rows [p piece, (p + 1) piece) of each (count, inner) block become one row. More than one
// piece leaves partial results, which the next pass reduces.
struct Pass {
  int64_t outer, count, inner;
  int64_t piece;   // rows of x for a row of y
  int64_t pieces;  // ceil(count / piece)
};

enum class Summand : uint8_t { x, square };
enum class Finish : uint8_t { none, divide, sqrt };  // of the last pass
struct SumArgs {
  const void* x;  // (outer, count, inner)
  void* y;        // (outer, pieces, inner)
  Pass pass;
  Summand summand;
  Finish finish;
  double divisor;
  bool f64;  // else float32
};
struct SumKernel {
  static constexpr const char* name = "sum";
  using Fn = void (*)(const SumArgs&);
};

struct ExtremeArgs {
  const void* x;           // (outer, count, inner)
  const int64_t* x_index;  // (outer, count, inner): of an earlier pass, or null for zeros
  int64_t x_span;          // elements that an element of x stands for
  void* y;                 // (outer, pieces, inner)
  int64_t* y_index;        // (outer, pieces, inner): x_index + x_span (row within the piece)
  Pass pass;
  bool smallest;  // else the largest
  bool f64;
};
struct ExtremeKernel {
  static constexpr const char* name = "extreme";
  using Fn = void (*)(const ExtremeArgs&);
};

// One element of each reduction, gathered or scattered.
struct PickArgs {
  const void* from;      // take: x, put: y (kept)
  const int64_t* index;  // (kept): within the reduced axes
  void* to;              // take: y (kept), put: x, zeroed before
  bool put;
  int64_t kept, span;  // number of reductions, elements of each
  int kept_rank, reduced_rank;
  int64_t kept_extent[Shape::kMaxRank], kept_stride[Shape::kMaxRank];  // in x, in elements
  int64_t reduced_extent[Shape::kMaxRank], reduced_stride[Shape::kMaxRank];
  bool f64;
};
struct PickKernel {
  static constexpr const char* name = "pick";
  using Fn = int64_t (*)(const PickArgs&);  // the first k whose index is out of range, or -1
};

PYGAN_DECLARE_ISA(void, reduce_sum, (const SumArgs& args))
PYGAN_DECLARE_ISA(void, reduce_extreme, (const ExtremeArgs& args))
PYGAN_DECLARE_ISA(int64_t, reduce_pick, (const PickArgs& args))

}  // namespace pygan
