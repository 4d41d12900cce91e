// The register tile: kRows x (kVectors vectors) of C. For kernel files only.
#pragma once

#include "gemm/kernels.h"
#include "gemm/simd.h"

namespace pygan::PYGAN_ISA {
namespace {

using namespace gemm;  // NOLINT: the structs these files are about

// Accumulators + kVectors of B + one broadcast of A fill the register file:
// 14 * 2 + 2 + 1 = 31 of 32 (AVX-512), 6 * 2 + 2 + 1 = 15 of 16 (AVX2).
constexpr int kTileRows = PYGAN_ISA_LEVEL == 2 ? 14 : PYGAN_ISA_LEVEL == 1 ? 6 : 4;
constexpr int kTileVectors = 2;
template <class T>
constexpr int kTileColumns = kTileVectors * kLanes<T>;

// Rows of A packed together: with kSlice columns 140 to 240 KiB of float, a part of L2. Lines
// across k gain from being long: 224 or 240 elements are whole cache lines.
constexpr int64_t kBlockRows = 144 / kTileRows * kTileRows;
constexpr int64_t kBlockRowsAcross = PYGAN_ISA_LEVEL == 2 ? 224 : 240;
static_assert(kBlockRowsAcross % kTileRows == 0);

// Packed A is lines of elements, as Left says. With lines along k (a row of A each) their distance
// is this constant, so that the rows of a tile are one pointer and constant displacements; the odd
// number of cache lines keeps rows from fighting over one cache set.
template <class T>
constexpr int64_t kLineStride = kSlice + 64 / static_cast<int64_t>(sizeof(T));

// Rows of B that a tile fetches ahead: B comes from L2 or, in place, from afar.
constexpr int64_t kRightAhead = 16;

// With lines across k (a column of A each) the distance is an argument: `stride`.
template <class T, int kRows, int kVectors, bool kAcross>
[[gnu::noinline]] void tile(int64_t k, const T* a, int64_t stride,
                            const T* b,                // (k, kVectors * kLanes)
                            int64_t b_stride,          // from one row of b to the next
                            T* c,                      // column 0 of the tile
                            const int64_t* c_offsets,  // (rows): where its rows start
                            int rows,                  // <= kRows
                            int columns,               // <= kVectors * kLanes
                            bool add) {
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {  // C will be wanted in some thousand cycles
    if (r >= rows) break;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) __builtin_prefetch(c + c_offsets[r] + v * kLanes<T>, 1);
  }
  Vector<T> sum[kRows][kVectors] = {};
  for (int64_t p = 0; p < k; ++p) {
    Vector<T> right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      __builtin_prefetch(b + kRightAhead * b_stride + v * kLanes<T>);
      right[v] = load(b + v * kLanes<T>);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector<T> left = broadcast(kAcross ? a[r] : a[r * kLineStride<T>]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
    a += kAcross ? stride : 1;
    b += b_stride;
  }

  if (columns == kVectors * kLanes<T>) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      if (r >= rows) break;
      T* row = c + c_offsets[r];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        T* out = row + v * kLanes<T>;
        store(out, add ? load(out) + sum[r][v] : sum[r][v]);
      }
    }
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    if (r >= rows) break;
    T line[kVectors * kLanes<T>];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) store(line + v * kLanes<T>, sum[r][v]);
    T* row = c + c_offsets[r];
    for (int j = 0; j < columns; ++j) row[j] = add ? row[j] + line[j] : line[j];
  }
}

// The cheapest tile that covers rows x columns.
template <class T, bool kAcross, int kVectors>
void any_rows_tile(int64_t k, const T* a, int64_t stride, const T* b, int64_t b_stride, T* c,
                   const int64_t* c_offsets, int rows, int columns, bool add) {
  constexpr int kHalf = kTileRows / 2;
  constexpr int kFew = kTileRows > 6 ? 4 : 2;
  const auto compute = rows > kHalf  ? tile<T, kTileRows, kVectors, kAcross>
                       : rows > kFew ? tile<T, kHalf, kVectors, kAcross>
                       : rows > 1    ? tile<T, kFew, kVectors, kAcross>
                                     : tile<T, 1, kVectors, kAcross>;
  compute(k, a, stride, b, b_stride, c, c_offsets, rows, columns, add);
}

template <class T, bool kAcross>
void any_tile(int64_t k, const T* a, int64_t stride, const T* b, int64_t b_stride, T* c,
              const int64_t* c_offsets, int rows, int columns, bool add) {
  const auto compute =
      columns > kLanes<T> ? any_rows_tile<T, kAcross, 2> : any_rows_tile<T, kAcross, 1>;
  compute(k, a, stride, b, b_stride, c, c_offsets, rows, columns, add);
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
