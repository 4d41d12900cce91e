#include "gemm/driver.h"

#include <algorithm>

#include "core/parallel.h"
#include "gemm/scratch.h"

namespace pygan::gemm {
namespace {

// Packed B is kept below this, so that it lives in a shared cache and memory use is bounded.
constexpr int64_t kPackedBytes = int64_t{16} << 20;
constexpr int64_t kPackedColumns = 8192;

// B is not packed where C has at most this many tiles of rows, or B lies in L1 anyway.
constexpr int64_t kInPlaceTiles = 16;
constexpr int64_t kInPlaceBytes = int64_t{24} << 10;

// Rows of a thin product that a task takes at least.
constexpr int64_t kThinRows = 16;

// A task below this many multiplications is not worth handing to another thread.
constexpr int64_t kTaskWork = 1 << 18;

// A product of at most so many, some microseconds, is one task: another thread, asleep, takes longer.
constexpr int64_t kAloneWork = 1 << 20;

// Enough tasks to keep a large machine busy; C is then cut finer, or k is split.
constexpr int64_t kWantedTasks = 32;
constexpr int64_t kFewTasks = 8;

// Elements of C that one task keeps in L2, and that all partial sums of a split k may take.
constexpr int64_t kResidentC = 1 << 16;
constexpr int64_t kPartialC = 1 << 20;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

thread_local Scratch left_scratch;  // of every thread that computes

// How C and k are cut: by the problem's size alone, never by the number of threads.
struct Cut {
  int64_t m_block, n_block;  // of C, a task's part
  int64_t k_block;           // of k, a task's part: all of it, or whole slices of a split
  int64_t m_blocks, n_blocks, k_splits;
};

template <class T>
Cut cut(int64_t m, int64_t n, int64_t k, bool gather_across, const Kernels<T>& kernel) {
  if (m * n * k <= kAloneWork) return {m, n, k, 1, 1, 1};
  int64_t m_block = gather_across ? kernel.block_rows_across : kernel.block_rows;
  int64_t n_block = round_up(n, kernel.nr);
  const auto blocks = [&] { return ceil_div(m, m_block) * ceil_div(n, n_block); };
  const int64_t wanted =
      std::clamp<int64_t>(m * n * std::max<int64_t>(k, 1) / kTaskWork, 1, kWantedTasks);
  // Wide columns first: A is packed once more for each part, but by then it is in a cache.
  while (blocks() < wanted && n_block > 8 * kernel.nr) n_block = round_up(n_block / 2, kernel.nr);
  // A long k is split where C is small. Where patches run along m (weight gradients), a task
  // should hold many rows of C: all of them read the same few pixels.
  if (gather_across) m_block *= std::max<int64_t>(1, kResidentC / (n_block * m_block));
  const int64_t splits = std::min(
      {ceil_div(wanted, blocks()), k / (4 * kSlice), std::max<int64_t>(1, kPartialC / (m * n))});
  Cut c{0, 0, k, 0, 0, 1};
  if (splits > 1 && (gather_across || splits >= 4)) {
    c.k_block = round_up(ceil_div(k, splits), kSlice);
    c.k_splits = ceil_div(k, c.k_block);
  }
  // Each block of rows reads all of B again: not below a hundred or so, but to have any tasks.
  while (blocks() * c.k_splits < wanted && m_block > 8 * kernel.mr && m_block > 128) {
    m_block = round_up(std::max<int64_t>(m_block / 2, 112), kernel.mr);
  }
  while (blocks() * c.k_splits < std::min(wanted, kFewTasks) && m_block > 2 * kernel.mr) {
    m_block = round_up(m_block / 2, kernel.mr);
  }
  while (blocks() * c.k_splits < std::min(wanted, kFewTasks) && n_block > 2 * kernel.nr) {
    n_block = round_up(n_block / 2, kernel.nr);
  }
  // Equal parts.
  c.m_block = round_up(ceil_div(m, ceil_div(m, m_block)), kernel.mr);
  c.n_block = round_up(ceil_div(n, ceil_div(n, n_block)), kernel.nr);
  c.m_blocks = ceil_div(m, c.m_block);
  c.n_blocks = ceil_div(n, c.n_block);
  return c;
}

// Slices of k from k_begin of columns [n_begin, n_begin + n_count), for all threads.
template <class T>
void pack(const Problem<T>& problem, const Kernels<T>& kernel, int64_t k_begin, int64_t k_count,
          int64_t n_begin, int64_t n_count, T* packed) {
  const int64_t panels = ceil_div(n_count, kernel.nr);
  const int64_t slices = ceil_div(k_count, kSlice);
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / (kernel.nr * kSlice));
  parallel_ranges(panels * slices, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slice = i / panels * kSlice;
      const int64_t column = i % panels * kernel.nr;
      const int64_t k = std::min(kSlice, k_count - slice);
      kernel.pack_right({&problem.right, k_begin + slice, k, n_begin + column,
                         std::min(kernel.nr, n_count - column),
                         packed + slice * panels * kernel.nr + column * k});
    }
  });
}

