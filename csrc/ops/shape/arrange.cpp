// Public functions made of the shape ops: no kernels and no derivatives of their own.
#include <algorithm>

#include "core/error.h"
#include "ops/axis.h"
#include "ops/ops.h"

namespace pygan::ops {
namespace {

// Rows [begin, end) of an axis.
Tensor part(const Tensor& x, int axis, int64_t begin, int64_t end) {
  std::vector<int64_t> start(static_cast<size_t>(x.rank()), 0);
  const std::vector<int64_t> step(start.size(), 1);
  start[static_cast<size_t>(axis)] = begin;
  return slice(x, start, step, with_extent(x.shape(), axis, end - begin));
}

// An axis of a result that has `rank` axes.
int new_axis(const char* op, int axis, int rank) {
  const int i = axis < 0 ? axis + rank : axis;
  if (i < 0 || i >= rank)
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for a result of " +
                        std::to_string(rank) + " axes");
  return i;
}

}  // namespace

Tensor expand_dims(const Tensor& x, int axis) {
  const int at = new_axis("expand_dims", axis, x.rank() + 1);
  Shape shape;
  for (int i = 0; i < at; ++i) shape.push_back(x.dim(i));
  shape.push_back(1);
  for (int i = at; i < x.rank(); ++i) shape.push_back(x.dim(i));
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
  bool dropped[Shape::kMaxRank] = {};
  for (int axis : axes) {
    const int i = checked_axis("squeeze", axis, x.shape());
    if (x.dim(i) != 1)
      throw_shape("squeeze", "axis " + std::to_string(axis) + " of " + x.shape().str() +
                                 " has extent " + std::to_string(x.dim(i)) + ", not 1");
    dropped[i] = true;
  }
  Shape shape;
  for (int i = 0; i < x.rank(); ++i)
    if (axes.empty() ? x.dim(i) != 1 : !dropped[i]) shape.push_back(x.dim(i));
  return reshape(x, shape);
}

Tensor stack(const Tensors& xs, int axis) {
  if (xs.empty()) throw_shape("stack", "needs at least one tensor");
  const int at = new_axis("stack", axis, xs[0].rank() + 1);
  Tensors rows;
  for (const Tensor& x : xs) {
    if (!(x.shape() == xs[0].shape()))
      throw_shape("stack", xs[0].shape().str() + " and " + x.shape().str() + " differ");
    check_same_dtype("stack", {xs[0].array(), x.array()});
    rows.push_back(expand_dims(x, at));
  }
  return concat(rows, at);
}

Tensors split(const Tensor& x, const std::vector<int64_t>& cuts, int axis) {
  const int i = checked_axis("split", axis, x.shape());
  Tensors parts;
  int64_t begin = 0;
  for (size_t k = 0; k <= cuts.size(); ++k) {
    const int64_t end = k < cuts.size() ? cuts[k] : x.dim(i);
    if (end < begin || end > x.dim(i))
      throw_shape("split", "cuts must ascend from 0 to " + std::to_string(x.dim(i)) +
                               ", the extent of axis " + std::to_string(axis) + " of " +
                               x.shape().str() + "; got " + std::to_string(end));
    parts.push_back(part(x, i, begin, end));
    begin = end;
  }
  return parts;
}

Tensors split(const Tensor& x, int64_t sections, int axis) {
  const int i = checked_axis("split", axis, x.shape());
  if (sections < 1 || x.dim(i) % sections)
    throw_shape("split", "axis " + std::to_string(axis) + " of " + x.shape().str() +
                             " does not fall into " + std::to_string(sections) +
                             " equal parts: name the places to cut at");
  std::vector<int64_t> cuts;
  for (int64_t k = 1; k < sections; ++k) cuts.push_back(x.dim(i) / sections * k);
  return split(x, cuts, axis);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  std::vector<int64_t> start(static_cast<size_t>(x.rank()), 0), step(start.size(), 1);
  const auto turn = [&](int i) {
    start[static_cast<size_t>(i)] = std::max<int64_t>(0, x.dim(i) - 1);
    step[static_cast<size_t>(i)] = -1;
  };
  for (int axis : axes) turn(checked_axis("flip", axis, x.shape()));
  if (axes.empty())
    for (int i = 0; i < x.rank(); ++i) turn(i);
  return slice(x, start, step, x.shape());
}

Tensor roll(const Tensor& x, int64_t shift, int axis) {
  const int i = checked_axis("roll", axis, x.shape());
  const int64_t n = x.dim(i);
  const int64_t cut = n ? (n - shift % n) % n : 0;  // the element that comes to the front
  return concat({part(x, i, cut, n), part(x, i, 0, cut)}, i);
}

}  // namespace pygan::ops
