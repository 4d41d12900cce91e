// Sums over rows for each column, and passes that want numbers of a column: what the *_cuda.cu files
// of batch_norm, group_norm and virtual_batch_norm share.
//
//   x (segments, rows, columns)   a segment is a batch, or one sample of it
//
// A block has `across` columns side by side, so that a warp reads neighbours, and `lanes` threads a
// column, which take the rows of one chunk in turn. The cut depends on the shape only.
//
//   stage 1  partial (segments, chunks, sums, columns): a thread adds kRowsPerThread rows in the
//            working precision, a tree joins the lanes
//   stage 2  the same kernel, in double: the chunks are the rows, or the chunks of `width` columns
//            that are joined to one group
#pragma once

#include "core/error.h"
#include "device/device.h"
#include "ops/batch_norm/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

constexpr int64_t kRowsPerThread = 32;

struct Columns {
  int64_t segments, rows, columns;
  int64_t across, lanes;         // of a block, powers of 2
  int64_t chunk, chunks, tiles;  // rows of a chunk; chunks and tiles of columns of a segment
};

inline int64_t power_of_two(int64_t least_value, int64_t most) {
  int64_t p = 1;
  while (p < least_value && p < most) p *= 2;
  return p;
}
inline int64_t divided(int64_t n, int64_t d) { return (n + d - 1) / d; }

// chunk: rows that a thread adds; 0: all
inline Columns columns_of(int64_t segments, int64_t rows, int64_t columns, int64_t per_thread) {
  Columns s{};
  s.segments = segments;
  s.rows = rows;
  s.columns = columns;
  s.across = power_of_two(columns, kWarpSize);
  const int64_t lanes = power_of_two(rows, kThreads / s.across);
  const int64_t least_lanes = kWarpSize / s.across;  // a block is whole warps
  s.lanes = lanes < least_lanes ? least_lanes : lanes;
  s.chunk = per_thread > 0 ? s.lanes * per_thread : rows;
  s.chunks = divided(rows, s.chunk);
  s.tiles = divided(columns, s.across);
  return s;
}

inline LaunchShape shape_of(const Columns& s) {
  const int64_t blocks = s.segments * s.chunks * s.tiles;
  if (blocks > 0x7fffffff)
    throw ShapeError("statistics of (" + std::to_string(s.segments) + ", " +
                     std::to_string(s.rows) + ", " + std::to_string(s.columns) +
                     ") need more than 2^31 - 1 blocks: use smaller batches");
  return {static_cast<unsigned>(blocks), static_cast<unsigned>(s.across * s.lanes)};
}

// What a thread has of x: rows first, first + lanes, ... below last
struct Lane {
  int64_t segment, chunk, column, lane, first, last;
};
PYGAN_DEVICE inline Lane lane_of(const Columns& s) {
  const int64_t block = blockIdx.x, thread = threadIdx.x;
  Lane at;
  at.column = block % s.tiles * s.across + thread % s.across;
  at.chunk = block / s.tiles % s.chunks;
  at.segment = block / s.tiles / s.chunks;
  at.lane = thread / s.across;
  at.first = at.chunk * s.chunk + at.lane;
  at.last = least((at.chunk + 1) * s.chunk, s.rows);
  return at;
}

// term.add(segment, row, column, sum) for all rows of a chunk, then sink.put(lane, sum) once a
// column; sum is Sum[kSums].
template <class Sum, int kSums, class Term, class Sink>
PYGAN_KERNEL void sum_columns(Columns s, Term term, Sink sink) {
  PYGAN_SHARED(Sum, tree, [kSums][kThreads]);
  const Lane at = lane_of(s);
  Sum sum[kSums] = {};
  if (at.column < s.columns)
    for (int64_t row = at.first; row < at.last; row += s.lanes)
      term.add(at.segment, row, at.column, sum);
  const int64_t thread = threadIdx.x;
  for (int k = 0; k < kSums; ++k) tree[k][thread] = sum[k];
  for (int64_t half = s.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (at.lane < half)
      for (int k = 0; k < kSums; ++k) tree[k][thread] += tree[k][thread + half * s.across];
  }
  if (at.lane == 0 && at.column < s.columns) {
    for (int k = 0; k < kSums; ++k) sum[k] = tree[k][thread];
    sink.put(at, sum);
  }
}

