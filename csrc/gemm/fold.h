// Patches' taps added up into an image: the adjoint of taking patches. For kernel files only.
#pragma once

#include "gemm/kernels.h"
#include "gemm/pack.h"
#include "gemm/simd.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T>
[[gnu::always_inline]] inline void add(T* to, const T* from, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, load(to + i) + load(from + i));
  for (; i < count; ++i) to[i] += from[i];
}

template <class T>
void fold(const FoldArgs<T>& f) {
  const int64_t row = f.image_w * f.channels, taps = f.kernel_w * f.channels;
  clear(f.image, f.image_h * row);
  const T* from = f.taps;
  for (int64_t i = 0; i < f.rows; ++i) {
    for (int64_t j = 0; j < f.cols; ++j) {
      const int64_t w = j * f.step_w - f.pad_w;
      const int64_t first = clamp(-w, 0, f.kernel_w) * f.channels;
      const int64_t last = clamp(f.image_w - w, 0, f.kernel_w) * f.channels;
      for (int64_t r = 0; r < f.kernel_h; ++r, from += taps) {
        const int64_t h = i * f.step_h - f.pad_h + r;
        if (h < 0 || h >= f.image_h || first >= last) continue;
        add(f.image + h * row + w * f.channels + first, from + first, last - first);
      }
    }
  }
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
