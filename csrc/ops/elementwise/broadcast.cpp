#include "ops/elementwise/broadcast.h"

#include "core/op.h"

namespace pygan {

Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t da = ia < 0 ? 1 : a[ia], db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1)
      throw_shape(op, a.str() + " and " + b.str() +
                          " do not broadcast: from the right, extents must be equal or 1");
    out.push_back(da == 1 ? db : da);
  }
  return out;
}

Broadcast broadcast_axes(std::initializer_list<const Shape*> operands, const Shape& y) {
  const Shape* const* x = operands.begin();
  const int n = static_cast<int>(operands.size());
  int64_t run[kMaxOperands];  // elements of each operand within the axes already seen
  for (int k = 0; k < n; ++k) run[k] = 1;
  Broadcast from_last{};  // its axes run from the last to the first
  int& rank = from_last.rank;
  for (int i = y.rank() - 1; i >= 0; --i) {
    int64_t stride[kMaxOperands] = {};
    for (int k = 0; k < n; ++k) {
      const int at = i - (y.rank() - x[k]->rank());
      const int64_t extent = at < 0 ? 1 : (*x[k])[at];
      stride[k] = extent == 1 ? 0 : run[k];
      run[k] *= extent;
    }
    if (y[i] == 1) continue;
    bool merge = rank > 0;
    for (int k = 0; merge && k < n; ++k)
      merge = stride[k] == from_last.stride[k][rank - 1] * from_last.extent[rank - 1];
    if (merge) {
      from_last.extent[rank - 1] *= y[i];
      continue;
    }
    from_last.extent[rank] = y[i];
    for (int k = 0; k < n; ++k) from_last.stride[k][rank] = stride[k];
    ++rank;
  }
  if (rank == 0) {  // one element
    from_last.extent[0] = 1;
    for (int k = 0; k < n; ++k) from_last.stride[k][0] = 1;
    rank = 1;
  }
  Broadcast axes{};
  axes.rank = rank;
  for (int i = 0; i < rank; ++i) {
    axes.extent[i] = from_last.extent[rank - 1 - i];
    for (int k = 0; k < n; ++k) axes.stride[k][i] = from_last.stride[k][rank - 1 - i];
  }
  return axes;
}

}  // namespace pygan
