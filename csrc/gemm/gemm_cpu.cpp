// One block of C: packs its rows of A slice by slice and runs the register tile over them.
#include "gemm/kernels.h"
#include "gemm/micro_kernel.h"
#include "gemm/pack.h"

namespace pygan::PYGAN_ISA {
namespace {

// Stride of packed lines across k: whole cache lines, an odd number of them.
template <class T>
constexpr int64_t across_stride(int64_t rows) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  return ((rows + kLine - 1) / kLine | 1) * kLine;
}

template <class T>
void multiply(const MultiplyArgs<T>& args) {
  const Left<T>& left = *args.left;
  const bool across = left.lines_are_columns;
  const int64_t padded_rows = (args.m_count + kTileRows - 1) / kTileRows * kTileRows;
  const int64_t stride = across ? across_stride<T>(padded_rows) : kLineStride<T>;
  const auto compute = across ? any_tile<T, true> : any_tile<T, false>;

  int64_t c_offsets[kBlockRows];
  const Result<T>& result = *args.result;
  Position at = position(args.m_begin, result.rows, result.cols);
  for (int64_t r = 0; r < args.m_count; ++r) {
    c_offsets[r] = at.n * result.image + at.i * result.line + at.j * result.pixel;
    advance(at, result.rows, result.cols);
  }

  int64_t done = 0;
  do {  // at least once: an empty sum writes zeros
    const int64_t k_begin = args.k_begin + done;
    const int64_t k = args.k_count - done < kSlice ? args.k_count - done : kSlice;
    T* a = args.scratch;
    if (across) {  // (k, stride)
      pack_lines(left, k_begin, k, args.m_begin, args.m_count, padded_rows - args.m_count, stride,
                 a);
    } else {  // (padded_rows, stride)
      pack_lines(left, args.m_begin, args.m_count, k_begin, k, int64_t{0}, stride, a);
      for (int64_t r = args.m_count; r < padded_rows; ++r) clear(a + r * stride, k);
    }
    // Slices before this one are full, or args.packed would end here.
    const T* b = args.packed + (k_begin - args.packed_k_begin) * args.packed_n;
    for (int64_t j = 0; j < args.n_count; j += kTileColumns<T>) {
      const int64_t columns = args.n_count - j < kTileColumns<T> ? args.n_count - j
                                                                 : kTileColumns<T>;
      const T* panel = b + (args.n_begin + j) * k;  // (k, nr)
      for (int64_t i = 0; i < args.m_count; i += kTileRows) {
        const int64_t rows = args.m_count - i < kTileRows ? args.m_count - i : kTileRows;
        compute(k, a + (across ? i : i * stride), stride, panel,
                result.data + args.n_begin + j, c_offsets + i, static_cast<int>(rows),
                static_cast<int>(columns), args.add || done > 0);
      }
    }
    done += k;
  } while (done < args.k_count);
}

template <class T>
void bare_tile(int64_t repeats, const T* a, const T* b, T* c) {
  int64_t c_offsets[kTileRows];
  for (int r = 0; r < kTileRows; ++r) c_offsets[r] = r * kTileColumns<T>;
  for (int64_t i = 0; i < repeats; ++i) {
    tile<T, kTileRows, kTileVectors, false>(kSlice, a, 0, b, c, c_offsets, kTileRows,
                                            kTileColumns<T>, false);
  }
}

template <class T>
constexpr Kernels<T> kKernels = {
    .mr = kTileRows,
    .nr = kTileColumns<T>,
    .block_rows = kBlockRows,
    .left_scratch = (kBlockRows > kSlice ? kBlockRows : kSlice) * kLineStride<T>,
    .pack_right = pack_right<T>,
    .multiply = multiply<T>,
    .bare_tile = bare_tile<T>,
};

}  // namespace

const Kernels<float>* gemm_kernels_f32() { return &kKernels<float>; }
const Kernels<double>* gemm_kernels_f64() { return &kKernels<double>; }

}  // namespace pygan::PYGAN_ISA
