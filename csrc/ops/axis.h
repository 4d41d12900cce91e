// One axis of a tensor: what ops along an axis (scan, sort, index) share.
#pragma once

#include <string>

#include "core/op.h"

namespace pygan {

// `axis` from 0; negative ones count from the back. ShapeError where x has no such axis.
inline int checked_axis(const char* op, int axis, const Shape& x) {
  const int i = axis < 0 ? axis + x.rank() : axis;
  if (i < 0 || i >= x.rank())
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.str());
  return i;
}

// x as (outer, count, inner), the axis in the middle.
struct AxisView {
  int64_t outer = 1, count = 1, inner = 1;
  AxisView(const Shape& x, int axis) : count(x[axis]) {
    for (int i = 0; i < axis; ++i) outer *= x[i];
    for (int i = axis + 1; i < x.rank(); ++i) inner *= x[i];
  }
};

inline Shape with_extent(Shape x, int axis, int64_t extent) {
  x[axis] = extent;
  return x;
}

}  // namespace pygan
