// matmul on tiles in shared memory, plain or on tensor cores: gemm/tile_cuda.h, gemm/tf32_tile_cuda.h.
#include "gemm/tf32_tile_cuda.h"
#include "gemm/tile_cuda.h"
#include "ops/matmul/matmul.h"

namespace pygan::PYGAN_BACKEND {
namespace {

struct Product {
  int64_t batch, m, n, k;
  int64_t a_row, a_col, b_row, b_col;  // element strides
  int64_t depth;                       // of K a block sums up: split K
};

// One block: a tile of one matrix of the batch, over one part of K. Matrices of the batch start at
// a + a_offset[i], b + b_offset[i]; no tables: a single matrix, at a and b.
template <class Tile, bool a_depth_first, bool b_depth_first, class T = typename Tile::T>
PYGAN_KERNEL void __launch_bounds__(kTileThreads)
    matmul(Product s, const int64_t* a_offset /* (batch) or null */,
           const int64_t* b_offset /* (batch) or null */, const T* a /* (m, k) by strides */,
           const T* b /* (k, n) by strides */, T* y /* (parts, batch, m, n) */) {
  int64_t number = blockIdx.x;
  const int64_t column = take_digit(number, ceil_div(s.n, kTile)) * kTile;
  const int64_t row = take_digit(number, ceil_div(s.m, kTile)) * kTile;
  const int64_t matrix = take_digit(number, s.batch), part = number;
  if (a_offset) {
    a += a_offset[matrix];
    b += b_offset[matrix];
  }
  const DenseView<T, a_depth_first> left{a, s.m, s.a_row, s.a_col};
  const DenseView<T, b_depth_first> right{b, s.n, s.b_col, s.b_row};
  Tile::product(left, right, row, column, part * s.depth, least(s.k, (part + 1) * s.depth),
                DenseRows{s.n}, y + (part * s.batch + matrix) * s.m * s.n);
}

template <class Tile>
void run_tiles(const MatmulArgs& g) {
  using T = typename Tile::T;
  if (g.batch == 0 || g.m == 0 || g.n == 0) return;
  const int64_t tiles = g.batch * ceil_div(g.m, kTile) * ceil_div(g.n, kTile);
  const SplitK split = split_k(tiles, g.k);
  const Product shape{g.batch, g.m, g.n, g.k, g.a_row, g.a_col, g.b_row, g.b_col, split.depth};
  const bool a_deep = g.a_col == 1, b_deep = g.b_row == 1;
  const auto kernel = a_deep   ? (b_deep ? matmul<Tile, true, true> : matmul<Tile, true, false>)
                      : b_deep ? matmul<Tile, false, true>
                               : matmul<Tile, false, false>;
  const auto product = [&](const int64_t* a_offset, const int64_t* b_offset) {
    with_split_k(split, static_cast<T*>(g.y), g.batch * g.m * g.n, [&](T* parts) {
      launch(kernel, {tile_blocks("matmul", tiles * split.splits), kTileThreads}, shape, a_offset,
             b_offset, static_cast<const T*>(g.a), static_cast<const T*>(g.b), parts);
    });
  };
  if (g.batch == 1) return product(nullptr, nullptr);
  Upload<int64_t> a_offset(g.a_offset, g.batch), b_offset(g.b_offset, g.batch);
  product(a_offset.data(), b_offset.data());
}

template <class T>
void run(const MatmulArgs& g) {
  by_precision<T>(g.tf32, [&](auto tile) { run_tiles<decltype(tile)>(g); });
}

const RegisterDeviceKernel<MatmulKernel> matmul_device{
    [](const MatmulArgs& g) { PYGAN_BY_FLOAT(g.f64, run, g); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
