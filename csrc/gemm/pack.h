// Packing: from matrices, image patches and weights to the panels the register tile reads.
// For kernel files only.
#pragma once

#include "gemm/kernels.h"
#include "gemm/micro_kernel.h"
#include "gemm/simd.h"

namespace pygan::PYGAN_ISA {
namespace {

// Fewer elements than a vector holds.
#if PYGAN_ISA_LEVEL == 2
[[gnu::always_inline]] inline void copy_rest(float* to, const float* from, int64_t count) {
  const __mmask16 mask = static_cast<__mmask16>((1u << count) - 1);
  _mm512_mask_storeu_ps(to, mask, _mm512_maskz_loadu_ps(mask, from));
}
[[gnu::always_inline]] inline void copy_rest(double* to, const double* from, int64_t count) {
  const __mmask8 mask = static_cast<__mmask8>((1u << count) - 1);
  _mm512_mask_storeu_pd(to, mask, _mm512_maskz_loadu_pd(mask, from));
}
#else
template <class T>
[[gnu::always_inline]] inline void copy_rest(T* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}
#endif

// Fetches what lies `ahead` elements further, for a later copy.
template <class T>
[[gnu::always_inline]] inline void copy(T* to, const T* from, int64_t count, int64_t ahead) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    __builtin_prefetch(from + i + ahead);
    store(to + i, load(from + i));
  }
  if (i < count) {
    __builtin_prefetch(from + i + ahead);
    copy_rest(to + i, from + i, count - i);
  }
}

template <class T>
[[gnu::always_inline]] inline void clear(T* to, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, Vector<T>{});
  for (; i < count; ++i) to[i] = 0;
}

[[gnu::always_inline]] inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

[[gnu::always_inline]] inline int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

// Patches are visited in order: (n, i, j) counts up without divisions.
struct Position {
  int64_t n, i, j;
};

[[gnu::always_inline]] inline Position position(int64_t index, int64_t rows, int64_t cols) {
  const int64_t line = index / cols;
  return {line / rows, line % rows, index - line * cols};
}

[[gnu::always_inline]] inline void advance(Position& at, int64_t rows, int64_t cols) {
  if (++at.j < cols) return;
  at.j = 0;
  if (++at.i < rows) return;
  at.i = 0;
  ++at.n;
}

// Sources are rarely in L1, and their strides hide them from the hardware's prefetcher: fetch this
// many lines ahead.
constexpr int64_t kAhead = 16;
constexpr int64_t kRowsAhead = 8;  // rows of a panel of B: short ones

// Elements [from, until) of one run, of the patches from `at` on, lines `stride` apart in `to`.
template <class T>
void pack_run(const Patches& patches, const T* images, const Run& run, int64_t from, int64_t until,
              Position at, int64_t line_count, int64_t stride, T* to) {
  const int64_t channels = patches.channels;
  const int64_t row = patches.image_w * patches.pixel;
  const int64_t ahead = kAhead * patches.step_w * patches.pixel;
  for (int64_t l = 0; l < line_count; ++l, to += stride) {
    const int64_t h = at.i * patches.step_h + run.h;
    const int64_t w = at.j * patches.step_w + run.w;
    const int64_t origin = (at.n * patches.image_h + h) * row + w * patches.pixel;
    const bool row_inside = h >= 0 && h < patches.image_h;
    if (row_inside && w >= 0 && w + run.taps <= patches.image_w) {
      copy(to, images + (origin + from), until - from, ahead);
    } else {
      // Of the run's taps, those inside the image are [first, last).
      const int64_t first = row_inside ? clamp(-w, 0, run.taps) : run.taps;
      const int64_t last = row_inside ? clamp(patches.image_w - w, first, run.taps) : run.taps;
      const int64_t copy_from = clamp(first * channels, from, until);
      const int64_t copy_until = clamp(last * channels, copy_from, until);
      clear(to, copy_from - from);
      copy(to + (copy_from - from), images + (origin + copy_from), copy_until - copy_from, ahead);
      clear(to + (copy_until - from), until - copy_until);
    }
    advance(at, patches.rows, patches.cols);
  }
}

// Lines [line_begin, +line_count), elements [begin, +count) of A, `stride` apart in `to`; `pad`
// zeros after each line.
template <class T>
void pack_lines(const Left<T>& left, int64_t line_begin, int64_t line_count, int64_t begin,
                int64_t count, int64_t pad, int64_t stride, T* to) {
  if (left.patches != nullptr) {
    const Patches& patches = *left.patches;
    const Position at = position(line_begin, patches.rows, patches.cols);
    int64_t run_begin = 0;  // in elements of a line
    for (int64_t q = 0; q < patches.run_count && run_begin < begin + count; ++q) {
      const Run& run = patches.runs[q];
      const int64_t length = run.taps * patches.channels;
      const int64_t from = clamp(begin - run_begin, 0, length);
      const int64_t until = clamp(begin + count - run_begin, 0, length);
      if (from < until) {
        pack_run(patches, left.data, run, from, until, at, line_count, stride,
                 to + (run_begin + from - begin));
      }
      run_begin += length;
    }
    for (int64_t l = 0; pad > 0 && l < line_count; ++l) clear(to + l * stride + count, pad);
    return;
  }
  const T* from = left.data + line_begin * left.line + begin * left.element;
  for (int64_t l = 0; l < line_count; ++l, to += stride, from += left.line) {
    if (left.element == 1) {
      copy(to, from, count, kAhead * left.line);
    } else {
      for (int64_t e = 0; e < count; ++e) to[e] = from[e * left.element];
    }
    clear(to + count, pad);
  }
}

// One panel of B, from rows that are contiguous, or strided at will.
template <class T>
void pack_right(const PackRightArgs<T>& args) {
  constexpr int64_t kColumns = kTileColumns<T>;
  const Right<T>& right = *args.right;
  T* to = args.panel;
  int64_t k = args.k_begin;
  const int64_t k_end = args.k_begin + args.k_count;
  while (k < k_end) {
    const int64_t tap = k / right.tap_k;
    const int64_t p = k - tap * right.tap_k;
    const int64_t count = smaller(right.tap_k - p, k_end - k);
    const T* from = right.data + (right.tap_offset ? right.tap_offset[tap] : 0) + p * right.row +
                    args.n_begin * right.col;  // (count, n_count)
    if (right.col == 1 && args.n_count == kColumns) {
      for (int64_t q = 0; q < count; ++q) {
        copy(to + q * kColumns, from + q * right.row, kColumns, kRowsAhead * right.row);
      }
    } else {
      // A transposed B is contiguous along k: a cache line of each column at a time.
      constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
      for (int64_t q0 = 0; q0 < count; q0 += kLine) {
        const int64_t q1 = smaller(q0 + kLine, count);
        for (int64_t j = 0; j < args.n_count; ++j) {
          const T* column = from + j * right.col;
          for (int64_t q = q0; q < q1; ++q) to[q * kColumns + j] = column[q * right.row];
        }
        for (int64_t q = q0; q < q1; ++q) {
          clear(to + q * kColumns + args.n_count, kColumns - args.n_count);
        }
      }
    }
    to += count * kColumns;
    k += count;
  }
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
