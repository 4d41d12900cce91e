// The matrix engine of CUDA: a block of 256 threads computes one 64x64 tile of C = A B. Here its plain
// form; tf32_tile_cuda.h has the same on tensor cores.
//
//   K in slices of 16, which pass through shared memory; a thread keeps 4x4 sums in registers, of rows
//   (thread / 16) + 16 i and columns (thread % 16) + 16 j: so the 16 threads of a half-warp read
//   neighbouring words of shared memory and write neighbouring elements of C.
//
//        K ->                      column tile
//                                 b slice (16, 64)
//      row tile   a slice (64, 16)   C tile (64, 64)
//
// Every sum runs over K in ascending order, one fma a product: an element's bits depend on its row
// of A and its column of B only. Elements beyond K enter as zeros; rows and columns beyond the
// matrix are computed from its last ones and not written.
//
// What a matrix is, dense or gathered patches, is said by a view. Its lines are A's rows or B's
// columns; along a line runs K:
//
//   struct View {
//     static constexpr bool kDepthFirst;   // neighbours along K are neighbours in memory
//     int64_t lines;
//     Line line(int64_t) const;    // what of an element's address depends on its line ...
//     Depth depth(int64_t) const;  // ... and on its position along K: each computed once, not 64 times
//     const T* at(Line, Depth) const;  // null: the element is zero
//   };
#pragma once

#include <algorithm>
#include <string>

#include "core/error.h"
#include "device/device.h"

namespace pygan::PYGAN_BACKEND {

constexpr int kTile = 64;       // rows and columns of C a block computes
constexpr int kTileDepth = 16;  // of K in shared memory at a time
constexpr int kTileThreads = 256;
constexpr int kTileLoads = kTile * kTileDepth / kTileThreads;  // of a thread, a slice and operand

PYGAN_BITS int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The last digit of a block's number, which is taken off: digits say which tile, group, phase, ...
PYGAN_DEVICE inline int64_t take_digit(int64_t& number, int64_t base) {
  const int64_t digit = number % base;
  number /= base;
  return digit;
}

// Grid of one block a tile
inline unsigned tile_blocks(const char* op, int64_t blocks) {
  if (blocks > 0x7fffffff)
    throw ShapeError(std::string(op) + ": " + std::to_string(blocks) +
                     " tiles of 64x64, a launch takes at most 2147483647: cut the batch");
  return static_cast<unsigned>(blocks);
}

// A dense matrix: element (line, k) at data[line * line_stride + k * depth_stride]
template <class T, bool depth_first>
struct DenseView {
  static constexpr bool kDepthFirst = depth_first;
  using Line = const T*;
  using Depth = int64_t;
  const T* data;
  int64_t lines, line_stride, depth_stride;

  PYGAN_DEVICE Line line(int64_t i) const { return data + i * line_stride; }
  PYGAN_DEVICE Depth depth(int64_t k) const { return k * depth_stride; }
  PYGAN_DEVICE const T* at(Line line, Depth depth) const { return line + depth; }
};

// A thread's part in loading slices of one operand. Neighbouring threads take neighbouring elements
// along the view's memory: 16 along K of 16 lines at a time, or 64 lines at 4 positions of K.
template <class T, class View>
class TileLoader {
 public:
  PYGAN_DEVICE TileLoader(const View& view, int64_t first_line) : view_(view) {
    PYGAN_UNROLL for (int i = 0; i < kLines; ++i) lines_[i] =
        view.line(least(first_line + line_of(i), view.lines - 1));
  }

  // slice[k][line] for the K from k_begin on, zeros from k_end on. put(element of the slice, where
  // it comes from or null)
  template <int kRow, class Put>
  PYGAN_DEVICE void load(int64_t k_begin, int64_t k_end, T (&slice)[kTileDepth][kRow],
                         const Put& put) const {
    PYGAN_UNROLL for (int j = 0; j < kDepths; ++j) {
      const int64_t k = k_begin + depth_of(j);
      const auto depth = view_.depth(k);
      PYGAN_UNROLL for (int i = 0; i < kLines; ++i)
          put(slice[depth_of(j)][line_of(i)], k < k_end ? view_.at(lines_[i], depth) : nullptr);
    }
  }

 private:
  static constexpr int kWide = View::kDepthFirst ? kTileDepth : kTile;  // threads along memory
  static constexpr int kLines = View::kDepthFirst ? kTileLoads : 1;
  static constexpr int kDepths = View::kDepthFirst ? 1 : kTileLoads;
  const View& view_;
  typename View::Line lines_[kLines];

