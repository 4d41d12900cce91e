#include <cstdint>
#include <cstring>

#include "core/isa.h"
#include "core/parallel.h"
#include "ops/shape/shape.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements a task copies

// One row of n elements: the innermost axis.
template <class T>
void copy_row(const T* x, int64_t x_stride, T* y, int64_t y_stride, int64_t n) {
  if (x_stride == 1 && y_stride == 1)
    __builtin_memcpy(y, x, static_cast<size_t>(n) * sizeof(T));
  else if (x_stride == 0 && y_stride == 1)
    for (int64_t i = 0; i < n; ++i) y[i] = *x;
  else
    for (int64_t i = 0; i < n; ++i) y[i * y_stride] = x[i * x_stride];
}

template <class T>
void copy_rows(const CopyArgs& a, int64_t begin, int64_t end) {
  const int last = a.rank - 1;
  for (int64_t row = begin; row < end; ++row) {
    int64_t rest = row, x_at = 0, y_at = 0;
    for (int k = last - 1; k >= 0; --k) {
      const int64_t i = rest % a.extent[k];
      rest /= a.extent[k];
      x_at += i * a.x_stride[k];
      y_at += i * a.y_stride[k];
    }
    copy_row(static_cast<const T*>(a.x) + x_at, a.x_stride[last], static_cast<T*>(a.y) + y_at,
             a.y_stride[last], a.extent[last]);
  }
}

}  // namespace

void copy_strided(const CopyArgs& a) {
  int64_t rows = 1;
  for (int k = 0; k < a.rank - 1; ++k) rows *= a.extent[k];
  const int64_t row = a.extent[a.rank - 1];
  if (rows == 0 || row == 0) return;
  const int64_t grain = row < kGrain ? kGrain / row : 1;
  parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
    if (a.item_size == 4)
      copy_rows<uint32_t>(a, begin, end);
    else if (a.item_size == 8)
      copy_rows<uint64_t>(a, begin, end);
    else
      copy_rows<uint8_t>(a, begin, end);
  });
}

}  // namespace pygan::PYGAN_ISA
