// Loops over elements, for kernel files: maps, and broadcast pairs of operands.
#pragma once

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/elementwise/broadcast.h"

namespace pygan::PYGAN_ISA {
namespace {

// Elements worth a second thread
constexpr int64_t kGrain = 1 << 15;  // of arithmetic, which waits for memory
[[maybe_unused]] constexpr int64_t kFunctionGrain = 1 << 13;  // of exp and the like

// y = f(x): x (n), y (n)
template <class X, class Y, class F>
void map_range(const X* __restrict x, Y* __restrict y, int64_t n, F f) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}
template <class X, class Y, class F>
void map(const X* x, Y* y, int64_t n, int64_t grain, F f) {
  parallel_ranges(n, grain, [&](int64_t begin, int64_t end) {
    map_range(x + begin, y + begin, end - begin, f);
  });
}

// A stretch of n elements along the last axis: a (n) or one element, b likewise, y (n)
template <class X, class Y, class F>
void stretch(const X* __restrict a, int64_t a_stride, const X* __restrict b, int64_t b_stride,
             Y* __restrict y, int64_t n, F f) {
  if (a_stride == 0) {
    const X value = *a;
    for (int64_t i = 0; i < n; ++i) y[i] = f(value, b[i]);
  } else if (b_stride == 0) {
    const X value = *b;
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], value);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  }
}

// Runs body(offset of each operand, first element of y, n) for elements [begin, end) of the result,
// stretch by stretch along the last axis.
template <int operands, class Body>
void for_each_stretch(const Broadcast& axes, int64_t begin, int64_t end, Body body) {
  const int last = axes.rank - 1;
  const int64_t row = axes.extent[last];
  int64_t at[Shape::kMaxRank] = {};  // indices along the axes before the last
  int64_t offset[operands] = {};     // of the row
  int64_t rest = begin / row, column = begin % row;
  for (int k = last - 1; k >= 0; --k) {
    at[k] = rest % axes.extent[k];
    rest /= axes.extent[k];
    for (int i = 0; i < operands; ++i) offset[i] += at[k] * axes.stride[i][k];
  }
  for (;;) {
    const int64_t n = row - column < end - begin ? row - column : end - begin;
    int64_t from[operands];
    for (int i = 0; i < operands; ++i) from[i] = offset[i] + column * axes.stride[i][last];
    body(from, begin, n);
    begin += n;
    if (begin == end) return;
    column = 0;
    for (int k = last - 1; k >= 0; --k) {  // count up; an axis that is full starts again
      const bool full = ++at[k] == axes.extent[k];
      for (int i = 0; i < operands; ++i)
        offset[i] += axes.stride[i][k] * (full ? 1 - axes.extent[k] : 1);
      if (!full) break;
      at[k] = 0;
    }
  }
}

// A short vector over the last axis (a bias of a few channels) would make short loops: it is laid
// out repeatedly, and elements [begin, end) run in stretches of whole repetitions.
constexpr int64_t kShortRow = 256, kRepeated = 512, kRepeatedFrom = 4096;

// x (rows, row), v (row), y (rows, row)
template <class X, class Y, class F>
void repeat(const X* x, const X* v, int64_t row, Y* y, int64_t begin, int64_t end, F f) {
  X repeated[kRepeated + 2 * kShortRow];
  const int64_t length = (kRepeated + row - 1) / row * row;  // and one row more, for any phase
  for (int64_t i = 0; i < length + row; i += row)
    __builtin_memcpy(repeated + i, v, static_cast<size_t>(row) * sizeof(X));
  const X* phase = repeated + begin % row;
  for (int64_t n; begin < end; begin += n) {
    n = length < end - begin ? length : end - begin;
    stretch(x + begin, 1, phase, 1, y + begin, n, f);
  }
}

// y = f(a, b), y dense
template <class X, class Y, class F>
void broadcast(const Broadcast& axes, const X* a, const X* b, Y* y, int64_t grain, F f) {
  const int last = axes.rank - 1;
  const int64_t row = axes.extent[last];
  const int64_t a_last = axes.stride[0][last], b_last = axes.stride[1][last];
  int64_t size = 1;
  for (int k = 0; k < axes.rank; ++k) size *= axes.extent[k];
  const bool vector =
      axes.rank == 2 && row < kShortRow && size >= kRepeatedFrom && a_last == 1 && b_last == 1;
  parallel_ranges(size, grain, [&](int64_t begin, int64_t end) {
    if (vector && axes.stride[1][0] == 0)
      repeat(a, b, row, y, begin, end, f);
    else if (vector && axes.stride[0][0] == 0)
      repeat(b, a, row, y, begin, end, [f](X v, X u) { return f(u, v); });
    else
      for_each_stretch<2>(axes, begin, end, [&](const int64_t* from, int64_t at, int64_t n) {
        stretch(a + from[0], a_last, b + from[1], b_last, y + at, n, f);
      });
  });
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
