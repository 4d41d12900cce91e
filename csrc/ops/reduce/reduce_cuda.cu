#include "ops/reduce/reduce.h"

#include "device/device.h"
#include "device/reduce.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// ---- tiles -----------------------------------------------------------------------------------------

// A block takes `width` neighbouring columns of one piece. Thread t goes down column t % width, every
// lanes-th row from t / width on; the lanes of a column then meet in a tree.
struct Tile {
  unsigned width, lanes;  // powers of 2, width lanes = kThreads
  int64_t tiles;          // of a row
};

Tile tile_of(const Pass& pass) {
  unsigned width = 1;
  while (width < kWarpSize && width < pass.inner) width *= 2;
  return {width, kThreads / width, (pass.inner + width - 1) / width};
}

// Where a tile's columns of a piece begin: x (outer, count, inner), y (outer, pieces, inner)
struct Place {
  int64_t x, y, rows;
  bool within;  // does this thread's column exist?
};
PYGAN_DEVICE Place place_of(int64_t task, const Pass& pass, const Tile& tile) {
  const int64_t column = task % tile.tiles * tile.width + threadIdx.x % tile.width;
  const int64_t row = task / tile.tiles;  // of y
  const int64_t outer = row / pass.pieces, first = row % pass.pieces * pass.piece;
  return {(outer * pass.count + first) * pass.inner + column, row * pass.inner + column,
          least(pass.piece, pass.count - first), column < pass.inner};
}

LaunchShape blocks_of(const Pass& pass, const Tile& tile) {
  return {blocks_for(pass.outer * pass.pieces * tile.tiles, 1), kThreads};
}

// ---- sums ------------------------------------------------------------------------------------------

struct Itself {
  template <class T>
  static PYGAN_DEVICE T of(T x) {
    return x;
  }
};
struct Squared {
  template <class T>
  static PYGAN_DEVICE T of(T x) {
    return x * x;
  }
};

template <class T>
PYGAN_DEVICE T finished(T sum, Finish finish, T divisor) {
  if (finish == Finish::divide) return sum / divisor;
  return finish == Finish::sqrt ? vecmath::sqrt(sum) : sum;
}

// Short rows, one a warp, in float64: what cancels leaves 0 (reduce_cpu.cpp). x (outer, count), y
// (outer): one piece a row
template <class F, class T>
PYGAN_KERNEL void sum_rows(const T* x, T* y, Pass pass, Finish finish, T divisor) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  for (int64_t row = global_thread() / kWarpSize; row < pass.outer;
       row += global_threads() / kWarpSize) {
    double sum = 0;
    for (int64_t i = lane; i < pass.count; i += kWarpSize)
      sum += F::of(static_cast<double>(x[row * pass.count + i]));
    sum = warp_sum(sum);
    if (lane == 0) y[row] = finished(static_cast<T>(sum), finish, divisor);
  }
}

// x (outer, count, inner), y (outer, pieces, inner); in float64 as well
template <class F, class T>
PYGAN_KERNEL void sum_columns(const T* x, T* y, Pass pass, Tile tile, Finish finish, T divisor) {
  PYGAN_SHARED(double, sums, [kThreads]);  // (lanes, width)
  const unsigned lane = threadIdx.x / tile.width;
  for (int64_t task = blockIdx.x; task < pass.outer * pass.pieces * tile.tiles; task += gridDim.x) {
    const Place at = place_of(task, pass, tile);
    double sum = 0;
    if (at.within)
      for (int64_t r = lane; r < at.rows; r += tile.lanes)
        sum += F::of(static_cast<double>(x[at.x + r * pass.inner]));
    sums[threadIdx.x] = sum;
    for (unsigned half = tile.lanes / 2; half > 0; half /= 2) {
      __syncthreads();
      if (lane < half) sums[threadIdx.x] += sums[threadIdx.x + half * tile.width];
    }
    if (lane == 0 && at.within)
      y[at.y] = finished(static_cast<T>(sums[threadIdx.x]), finish, divisor);
    __syncthreads();  // the next tile writes sums
  }
}

constexpr int64_t kShortRow = 1024;

template <class T, class F>
void sum_of(const SumArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const T divisor = static_cast<T>(a.divisor);
  if (a.pass.outer * a.pass.inner == 0) return;
  if (a.pass.inner == 1 && a.pass.pieces == 1 && a.pass.count <= kShortRow) {
    const unsigned blocks = blocks_for(a.pass.outer, kWarps);
    launch(sum_rows<F, T>, {blocks, kThreads}, x, y, a.pass, a.finish, divisor);
  } else {
    const Tile tile = tile_of(a.pass);
    launch(sum_columns<F, T>, blocks_of(a.pass, tile), x, y, a.pass, tile, a.finish, divisor);
  }
}

template <class T>
void sum(const SumArgs& a) {
  a.summand == Summand::square ? sum_of<T, Squared>(a) : sum_of<T, Itself>(a);
}