// The epilogue on rows [m0, m0 + rows) and columns [n0, n0 + columns) of C.
template <class T>
void finish_block(const Problem<T>& problem, int64_t m0, int64_t rows, int64_t n0,
                  int64_t columns) {
  const Kernels<T>& kernel = kernels<T>();
  const Result<T>& c = problem.result;
  Epilogue<T> then = problem.then;
  if (then.bias != nullptr) then.bias += n0;
  if (c.rows == 1 && c.cols == 1)
    return kernel.finish({then, c.data + m0 * c.image + n0, rows, columns, c.image});
  for (int64_t done = 0; done < rows;) {  // a line of C at a time
    const int64_t line = (m0 + done) / c.cols, first = (m0 + done) % c.cols;
    const int64_t count = std::min(rows - done, c.cols - first);
    T* const y = c.data + line / c.rows * c.image + line % c.rows * c.line + first * c.pixel + n0;
    kernel.finish({then, y, count, columns, c.pixel});
    done += count;
  }
}

// c (m, n) (+)= sum of partial (splits, m, n), in the order of the splits.
template <class T>
void sum_partials(const T* partial, int64_t splits, int64_t m, int64_t n, const Result<T>& result,
                  bool add) {
  const int64_t grain = std::max<int64_t>(1, (1 << 14) / (n * splits));
  parallel_ranges(m, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t line = i / result.cols;
      T* row = result.data + line / result.rows * result.image + line % result.rows * result.line +
               i % result.cols * result.pixel;
      for (int64_t s = 0; s < splits; ++s) {
        const T* from = partial + (s * m + i) * n;  // (n)
        if (s > 0 || add) {
          for (int64_t j = 0; j < n; ++j) row[j] += from[j];
        } else {
          for (int64_t j = 0; j < n; ++j) row[j] = from[j];
        }
      }
    }
  });
}

// Columns [n_begin, n_begin + n) and k from k_begin to k_begin + k: what one packing of B serves.
template <class T>
void run_packed(const Problem<T>& problem, int64_t n_begin, int64_t n, int64_t k_begin, int64_t k,
                bool add) {
  const bool finishes = problem.then && k_begin + k >= problem.k;
  const Kernels<T>& kernel = kernels<T>();
  // Where few rows use it, B is read where it lies; only columns short of a panel are packed.
  const Right<T>& right = problem.right;
  const bool in_place = right.tap_offset == nullptr && right.col == 1 &&
                        (problem.m <= kInPlaceTiles * kernel.mr ||
                         problem.k * problem.n * static_cast<int64_t>(sizeof(T)) <= kInPlaceBytes);
  const int64_t packed_from = in_place ? n / kernel.nr * kernel.nr : 0;
  const int64_t packed_n = round_up(n - packed_from, kernel.nr);
  const bool gather_across = problem.left.lines_are_columns && problem.left.patches != nullptr;
  const Cut c = cut(problem.m, n, k, gather_across, kernel);
  const int64_t packed_size = round_up(packed_n * k, kernel.lanes);
  const int64_t partial_size = c.k_splits > 1 ? c.k_splits * problem.m * n : 0;
  T* const packed = call_scratch().get<T>(packed_size + partial_size);
  T* const partial = partial_size > 0 ? packed + packed_size : nullptr;  // (k_splits, m, n)
  pack(problem, kernel, k_begin, k, n_begin + packed_from, n - packed_from, packed);

  Result<T> result = problem.result;
  result.data += n_begin;
  parallel_for(c.m_blocks * c.n_blocks * c.k_splits, [&](int64_t task) {
    const int64_t split = task % c.k_splits;
    const int64_t block = task / c.k_splits;
    const int64_t m0 = block / c.n_blocks * c.m_block;
    const int64_t n0 = block % c.n_blocks * c.n_block;
    const int64_t k0 = split * c.k_block;
    const Result<T> own = {partial + split * problem.m * n, 1, 1, n, 0, 0};
    MultiplyArgs<T> args;
    args.left = &problem.left;
    args.packed = packed;
    args.packed_k_begin = k_begin;
    args.packed_n = packed_n;
    args.in_place = in_place ? right.data + n_begin : nullptr;
    args.in_place_row = right.row;
    args.m_begin = m0;
    args.m_count = std::min(c.m_block, problem.m - m0);
    args.n_begin = n0;
    args.n_count = std::min(c.n_block, n - n0);
    args.k_begin = k_begin + k0;
    args.k_count = std::min(c.k_block, k - k0);
    args.result = partial != nullptr ? &own : &result;
    args.add = partial == nullptr && add;
    args.scratch = left_scratch.get<T>(kernel.left_scratch);
    kernel.multiply(args);
    if (finishes && partial == nullptr)
      finish_block(problem, m0, args.m_count, n_begin + n0, args.n_count);
  });
  if (partial == nullptr) return;
  sum_partials(partial, c.k_splits, problem.m, n, result, add);
  if (finishes) finish_block(problem, 0, problem.m, n_begin, n);
}

