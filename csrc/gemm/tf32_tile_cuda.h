// The tile of tile_cuda.h on tensor cores: operands rounded to TF32 (10 bits of mantissa), products
// exact, sums in float32. Architecture 8.0 on.
//
//   8 warps, each 32 rows by 16 columns of the tile: 2x2 products of mma 16x8x8. Slices of K come by
//   cp.async, two on their way while one is multiplied. Lane 4 g + t of a warp holds
//
//     a[i] = A[g + 8 (i % 2), t + 4 (i / 2)]      b[i] = B[t + 4 i, g]
//     c[i] = C[g + 8 (i / 2), 2 t + i % 2]        of each 16x8 (x8) product
//
// A slice's rows are 72 words: 8 t + g are then distinct banks for all lanes that read a fragment.
#pragma once

#include "device/mma.h"
#include "gemm/tile_cuda.h"

namespace pygan::PYGAN_BACKEND {

struct PutAsync {
  PYGAN_DEVICE void operator()(float& to, const float* from) const {
    if (from)
      cp_async<4>(&to, from);
    else
      to = 0.0f;
  }
};

struct Tf32Tile {
  using T = float;
  static constexpr int kStages = 3;
  static constexpr int kRow = kTile + 8;
  static constexpr int kWarpRows = 32, kWarpColumns = 16;
  static constexpr int kDown = kWarpRows / 16, kAcross = kWarpColumns / 8;  // products of a warp

  // As PlainTile::product. K ascends by eights; the order within an instruction is the hardware's.
  template <class A, class B, class Rows>
  PYGAN_DEVICE static void product(const A& a, const B& b, int64_t row, int64_t column,
                                   int64_t k_begin, int64_t k_end, const Rows& row_offset,
                                   float* c) {
    PYGAN_SHARED(float, a_slices, [kStages][kTileDepth][kRow]);
    PYGAN_SHARED(float, b_slices, [kStages][kTileDepth][kRow]);
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
    const int g = lane / 4, t = lane % 4;
    const int down = warp % (kTile / kWarpRows) * kWarpRows;
    const int across = warp / (kTile / kWarpRows) * kWarpColumns;
    const TileLoader<float, A> load_a(a, row);
    const TileLoader<float, B> load_b(b, column);
    float sums[kDown][kAcross][4] = {};

    int filled = 0;  // stage that is fetched next
    const auto fetch = [&](int64_t k) {
      if (k < k_end) {
        load_a.load(k, k_end, a_slices[filled], PutAsync{});
        load_b.load(k, k_end, b_slices[filled], PutAsync{});
      }
      cp_async_commit();  // an empty group too: the count of groups stays in step
      filled = filled + 1 == kStages ? 0 : filled + 1;
    };
    PYGAN_UNROLL for (int s = 0; s < kStages - 1; ++s) fetch(k_begin + s * kTileDepth);
    int turn = 0;  // stage that is multiplied
    for (int64_t k = k_begin; k < k_end; k += kTileDepth) {
      cp_async_wait<kStages - 2>();
      __syncthreads();  // all have this slice, and have done with the one that is fetched over now
      fetch(k + (kStages - 1) * kTileDepth);
      PYGAN_UNROLL for (int m = 0; m < kTileDepth / 8; ++m)
          multiply(a_slices[turn], b_slices[turn], 8 * m, down + g, across + g, t, sums);
      turn = turn + 1 == kStages ? 0 : turn + 1;
    }

    PYGAN_UNROLL for (int m = 0; m < kDown; ++m) {
      PYGAN_UNROLL for (int i = 0; i < 4; ++i) {
        const int64_t r = row + down + 16 * m + g + 8 * (i / 2);
        if (r >= a.lines) continue;
        float* const line = c + row_offset(r);
        PYGAN_UNROLL for (int n = 0; n < kAcross; ++n) {
          const int64_t q = column + across + 8 * n + 2 * t + i % 2;
          if (q < b.lines) line[q] = sums[m][n][i];
        }
      }
    }
  }

 private:
  // Adds eight positions of K, from p on
  PYGAN_DEVICE static void multiply(const float (&a)[kTileDepth][kRow],
                                    const float (&b)[kTileDepth][kRow], int p, int row, int column,
                                    int t, float (&sums)[kDown][kAcross][4]) {
    uint32_t left[kDown][4], right[kAcross][2];
    PYGAN_UNROLL for (int m = 0; m < kDown; ++m) {
      PYGAN_UNROLL for (int i = 0; i < 4; ++i) left[m][i] =
          to_tf32(a[p + t + 4 * (i / 2)][row + 16 * m + 8 * (i % 2)]);
    }
    PYGAN_UNROLL for (int n = 0; n < kAcross; ++n) {
      PYGAN_UNROLL for (int i = 0; i < 2; ++i) right[n][i] =
          to_tf32(b[p + t + 4 * i][column + 8 * n]);
    }
    PYGAN_UNROLL for (int m = 0; m < kDown; ++m) {
      PYGAN_UNROLL for (int n = 0; n < kAcross; ++n)
          mma_tf32_16x8x8(sums[m][n], left[m], right[n], sums[m][n]);
    }
  }
};

// run(tile) with the tile that serves T: on tensor cores where they are asked for and there.
template <class T, class Run>
void by_precision(bool tf32, const Run& run) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (tf32 && has_tf32()) return run(Tf32Tile{});
  }
  run(PlainTile<T>{});
}

}  // namespace pygan::PYGAN_BACKEND