// ---- extremes --------------------------------------------------------------------------------------

template <class T>
struct Best {
  T value;
  int64_t row;
};

// Does b come before a? The first of equals, and the first NaN, which is before everything.
template <bool kSmallest, class T>
PYGAN_DEVICE bool better(Best<T> b, Best<T> a) {
  const bool b_nan = b.value != b.value, a_nan = a.value != a.value;
  if (b_nan != a_nan) return b_nan;
  if (b_nan || b.value == a.value) return b.row < a.row;
  return kSmallest ? b.value < a.value : b.value > a.value;
}

// x, x_index (outer, count, inner), y, y_index (outer, pieces, inner)
template <bool kSmallest, class T>
PYGAN_KERNEL void extreme_columns(const T* x, const int64_t* x_index, T* y, int64_t* y_index,
                                  int64_t x_span, Pass pass, Tile tile) {
  PYGAN_SHARED(Best<T>, bests, [kThreads]);  // (lanes, width)
  const unsigned lane = threadIdx.x / tile.width;
  for (int64_t task = blockIdx.x; task < pass.outer * pass.pieces * tile.tiles; task += gridDim.x) {
    const Place at = place_of(task, pass, tile);
    Best<T> best{T(0), 0};
    if (at.within) {
      best.value = x[at.x];
      for (int64_t r = lane; r < at.rows; r += tile.lanes) {
        const Best<T> other{x[at.x + r * pass.inner], r};
        if (better<kSmallest>(other, best)) best = other;
      }
    }
    bests[threadIdx.x] = best;
    for (unsigned half = tile.lanes / 2; half > 0; half /= 2) {
      __syncthreads();
      if (lane >= half) continue;
      const Best<T>& other = bests[threadIdx.x + half * tile.width];
      if (better<kSmallest>(other, bests[threadIdx.x])) bests[threadIdx.x] = other;
    }
    if (lane == 0 && at.within) {
      best = bests[threadIdx.x];
      y[at.y] = best.value;
      y_index[at.y] =
          best.row * x_span + (x_index ? x_index[at.x + best.row * pass.inner] : int64_t{0});
    }
    __syncthreads();  // the next tile writes bests
  }
}

template <class T>
void extreme(const ExtremeArgs& a) {
  if (a.pass.outer * a.pass.inner == 0) return;
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const Tile tile = tile_of(a.pass);
  const LaunchShape shape = blocks_of(a.pass, tile);
  if (a.smallest)
    launch(extreme_columns<true, T>, shape, x, a.x_index, y, a.y_index, a.x_span, a.pass, tile);
  else
    launch(extreme_columns<false, T>, shape, x, a.x_index, y, a.y_index, a.x_span, a.pass, tile);
}

// ---- one element of each reduction -----------------------------------------------------------------

// The offset in x of the row-major index i over axes of these extents and strides
PYGAN_DEVICE int64_t offset(int64_t i, int rank, const int64_t* extent, const int64_t* stride) {
  int64_t at = 0;
  for (int k = rank - 1; k >= 0; --k) {
    at += i % extent[k] * stride[k];
    i /= extent[k];
  }
  return at;
}

// take: x -> y (kept), put: y (kept) -> x. bad: the least k whose index (kept) is out of range
template <class T>
PYGAN_KERNEL void pick_elements(PickArgs a, int64_t* bad) {
  const T* from = static_cast<const T*>(a.from);
  T* to = static_cast<T*>(a.to);
  for (int64_t k = global_thread(); k < a.kept; k += global_threads()) {
    if (a.index[k] < 0 || a.index[k] >= a.span) {
      atomicMin(bad, k);
      continue;
    }
    const int64_t at = offset(k, a.kept_rank, a.kept_extent, a.kept_stride) +
                       offset(a.index[k], a.reduced_rank, a.reduced_extent, a.reduced_stride);
    to[a.put ? at : k] = from[a.put ? k : at];
  }
}

template <class T>
int64_t pick(const PickArgs& a) {
  if (a.kept == 0) return -1;
  Upload<int64_t> bad(&a.kept, 1);
  launch(pick_elements<T>, {blocks_for(a.kept), kThreads}, a, bad.mutable_data());
  const int64_t first = download(bad.data());
  return first == a.kept ? -1 : first;
}

const RegisterDeviceKernel<SumKernel> sum_device{
    [](const SumArgs& a) { PYGAN_BY_FLOAT(a.f64, sum, a); }};
const RegisterDeviceKernel<ExtremeKernel> extreme_device{
    [](const ExtremeArgs& a) { PYGAN_BY_FLOAT(a.f64, extreme, a); }};
const RegisterDeviceKernel<PickKernel> pick_device{
    [](const PickArgs& a) { return PYGAN_BY_FLOAT(a.f64, pick, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
