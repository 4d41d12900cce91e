// Products with one to four columns or rows (last layers, critics' scores, their weight gradients),
// where a register tile would be mostly padding. For kernel files only.
//
//   columns: dot products along k;
//   rows: c[i] += a[i, p] b[p] for whole rows of b, where it lies.
#pragma once

#include "gemm/kernels.h"
#include "gemm/micro_kernel.h"
#include "gemm/pack.h"
#include "gemm/simd.h"

namespace pygan::PYGAN_ISA {
namespace {

// The lanes' sum, halves first.
template <class T>
[[gnu::always_inline]] inline T lane_sum(Vector<T> v) {
  T lane[kLanes<T>];
  store(lane, v);
#pragma GCC unroll 4
  for (int half = kLanes<T> / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// sum[r][j] = a[r] . b[j] for kRows lines and kColumns columns.
template <class T, int kRows, int kColumns>
[[gnu::always_inline]] inline void dots(int64_t k, const T* a, int64_t a_stride, const T* b,
                                        int64_t b_stride, T (&sum)[kRows][kColumns]) {
  Vector<T> total[kRows][kColumns] = {};
  int64_t p = 0;
  for (; p + kLanes<T> <= k; p += kLanes<T>) {
    Vector<T> right[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) right[j] = load(b + j * b_stride + p);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Vector<T> left = load(a + r * a_stride + p);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) total[r][j] = fma(left, right[j], total[r][j]);
    }
  }
  if (p < k) {  // b holds zeros beyond k; of a only what is there is read
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      T rest[kLanes<T>] = {};
      for (int64_t i = 0; i < k - p; ++i) rest[i] = a[r * a_stride + p + i];
      const Vector<T> left = load(rest);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) {
        total[r][j] = fma(left, load(b + j * b_stride + p), total[r][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) sum[r][j] = lane_sum<T>(total[r][j]);
  }
}

template <class T, int kRows, int kColumns>
[[gnu::noinline]] void thin_rows(int64_t k, const T* a, int64_t a_stride, const T* b,
                                 int64_t b_stride, T* c, const int64_t* c_offsets, int64_t column,
                                 bool add) {
  T sum[kRows][kColumns];
  dots<T, kRows, kColumns>(k, a, a_stride, b, b_stride, sum);
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kColumns; ++j) {
      T* out = c + c_offsets[r] + j * column;
      *out = add ? *out + sum[r][j] : sum[r][j];
    }
  }
}

template <class T, int kColumns>
void thin_columns(const ThinArgs<T>& args) {
  constexpr int64_t kBlock = 32;       // rows at a time: packed, they stay in L1
  constexpr int64_t kInPlaceK = 2048;  // of k at a time, where A needs no packing
  const Left<T>& left = *args.left;
  const Result<T>& result = *args.result;
  const bool packed = left.patches != nullptr;
  const int64_t slice = packed ? kSlice : kInPlaceK;
  const int64_t stride = packed ? kLineStride<T> : left.line;
  for (int64_t i = 0; i < args.m_count; i += kBlock) {
    const int64_t m_begin = args.m_begin + i;
    const int64_t rows = smaller(args.m_count - i, kBlock);
    int64_t c_offsets[kBlock];
    Position at = position(m_begin, result.rows, result.cols);
    for (int64_t r = 0; r < rows; ++r) {
      c_offsets[r] = at.n * result.image + at.i * result.line + at.j * result.pixel;
      advance(at, result.rows, result.cols);
    }
    int64_t done = 0;
    do {  // at least once: an empty sum writes zeros
      const int64_t k = smaller(args.k - done, slice);
      const T* a = left.data + m_begin * left.line + done;
      if (packed) {
        pack_lines(left, m_begin, rows, done, k, int64_t{0}, stride, args.scratch);
        a = args.scratch;
      }
      const T* b = args.right + done;
      const bool add = args.add || done > 0;
      int64_t r = 0;
      for (; r + 4 <= rows; r += 4) {
        thin_rows<T, 4, kColumns>(k, a + r * stride, stride, b, args.right_stride, result.data,
                                  c_offsets + r, args.column, add);
      }
      for (; r < rows; ++r) {
        thin_rows<T, 1, kColumns>(k, a + r * stride, stride, b, args.right_stride, result.data,
                                  c_offsets + r, args.column, add);
      }
      done += k;
    } while (done < args.k);
  }
}

template <class T>
void thin(const ThinArgs<T>& args) {
  static_assert(kThin == 4);
  switch (args.n) {
    case 1:
      return thin_columns<T, 1>(args);
    case 2:
      return thin_columns<T, 2>(args);
    case 3:
      return thin_columns<T, 3>(args);
    default:
      return thin_columns<T, 4>(args);
  }
}

// c += a[0] b[0] + ... + a[kCount - 1] b[kCount - 1], in this order.
template <class T, int kCount>
[[gnu::always_inline]] inline void add_rows(const T* a, int64_t a_stride,  // (kCount)
                                            const T* b, int64_t b_stride,  // (kCount, n)
                                            T* c,                          // (n)
                                            int64_t n) {
  Vector<T> left[kCount];
#pragma GCC unroll 4
  for (int q = 0; q < kCount; ++q) left[q] = broadcast(a[q * a_stride]);
  int64_t j = 0;
  for (; j + kLanes<T> <= n; j += kLanes<T>) {
    Vector<T> sum = load(c + j);
#pragma GCC unroll 4
    for (int q = 0; q < kCount; ++q) sum = fma(left[q], load(b + q * b_stride + j), sum);
    store(c + j, sum);
  }
  if (j < n) {
    T line[kLanes<T>] = {};
    copy_rest(line, c + j, n - j);
    Vector<T> sum = load(line);
#pragma GCC unroll 4
    for (int q = 0; q < kCount; ++q) {
      T right[kLanes<T>] = {};
      copy_rest(right, b + q * b_stride + j, n - j);
      sum = fma(left[q], load(right), sum);
    }
    store(line, sum);
    copy_rest(c + j, line, n - j);
  }
}

template <class T>
void few_rows(const FewRowsArgs<T>& args) {
  const Left<T>& left = *args.left;
  const int64_t row = left.lines_are_columns ? left.element : left.line;
  const int64_t col = left.lines_are_columns ? left.line : left.element;
  const int64_t b_row = args.right->row;
  const T* b = args.right->data + args.n_begin;
  T* c = args.c + args.n_begin;
  for (int64_t i = 0; !args.add && i < args.m; ++i) clear(c + i * args.c_row, args.n_count);
  int64_t p = 0;
  for (; p + 4 <= args.k; p += 4) {
    for (int64_t i = 0; i < args.m; ++i) {
      add_rows<T, 4>(left.data + i * row + p * col, col, b + p * b_row, b_row, c + i * args.c_row,
                     args.n_count);
    }
  }
  for (; p < args.k; ++p) {
    for (int64_t i = 0; i < args.m; ++i) {
      add_rows<T, 1>(left.data + i * row + p * col, col, b + p * b_row, b_row, c + i * args.c_row,
                     args.n_count);
    }
  }
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
