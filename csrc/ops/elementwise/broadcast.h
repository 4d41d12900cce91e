// NumPy's broadcasting: the shape of the result, and how its elements run through the operands.
#pragma once

#include <initializer_list>

#include "core/array.h"

namespace pygan {

constexpr int kMaxOperands = 3;

// The axes of a result, neighbours merged where every operand allows, and each operand's strides in
// elements: 0 along the axes it is broadcast over. Along the last axis strides are 0 or 1, and at
// least one of them is 1.
struct Broadcast {
  int rank;  // at least 1
  int64_t extent[Shape::kMaxRank];
  int64_t stride[kMaxOperands][Shape::kMaxRank];
};

// ShapeError where the two do not broadcast.
Shape broadcast_shape(const char* op, const Shape& a, const Shape& b);

// Operands of these shapes, which broadcast to y.
Broadcast broadcast_axes(std::initializer_list<const Shape*> operands, const Shape& y);

}  // namespace pygan