// The result of stage 1, and what stage 2 adds: rows (chunks, width) of groups of columns.
template <int kSums>
struct Partial {
  double* sums;  // (segments, chunks, kSums, groups, width)
  int64_t chunks, groups, width;

  template <class Sum>
  PYGAN_DEVICE void put(const Lane& at, const Sum* sum) const {
    const int64_t columns = groups * width;
    double* p = sums + (at.segment * chunks + at.chunk) * kSums * columns + at.column;
    for (int k = 0; k < kSums; ++k) p[k * columns] = static_cast<double>(sum[k]);
  }
  PYGAN_DEVICE void add(int64_t segment, int64_t row, int64_t group, double* sum) const {
    const int64_t columns = groups * width;
    const double* p = sums + (segment * chunks + row / width) * kSums * columns + group * width;
    for (int k = 0; k < kSums; ++k) sum[k] += p[k * columns + row % width];
  }
};
template <int kSums>
int64_t partial_bytes(const Columns& s) {
  return s.segments * s.chunks * kSums * s.columns * static_cast<int64_t>(sizeof(double));
}

template <class Sum, int kSums, class Term, class Sink>
void launch_sums(const Columns& s, const Term& term, const Sink& sink) {
  launch(sum_columns<Sum, kSums, Term, Sink>, shape_of(s), s, term, sink);
}

// Both stages: finish.put(lane, double sum[kSums]) once for each segment and group of columns.
template <class T, int kSums, class Term, class Finish>
void sums_of(int64_t segments, int64_t rows, int64_t groups, int64_t width, const Term& term,
             const Finish& finish) {
  const Columns s = columns_of(segments, rows, groups * width, kRowsPerThread);
  Scratch memory(partial_bytes<kSums>(s));
  const Partial<kSums> partial{memory.as<double>(), s.chunks, groups, width};
  launch_sums<T, kSums>(s, term, partial);
  launch_sums<double, kSums>(columns_of(segments, s.chunks * width, groups, 0), partial, finish);
}

// map.at(i, row, of) for every element i = (segment rows + row) columns + column of x, with
// of = map.column(segment, column)
template <class Map>
PYGAN_KERNEL void map_columns(Columns s, Map map) {
  const Lane at = lane_of(s);
  if (at.column >= s.columns) return;
  const auto of = map.column(at.segment, at.column);
  for (int64_t row = at.first; row < at.last; row += s.lanes)
    map.at((at.segment * s.rows + row) * s.columns + at.column, of);
}
template <class Map>
void map_of(int64_t segments, int64_t rows, int64_t columns, const Map& map) {
  const Columns s = columns_of(segments, rows, columns, kRowsPerThread);
  launch(map_columns<Map>, shape_of(s), s, map);
}

// ---- moments -----------------------------------------------------------------------------------

// mean and var (segments, groups) of x (segments, rows, groups, width): two passes, as squares of
// what is not centred would cancel.
template <class T>
struct Values {
  const T* x;
  int64_t rows, columns;
  PYGAN_DEVICE void add(int64_t segment, int64_t row, int64_t column, T* sum) const {
    sum[0] += x[(segment * rows + row) * columns + column];
  }
};
template <class T>
struct Mean {
  T* mean;
  int64_t groups;
  double count;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    mean[at.segment * groups + at.column] = static_cast<T>(sum[0] / count);
  }
};
template <class T>
struct Centred {
  const T *x, *mean;
  int64_t rows, columns, width;
  PYGAN_DEVICE void add(int64_t segment, int64_t row, int64_t column, T* sum) const {
    const T d =
        x[(segment * rows + row) * columns + column] - mean[(segment * columns + column) / width];
    sum[0] += d;
    sum[1] += d * d;
  }
};
template <class T>
struct Variance {
  T* var;
  int64_t groups;
  double count;
  PYGAN_DEVICE void put(const Lane& at, const double* sum) const {
    var[at.segment * groups + at.column] = variance_of<T>(sum[0], sum[1], count);
  }
};

template <class T>
void moments(const T* x, T* mean, T* var, int64_t segments, int64_t rows, int64_t groups,
             int64_t width) {
  const double count = static_cast<double>(rows * width);
  const int64_t columns = groups * width;
  sums_of<T, 1>(segments, rows, groups, width, Values<T>{x, rows, columns},
                Mean<T>{mean, groups, count});
  sums_of<T, 2>(segments, rows, groups, width, Centred<T>{x, mean, rows, columns, width},
                Variance<T>{var, groups, count});
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
