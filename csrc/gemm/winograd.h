// Winograd's convolution for 4x4 kernels with stride 2 and 3x3 kernels with stride 1: all three of the
// family.
//
// With stride 2, pixels split by the parity of their row and column, and so do the kernel's taps: what
// is left is a 2x2 convolution with stride 1 over 4 in_c channels (a, b, c). With t taps a dimension
// m x m outputs come from (m + t - 1)^2 products instead of t^2 m^2 (Lavin and Gray 2016, arXiv
// 1509.09308; Toom and Cook):
//
//     Y = A^T [ sum_c (G w G^T) * (B^T x B) ] A        *: elementwise, points p in (m + t - 1)^2
//
// so that each point is one matrix product over the channels, of all tiles of m x m outputs; J is
// 4 in_c for the 4x4 kernels and in_c for the 3x3 ones:
//
//     conv2d              M_p (tiles, out_c) = V_p (tiles, J) U_p (J, out_c)
//     conv2d_input_grad   V'_p = M'_p U_p^T,    M' = A dy A^T,    dx = overlapping sums of B V' B^T
//     conv2d_weight_grad  U'_p = V_p^T M'_p,    dw = G^T U' G
//
//   m  t  products             transforms
//   2  2  9 where 16 stood     additions: exact on small integers
//   4  2  25 where 64 stood    points 0, 1, -1, 2, infinity
//   2  3  16 where 36 stood    additions and halves: exact on small integers
//   4  3  36 where 144 stood   points 0, 1, -1, 2, -2, infinity
//
// Errors: for m = 2 about those of the direct products, for m = 4 some times them (docs/performance.md;
// tests/ops/test_winograd.py states the bound and holds it).
//
// float32 on the CPU. Bits do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/isa.h"
#include "gemm/gemm.h"

namespace pygan::gemm {

enum class ConvAlgorithm : uint8_t { automatic, direct, winograd };
ConvAlgorithm conv_algorithm();
void set_conv_algorithm(ConvAlgorithm);
void set_winograd_tile(int64_t m);  // for tests: 2 or 4 instead of the rule's; 0: the rule's

// The m that the three passes of this convolution take, or 0: the direct products.
int64_t winograd_tile(const Conv& conv);

// As in gemm.h; m as winograd_tile gives it.
void winograd_conv2d(const Conv& conv, int64_t m, const float* x, const float* w, float* y,
                     const Epilogue<float>& then);
void winograd_input_grad(const Conv& conv, int64_t m, const float* dy, const float* w, float* dx,
                         const Epilogue<float>& then);
void winograd_weight_grad(const Conv& conv, int64_t m, const float* x, const float* dy, float* dw);

// ---- what the instruction-set paths offer ----------------------------------------------------------

// Planes: for each point a matrix (rows, columns), cut into slices of kSlice columns, each of them
// rows lines of kSliceLine floats: (points, slices, rows, kSliceLine).
constexpr int64_t kPlaneColumns = 256;
constexpr int64_t kPlaneLine = kPlaneColumns + 16;  // an odd number of cache lines

struct Planes {
  float* data;
  int64_t rows, columns;
};

// Channels come in vectors: winograd_tile asks for multiples of this.
constexpr int64_t kWinogradChannels = 16;

struct WinogradTiles {
  const Conv* conv;
  int64_t m;
  int64_t tiles_h, tiles_w;  // of one image
  int64_t first;             // the tile that row 0 of the planes holds, of all images' tiles
  int64_t begin, count;      // rows of the planes to be made, or read
};

struct WinogradFilters {
  const Conv* conv;
  int64_t m;
  bool transposed;           // U^T: rows over out_c, columns over (a, b, c)
  int64_t k_begin, k_count;  // rows of U or U^T
  int64_t n_begin, n_count;  // columns
  int64_t stride;            // of u, from a point to the next
};

// One point's product, by the register tile of micro_kernel.h
struct WinogradProduct {
  int64_t m = 0, n = 0, k = 0;
  Planes a = {};             // (m, k), or (k, m) where across
  int64_t a_first = 0;       // column of a's planes that is k = 0, or m = 0
  bool across = false;       // the product is a^T b
  const float* b = nullptr;  // panels (n / nr, k, nr); or null:
  Planes b_rows = {};        // (k, n)
  Planes c = {};             // (m, n), or, where c_row > 0, a plain matrix with rows so far apart
  int64_t c_row = 0;
  int64_t first = 0;  // column of c's planes, and of b_rows, that column 0 of the product is
  int64_t point = 0;
  int64_t m_begin = 0, m_count = 0;  // rows of c; whole register tiles
  bool add = false;
};

struct WinogradKernels {
  int64_t mr, nr;
  void (*filters)(const WinogradFilters&, const float* w,
                  float* u /* (points; n_count / nr, k_count, nr) */);
  void (*data)(const WinogradTiles&, const float* x, Planes v);             // V of x
  void (*data_adjoint)(const WinogradTiles&, Planes v, float* dx);          // dx of V'
  void (*result)(const WinogradTiles&, Planes m, float* y);                 // y of M
  void (*result_adjoint)(const WinogradTiles&, const float* dy, Planes m);  // M' of dy
  void (*filters_adjoint)(const WinogradFilters&, const float* u /* (points; k_count, n_count) */,
                          float* dw);  // dw of U'
  void (*multiply)(const WinogradProduct&);
};

}  // namespace pygan::gemm

namespace pygan {
PYGAN_DECLARE_ISA(const gemm::WinogradKernels*, winograd_kernels, ())
}
