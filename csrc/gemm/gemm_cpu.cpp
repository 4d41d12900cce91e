// One task of the matrix engine: packs rows of A, slice by slice, and runs the register tile over
// them.
#include "gemm/finish.h"
#include "gemm/fold.h"
#include "gemm/kernels.h"
#include "gemm/micro_kernel.h"
#include "gemm/pack.h"
#include "gemm/thin.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// Stride of packed lines across k: whole cache lines, an odd number of them.
template <class T>
constexpr int64_t across_stride(int64_t rows) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  return ((rows + kLine - 1) / kLine | 1) * kLine;
}

// Rows [m_begin, +m_count) of one slice [k_begin, +k) of the block's product.
template <class T>
void multiply_rows(const MultiplyArgs<T>& args, int64_t m_begin, int64_t m_count, int64_t k_begin,
                   int64_t k, bool add) {
  const Left<T>& left = *args.left;
  const bool across = left.lines_are_columns;
  const int64_t padded_rows = (m_count + kTileRows - 1) / kTileRows * kTileRows;
  const int64_t stride = across ? across_stride<T>(padded_rows) : kLineStride<T>;
  T* a = args.scratch;
  if (across) {  // (k, stride)
    pack_lines(left, k_begin, k, m_begin, m_count, padded_rows - m_count, stride, a);
  } else {  // (padded_rows, stride)
    pack_lines(left, m_begin, m_count, k_begin, k, int64_t{0}, stride, a);
    for (int64_t r = m_count; r < padded_rows; ++r) clear(a + r * stride, k);
  }

  int64_t c_offsets[kBlockRowsAcross];
  const Result<T>& result = *args.result;
  Position at = position(m_begin, result.rows, result.cols);
  for (int64_t r = 0; r < m_count; ++r) {
    c_offsets[r] = at.n * result.image + at.i * result.line + at.j * result.pixel;
    advance(at, result.rows, result.cols);
  }

  const auto compute = across ? any_tile<T, true> : any_tile<T, false>;
  // Slices before this one are full: only the last of `packed` may be short.
  const T* slice = args.packed + (k_begin - args.packed_k_begin) * args.packed_n;
  // A tile's rows of A stay in L1 while B's panels stream past.
  for (int64_t i = 0; i < m_count; i += kTileRows) {
    const int64_t rows = smaller(m_count - i, kTileRows);
    for (int64_t j = args.n_begin; j < args.n_begin + args.n_count; j += kTileColumns<T>) {
      const int64_t columns = smaller(args.n_begin + args.n_count - j, kTileColumns<T>);
      const T* b = slice + j * k;
      int64_t b_stride = kTileColumns<T>;
      if (args.in_place != nullptr) {
        b = slice;
        if (columns == kTileColumns<T>) {
          b = args.in_place + k_begin * args.in_place_row + j;
          b_stride = args.in_place_row;
        }
      }
      compute(k, a + (across ? i : i * stride), stride, b, b_stride, result.data + j, c_offsets + i,
              static_cast<int>(rows), static_cast<int>(columns), add);
    }
  }
}

template <class T>
void multiply(const MultiplyArgs<T>& args) {
  const int64_t block = args.left->lines_are_columns ? kBlockRowsAcross : kBlockRows;
  int64_t done = 0;
  do {  // at least once: an empty sum writes zeros
    const int64_t k = smaller(args.k_count - done, kSlice);
    for (int64_t i = 0; i < args.m_count; i += block) {
      multiply_rows(args, args.m_begin + i, smaller(args.m_count - i, block), args.k_begin + done,
                    k, args.add || done > 0);
    }
    done += k;
  } while (done < args.k_count);
}

template <class T>
void bare_tile(int64_t repeats, const T* a, const T* b, T* c) {
  int64_t c_offsets[kTileRows];
  for (int r = 0; r < kTileRows; ++r) c_offsets[r] = r * kTileColumns<T>;
  for (int64_t i = 0; i < repeats; ++i) {
    tile<T, kTileRows, kTileVectors, false>(kSlice, a, 0, b, kTileColumns<T>, c, c_offsets,
                                            kTileRows, kTileColumns<T>, false);
  }
}

template <class T>
constexpr Kernels<T> kKernels = {
    .mr = kTileRows,
    .nr = kTileColumns<T>,
    .lanes = kLanes<T>,
    .block_rows = kBlockRows,
    .block_rows_across = kBlockRowsAcross,
    .left_scratch = larger(kBlockRows * kLineStride<T>, kSlice* across_stride<T>(kBlockRowsAcross)),
    .pack_right = pack_right<T>,
    .multiply = multiply<T>,
    .thin = thin<T>,
    .few_rows = few_rows<T>,
    .fold = fold<T>,
    .finish = finish<T>,
    .bare_tile = bare_tile<T>,
};

}  // namespace

const Kernels<float>* gemm_kernels_f32() { return &kKernels<float>; }
const Kernels<double>* gemm_kernels_f64() { return &kKernels<double>; }

}  // namespace pygan::PYGAN_ISA
