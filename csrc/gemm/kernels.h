// What the instruction-set paths of the matrix engine offer, and the plain structs they take.
//
// C (m, n) = A (m, k) B (k, n) is cut into blocks: k into slices of at most kc, then
//
//   B  is packed once, for all threads: [slice][panel of nr columns][k][nr], zeros beyond n;
//   A  is packed a block of rows and a slice at a time, by the thread that uses it: see Left;
//   C  is computed in tiles of mr x nr held in registers, slice after slice.
#pragma once

#include <cstdint>

#include "core/isa.h"
#include "gemm/epilogue.h"

namespace pygan::gemm {

// Elements of k that one packed panel spans: panels of A and B together about fill L1.
constexpr int64_t kSlice = 256;

// `taps` neighbouring pixels of one image row, at (h, w), (h, w + 1), ... from a patch's origin.
struct Run {
  int64_t h, w;
  int64_t taps;
};

// The matrix (batch * rows * cols, sum of taps * channels) of image patches, never stored: line
// (n, i, j) holds the runs' pixels from origin (i * step_h, j * step_w) of image n, zeros outside
// the image.
struct Patches {
  int64_t rows, cols;        // patches in one image
  int64_t step_h, step_w;    // between their origins
  int64_t image_h, image_w;  // pixels
  int64_t pixel;             // elements from one pixel to the next
  int64_t channels;          // elements taken of each pixel (== pixel where a run has many taps)
  const Run* runs;           // (run_count)
  int64_t run_count;
};

// A as lines of elements. Lines are rows of A (elements run along k) or columns of A (along m).
template <class T>
struct Left {
  const T* data;
  int64_t line, element;   // strides; unused with patches
  const Patches* patches;  // or null
  bool lines_are_columns;
};

// B[t * tap_k + p, j] = data[tap_offset[t] + p * row + j * col]
template <class T>
struct Right {
  const T* data;
  const int64_t* tap_offset;  // (k / tap_k), or null for a single tap at 0
  int64_t tap_k;
  int64_t row, col;
};

// Row (n, i, j) of C starts at data + n * image + i * line + j * pixel; rows are counted as
// (n * rows + i) * cols + j. A plain matrix has rows == cols == 1 and image its row stride.
template <class T>
struct Result {
  T* data;
  int64_t rows, cols;
  int64_t image, line, pixel;
};

template <class T>
struct PackRightArgs {
  const Right<T>* right;
  int64_t k_begin, k_count;  // within one slice
  int64_t n_begin, n_count;  // one panel: n_count <= nr
  T* panel;                  // (k_count, nr)
};

// Rows [m_begin, +m_count), columns [n_begin, +n_count) of C (+)= A B over k in
// [k_begin, +k_count). n_begin is a multiple of nr; k_begin is whole slices from packed_k_begin.
template <class T>
struct MultiplyArgs {
  const Left<T>* left;
  const T* packed;  // slices of B from packed_k_begin on
  int64_t packed_k_begin;
  int64_t packed_n;      // columns of B in `packed`, rounded up to nr
  const T* in_place;     // (all of k, n) or null: B where it lies, for full panels; `packed` then
  int64_t in_place_row;  // holds only the columns beyond them. Its row stride
  int64_t m_begin, m_count;
  int64_t n_begin, n_count;
  int64_t k_begin, k_count;
  const Result<T>* result;  // its data: column 0 of B in `packed` or in place
  bool add;                 // to what C holds; else overwrite
  T* scratch;               // (left_scratch)
};

// Thin products: at most this many columns, or rows.
constexpr int64_t kThin = 4;

// Few columns: dot products along k, which A's lines hold.
template <class T>
struct ThinArgs {
  const Left<T>* left;  // lines are rows
  const T* right;       // (n, right_stride): B transposed, zeros from k to a multiple of lanes
  int64_t right_stride;
  int64_t m_begin, m_count;
  int64_t n, k;
  const Result<T>* result;
  int64_t column;  // stride of C from one column to the next
  bool add;
  T* scratch;  // (left_scratch)
};

// Few rows: whole rows of B, in place.
template <class T>
struct FewRowsArgs {
  const Left<T>* left;    // no patches
  const Right<T>* right;  // col == 1, no taps
  int64_t m, k;
  int64_t n_begin, n_count;
  T* c;  // (m, n)
  int64_t c_row;
  bool add;
};

// What each pixel of dy adds to dx, of one image: dx[i sh - ph + r, j sw - pw + s, c] += the taps of
// (i, j), in their order. The kernel has no dilation.
template <class T>
struct FoldArgs {
  const T* taps;  // (rows, cols, kernel_h, kernel_w, channels)
  int64_t rows, cols, kernel_h, kernel_w, channels;
  int64_t step_h, step_w, pad_h, pad_w;
  T* image;  // (image_h, image_w, channels), zeroed here
  int64_t image_h, image_w;
};

template <class T>
struct Kernels {
  int64_t mr, nr;             // rows and columns of a register tile
  int64_t lanes;              // elements of a vector
  int64_t block_rows;         // rows of A packed together, a multiple of mr
  int64_t block_rows_across;  // the same where A's lines are columns
  int64_t left_scratch;       // elements of scratch that multiply() and thin() need
  void (*pack_right)(const PackRightArgs<T>&);
  void (*multiply)(const MultiplyArgs<T>&);
  void (*thin)(const ThinArgs<T>&);
  void (*few_rows)(const FewRowsArgs<T>&);
  void (*fold)(const FoldArgs<T>&);
  void (*finish)(const FinishArgs<T>&);
  // The register tile over one slice, again and again. For measuring.
  void (*bare_tile)(int64_t repeats,
                    const T* a,  // (mr, kSlice + a cache line)
                    const T* b,  // (kSlice, nr)
                    T* c);       // (mr, nr)
};

}  // namespace pygan::gemm

namespace pygan {
PYGAN_DECLARE_ISA(const gemm::Kernels<float>*, gemm_kernels_f32, ())
PYGAN_DECLARE_ISA(const gemm::Kernels<double>*, gemm_kernels_f64, ())
}  // namespace pygan