  PYGAN_DEVICE static int across(int i) {
    return static_cast<int>(threadIdx.x) / kWide + i * (kTileThreads / kWide);
  }
  PYGAN_DEVICE static int along() { return static_cast<int>(threadIdx.x) % kWide; }
  PYGAN_DEVICE static int line_of(int i) { return View::kDepthFirst ? across(i) : along(); }
  PYGAN_DEVICE static int depth_of(int j) { return View::kDepthFirst ? along() : across(j); }
};

struct PutElement {
  template <class T>
  PYGAN_DEVICE void operator()(T& to, const T* from) const {
    to = from ? *from : T(0);
  }
};

template <class E>
struct PlainTile {
  using T = E;
  static constexpr int kSide = 16;             // threads along each side of the tile
  static constexpr int kSums = kTile / kSide;  // of a thread, along each side
  static constexpr int kRow = kTile + 2;       // of a slice: depth-first writes hit distinct banks

  // C[row + .., column + ..] = sum_k A[row + .., k] B[k, column + ..] for k in [k_begin, k_end).
  // C (a.lines, b.lines): its row i starts at c + row_offset(i).
  //
  // Two slices of each operand are in shared memory in turn, so one barrier a slice is enough: who
  // overwrites a slice has met, at the barrier in between, all who read it.
  template <class A, class B, class Rows>
  PYGAN_DEVICE static void product(const A& a, const B& b, int64_t row, int64_t column,
                                   int64_t k_begin, int64_t k_end, const Rows& row_offset, T* c) {
    PYGAN_SHARED(T, a_slices, [2][kTileDepth][kRow]);
    PYGAN_SHARED(T, b_slices, [2][kTileDepth][kRow]);
    const int tx = static_cast<int>(threadIdx.x) % kSide;
    const int ty = static_cast<int>(threadIdx.x) / kSide;
    const TileLoader<T, A> load_a(a, row);
    const TileLoader<T, B> load_b(b, column);
    T sums[kSums][kSums] = {};
    int turn = 0;
    for (int64_t k = k_begin; k < k_end; k += kTileDepth, turn ^= 1) {
      load_a.load(k, k_end, a_slices[turn], PutElement{});
      load_b.load(k, k_end, b_slices[turn], PutElement{});
      __syncthreads();
      for (int p = 0; p < kTileDepth; ++p) {
        T left[kSums], right[kSums];
        PYGAN_UNROLL for (int i = 0; i < kSums; ++i) {
          left[i] = a_slices[turn][p][ty + i * kSide];
          right[i] = b_slices[turn][p][tx + i * kSide];
        }
        PYGAN_UNROLL for (int i = 0; i < kSums; ++i) {
          PYGAN_UNROLL for (int j = 0; j < kSums; ++j) sums[i][j] =
              fma(left[i], right[j], sums[i][j]);
        }
      }
    }
    PYGAN_UNROLL for (int i = 0; i < kSums; ++i) {
      if (row + ty + i * kSide >= a.lines) return;
      T* const line = c + row_offset(row + ty + i * kSide) + column + tx;
      PYGAN_UNROLL for (int j = 0; j < kSums; ++j) {
        if (column + tx + j * kSide < b.lines) line[j * kSide] = sums[i][j];
      }
    }
  }
};

// Rows of a dense C
struct DenseRows {
  int64_t stride;
  PYGAN_DEVICE int64_t operator()(int64_t row) const { return row * stride; }
};

// ---- split K ---------------------------------------------------------------------------------------
// Few tiles and a long K leave most of a GPU idle: then K is cut into `splits` parts of `depth`, each
// a tile of its own in a workspace, added up part by part afterwards. The cut depends on the problem
// alone, so the order of additions does too.
struct SplitK {
  int64_t splits, depth;
};
inline SplitK split_k(int64_t tiles, int64_t k) {
  constexpr int64_t kEnough = 256;    // tiles: about two a multiprocessor
  constexpr int64_t kShortest = 256;  // part of K that pays for writing its tile
  const int64_t wanted = std::min(ceil_div(k, kShortest), kEnough / tiles);
  if (wanted <= 1) return {1, k};
  const int64_t depth = ceil_div(ceil_div(k, wanted), kTileDepth) * kTileDepth;
  return {ceil_div(k, depth), depth};
}

template <class T>
PYGAN_KERNEL void add_parts(const T* parts /* (splits, n) */, T* c /* (n) */, int64_t splits,
                            int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) {
    T sum = parts[i];
    for (int64_t s = 1; s < splits; ++s) sum += parts[s * n + i];
    c[i] = sum;
  }
}

// Runs product(parts) with room for every part of C (n), and adds them up.
template <class T, class Product>
void with_split_k(const SplitK& split, T* c, int64_t n, const Product& product) {
  if (split.splits == 1) return product(c);
  Scratch parts(split.splits * n * static_cast<int64_t>(sizeof(T)));
  product(parts.as<T>());
  launch(add_parts<T>, {blocks_for(n), kThreads}, parts.as<T>(), c, split.splits, n);
}

}  // namespace pygan::PYGAN_BACKEND