template <class T>
void run_thin(const Problem<T>& problem) {
  const Kernels<T>& kernel = kernels<T>();
  const int64_t stride = round_up(std::max<int64_t>(problem.k, 1), kernel.lanes);
  T* packed = call_scratch().get<T>(problem.n * stride);  // (n, stride)
  const Right<T>& right = problem.right;
  for (int64_t j = 0; j < problem.n; ++j) {
    T* to = packed + j * stride;
    for (int64_t p = 0; p < problem.k; ++p) {
      const int64_t tap = p / right.tap_k;
      const int64_t offset = right.tap_offset != nullptr ? right.tap_offset[tap] : 0;
      to[p] = right.data[offset + (p - tap * right.tap_k) * right.row + j * right.col];
    }
    std::fill(to + problem.k, to + stride, T(0));
  }
  const int64_t grain =
      std::max<int64_t>(kThinRows, kTaskWork / kThinRows / (stride * problem.n) * kThinRows);
  parallel_ranges(problem.m, grain, [&](int64_t begin, int64_t end) {
    kernel.thin({&problem.left, packed, stride, begin, end - begin, problem.n, problem.k,
                 &problem.result, problem.result_column, problem.accumulate,
                 left_scratch.get<T>(kernel.left_scratch)});
    if (problem.then) finish_block(problem, begin, end - begin, 0, problem.n);
  });
}

template <class T>
void run_few_rows(const Problem<T>& problem) {
  const Kernels<T>& kernel = kernels<T>();
  // A task's part of C stays in L1.
  const int64_t least =
      round_up(std::max<int64_t>(1, (1 << 16) / (problem.k * problem.m + 1)), kernel.lanes);
  const int64_t grain = std::clamp<int64_t>(least, 256, 2048);
  parallel_ranges(problem.n, grain, [&](int64_t begin, int64_t end) {
    kernel.few_rows({&problem.left, &problem.right, problem.m, problem.k, begin, end - begin,
                     problem.result.data, problem.result.image, problem.accumulate});
    if (problem.then) finish_block(problem, 0, problem.m, begin, end - begin);
  });
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  return *PYGAN_DISPATCH(gemm_kernels_f32)();
}

template <>
const Kernels<double>& kernels<double>() {
  return *PYGAN_DISPATCH(gemm_kernels_f64)();
}

template <class T>
void finish(const Epilogue<T>& then, T* y, int64_t rows, int64_t columns, int64_t row) {
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(columns, 1));
  parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
    kernels<T>().finish({then, y + begin * row, end - begin, columns, row});
  });
}

template <class T>
void run(const Problem<T>& problem) {
  if (problem.m <= 0 || problem.n <= 0) return;
  const Left<T>& left = problem.left;
  const bool lines_along_k =
      !left.lines_are_columns && (left.patches != nullptr || left.element == 1);
  if (problem.n <= kThin && lines_along_k) return run_thin(problem);
  if (problem.m <= kThin && left.patches == nullptr && problem.right.tap_offset == nullptr &&
      problem.right.col == 1 && problem.result.rows == 1 && problem.result.cols == 1) {
    return run_few_rows(problem);
  }
  for (int64_t n0 = 0; n0 < problem.n; n0 += kPackedColumns) {
    const int64_t n = std::min(kPackedColumns, problem.n - n0);
    const int64_t packable = kPackedBytes / static_cast<int64_t>(sizeof(T)) /
                             round_up(n, kernels<T>().nr) / kSlice * kSlice;
    int64_t k0 = 0;
    do {  // at least once: an empty sum writes zeros
      const int64_t k = std::min(packable, problem.k - k0);
      run_packed(problem, n0, n, k0, k, problem.accumulate || k0 > 0);
      k0 += k;
    } while (k0 < problem.k);
  }
}

template void run<float>(const Problem<float>&);
template void run<double>(const Problem<double>&);
template void finish<float>(const Epilogue<float>&, float*, int64_t, int64_t, int64_t);
template void finish<double>(const Epilogue<double>&, double*, int64_t, int64_t, int64_t);

}  // namespace pygan::gemm
