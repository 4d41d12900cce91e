// What reduce.cpp (sums) and max.cpp share: sets of axes, and a reduction cut into passes.
#pragma once

#include <algorithm>
#include <string>

#include "core/op.h"
#include "ops/ops.h"
#include "ops/reduce/reduce.h"

namespace pygan::reduce {

using AxisSet = uint32_t;  // bit i: axis i is reduced

inline bool has(AxisSet set, int axis) { return set >> axis & 1; }

inline AxisSet axis_set(const char* op, const ops::Axes& axes, const Shape& x) {
  if (axes.empty()) return (AxisSet{1} << x.rank()) - 1;
  AxisSet set = 0;
  for (int axis : axes) {
    const int i = axis < 0 ? axis + x.rank() : axis;
    if (i < 0 || i >= x.rank())
      throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.str());
    if (has(set, i))
      throw_shape(op, "axis " + std::to_string(axis) + " of " + x.str() + " is named twice");
    set |= AxisSet{1} << i;
  }
  return set;
}

inline ops::Axes axis_list(AxisSet set) {
  ops::Axes axes;
  for (int i = 0; i < Shape::kMaxRank; ++i)
    if (has(set, i)) axes.push_back(i);
  return axes;
}

inline Shape reduced_shape(const Shape& x, AxisSet set, bool keepdims) {
  Shape y;
  for (int i = 0; i < x.rank(); ++i)
    if (!has(set, i))
      y.push_back(x[i]);
    else if (keepdims)
      y.push_back(1);
  return y;
}

inline int64_t reduced_size(const Shape& x, AxisSet set) {
  int64_t n = 1;
  for (int i = 0; i < x.rank(); ++i)
    if (has(set, i)) n *= x[i];
  return n;
}

// y, one number a reduction, as it broadcasts against x: 1s for the axes that were reduced.
inline Tensor against(const Tensor& y, const Shape& x, AxisSet set) {
  return ops::reshape(y, reduced_shape(x, set, true));
}

// Large enough to be worth a thread; small enough that partial sums stay few and the order of
// additions is a tree.
constexpr int64_t kPieceElements = 1 << 15, kPieceRows = 64;

// x's axes, neighbours merged that are both reduced or both kept. Passes consume it from the end.
class Passes {
 public:
  Passes(const Shape& x, AxisSet set) {
    for (int i = 0; i < x.rank(); ++i) {
      if (x[i] == 1) continue;
      if (rank_ > 0 && reduced_[rank_ - 1] == has(set, i)) {
        extent_[rank_ - 1] *= x[i];
      } else {
        extent_[rank_] = x[i];
        reduced_[rank_++] = has(set, i);
      }
    }
  }

  // The next pass. There is always one, for its Finish, even where nothing is reduced.
  Pass next() {
    int axis = rank_ - 1;
    while (axis >= 0 && !reduced_[axis]) --axis;
    Pass pass{1, 1, 1, 1, 1};
    for (int i = 0; i < axis; ++i) pass.outer *= extent_[i];
    for (int i = axis + 1; i < rank_; ++i) pass.inner *= extent_[i];
    if (axis >= 0) pass.count = extent_[axis];
    pass.piece = std::max(kPieceRows, kPieceElements / std::max<int64_t>(1, pass.inner));
    pass.pieces = std::max<int64_t>(1, (pass.count + pass.piece - 1) / pass.piece);
    if (axis >= 0) {
      extent_[axis] = pass.pieces;
      reduced_[axis] = pass.pieces > 1;
    }
    return pass;
  }

  bool done() const { return std::find(reduced_, reduced_ + rank_, true) == reduced_ + rank_; }

 private:
  int rank_ = 0;
  int64_t extent_[Shape::kMaxRank] = {};
  bool reduced_[Shape::kMaxRank] = {};
};

}  // namespace pygan::reduce
