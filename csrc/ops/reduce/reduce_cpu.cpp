#include "ops/reduce/reduce.h"

#include "core/parallel.h"
#include "core/vecmath.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread
constexpr int64_t kTile = 512;       // columns summed together
constexpr int64_t kLeaf = 16;        // rows summed one after another
constexpr int64_t kLanes = 32;       // columns into which a row is laid out where inner is 1
constexpr int64_t kNarrow = 64;      // below so many columns several rows are taken as one
constexpr int64_t kFew = 1 << 13;    // elements of a narrow matrix that are summed in float64

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// ---- sums --------------------------------------------------------------------------------------

struct Itself {
  template <class T>
  static T of(T x) {
    return x;
  }
};
struct Squared {
  template <class T>
  static T of(T x) {
    return x * x;
  }
};

template <class T>
struct Partials {     // a stack of column sums over ever fewer leaves, all powers of 2
  T level[8][kTile];  // more than a piece of kPieceElements elements needs
};

// x (rows, stride), its first `width` columns; sum (width). width <= kTile.
template <class F, class T>
void leaf(const T* __restrict x, int64_t rows, int64_t stride, int64_t width, T* __restrict sum) {
  if (rows == kLeaf) {
    for (int64_t c = 0; c < width; ++c) {
      T s = F::of(x[c]);
#pragma GCC unroll 16
      for (int64_t r = 1; r < kLeaf; ++r) s += F::of(x[c + r * stride]);
      sum[c] = s;
    }
    return;
  }
  for (int64_t c = 0; c < width; ++c) sum[c] = F::of(x[c]);
  for (int64_t r = 1; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) sum[c] += F::of(x[c + r * stride]);
}

// sum (width) += x (width)
template <class T>
void accumulate(T* __restrict sum, const T* __restrict x, int64_t width) {
  for (int64_t c = 0; c < width; ++c) sum[c] += x[c];
}

// x (rows, stride), its first `width` columns. The sums are in level[0].
template <class F, class T>
void column_sums(const T* x, int64_t rows, int64_t stride, int64_t width, Partials<T>& partials) {
  int top = 0;
  int64_t leaves = 0;
  for (int64_t r = 0; r < rows; r += kLeaf) {
    leaf<F>(x + r * stride, smaller(kLeaf, rows - r), stride, width, partials.level[top++]);
    for (int64_t n = ++leaves; n % 2 == 0; n /= 2, --top)  // two sums of equally many leaves
      accumulate(partials.level[top - 2], partials.level[top - 1], width);
  }
  for (; top > 1; --top) accumulate(partials.level[top - 2], partials.level[top - 1], width);
}

// Sum of lane (n), n a power of 2, by halves.
template <int n, class T>
T fold(T* lane) {
  if constexpr (n == 1) {
    return lane[0];
  } else {
    for (int i = 0; i < n / 2; ++i) lane[i] += lane[i + n / 2];
    return fold<n / 2>(lane);
  }
}

// Sum of x (n) in float64, so that what cancels leaves 0: the slopes 1/n and -1/n of a critic's
// outputs, whose sum Adam would otherwise take for a gradient.
template <class F, class T>
T short_sum(const T* x, int64_t n) {
  double lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lane[k] += F::of(static_cast<double>(x[i + k]));
  double sum = n < kLanes ? 0 : fold<kLanes>(lane);
  for (; i < n; ++i) sum += F::of(static_cast<double>(x[i]));
  return static_cast<T>(sum);
}

// The same for x (rows, inner), inner < kNarrow.
template <class F, class T>
void few_sums(const T* x, int64_t rows, int64_t inner, T* sum) {
  double total[kNarrow] = {};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < inner; ++c) total[c] += F::of(static_cast<double>(x[r * inner + c]));
  for (int64_t c = 0; c < inner; ++c) sum[c] = static_cast<T>(total[c]);
}

// Sum of x (n): as rows of kLanes columns, which are then added in pairs.
template <class F, class T>
T row_sum(const T* x, int64_t n, Partials<T>& partials) {
  if (n < kLanes) return short_sum<F>(x, n);
  const int64_t rows = n / kLanes, rest = n - rows * kLanes;
  column_sums<F>(x, rows, kLanes, kLanes, partials);
  T* lane = partials.level[0];
  for (int64_t i = 0; i < rest; ++i) lane[i] += F::of(x[rows * kLanes + i]);
  return fold<kLanes>(lane);
}

// x (rows, inner) for a small inner: `group` rows are taken as one, so that loops are long; the
// group's rows are then added in pairs. The sums are in level[0].
template <class F, class T>
void narrow_sums(const T* x, int64_t rows, int64_t inner, Partials<T>& partials) {
  const int64_t group = smaller(kNarrow * 2 / inner, rows / kLeaf);  // so that there is a full leaf
  if (group < 2) return column_sums<F>(x, rows, inner, inner, partials);
  const int64_t grouped = rows / group;
  column_sums<F>(x, grouped, group * inner, group * inner, partials);
  T* sum = partials.level[0];
  for (int64_t n = group; n > 1; n -= n / 2)
    accumulate(sum, sum + (n - n / 2) * inner, n / 2 * inner);
  for (int64_t r = grouped * group; r < rows; ++r)
    for (int64_t c = 0; c < inner; ++c) sum[c] += F::of(x[r * inner + c]);
}

template <class T>
T finished(T sum, Finish finish, T divisor) {
  if (finish == Finish::divide) return sum / divisor;
  return finish == Finish::sqrt ? vecmath::sqrt(sum) : sum;
}

// Runs body(k, p, c, width) for every block k, piece p and tile of columns [c, c + width).
template <class Body>
void for_each_task(const Pass& pass, Body body) {
  const int64_t tile = smaller(kTile, pass.inner);
  const int64_t tiles = (pass.inner + tile - 1) / tile;
  const int64_t tasks = pass.outer * pass.pieces * tiles;
  const int64_t work = larger(1, tile * smaller(pass.piece, pass.count));
  parallel_ranges(tasks, larger(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      int64_t k = t, p = 0, c = 0;  // short reductions notice the divisions
      if (tiles > 1) c = k % tiles * tile, k /= tiles;
      if (pass.pieces > 1) p = k % pass.pieces, k /= pass.pieces;
      body(k, p, c, smaller(tile, pass.inner - c));
    }
  });
}

template <class T, class F>
void sum_of(const SumArgs& args) {
  const Pass& pass = args.pass;
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T divisor = static_cast<T>(args.divisor);
  for_each_task(pass, [&](int64_t k, int64_t p, int64_t c, int64_t width) {
    Partials<T> partials;
    const int64_t first = p * pass.piece, rows = smaller(pass.piece, pass.count - first);
    const T* block = x + (k * pass.count + first) * pass.inner + c;  // (rows, inner)
    T* out = y + (k * pass.pieces + p) * pass.inner + c;             // (width)
    if (pass.inner == 1) {
      const T sum =
          pass.pieces == 1 ? short_sum<F>(block, rows) : row_sum<F>(block, rows, partials);
      *out = finished(sum, args.finish, divisor);
      return;
    }
    if (pass.inner < kNarrow && pass.count * pass.inner <= kFew)
      few_sums<F>(block, rows, pass.inner, partials.level[0]);
    else if (pass.inner < kNarrow)
      narrow_sums<F>(block, rows, pass.inner, partials);
    else
      column_sums<F>(block, rows, pass.inner, width, partials);
    const T* sum = partials.level[0];
    for (int64_t i = 0; i < width; ++i)
      out[i] = finished(rows > 0 ? sum[i] : T(0), args.finish, divisor);
  });
}

// ---- maxima and minima -------------------------------------------------------------------------

struct Largest {
  template <class T>
  static bool ahead(T a, T b) {
    return a > b;
  }
};
struct Smallest {
  template <class T>
  static bool ahead(T a, T b) {
    return a < b;
  }
};

// Is v the new extreme? The first of equals stays, and so does the first NaN.
template <class Order, class T>
bool beats(T v, T best) {
  return Order::ahead(v, best) | ((v != v) & (best == best));
}

// Where the first extreme of x (n) is. Long rows: the value by lanes, then a search for it.
template <class Order, class T>
int64_t first_extreme(const T* x, int64_t n) {
  int64_t at = 0, r = 1;
  if (n >= 4 * kLanes) {
    T best[kLanes];
    uint32_t nan[kLanes] = {};
    for (int64_t i = 0; i < kLanes; ++i) best[i] = x[0];
    for (r = 0; r + kLanes <= n; r += kLanes)
      for (int64_t i = 0; i < kLanes; ++i) {
        const T v = x[r + i];
        best[i] = Order::ahead(v, best[i]) ? v : best[i];
        nan[i] |= v != v;
      }
    T value = best[0];
    uint32_t any_nan = 0;
    for (int64_t i = 0; i < kLanes; ++i) {
      value = Order::ahead(best[i], value) ? best[i] : value;
      any_nan |= nan[i];
    }
    while (any_nan ? x[at] == x[at] : x[at] != value) ++at;
  }
  for (; r < n; ++r) at = beats<Order>(x[r], x[at]) ? r : at;
  return at;
}

// The first extremes of the `width` columns of x (rows, stride): y (width), row (width). The row is
// counted in T's own width, so that both are compared and chosen in the same lanes.
template <class Order, class T>
void column_extremes(const T* __restrict x, int64_t rows, int64_t stride, int64_t width,
                     T* __restrict y, vecmath::BitsOf<T>* __restrict row) {
  using Row = vecmath::BitsOf<T>;
  for (int64_t c = 0; c < width; ++c) {
    y[c] = x[c];
    row[c] = 0;
  }
  for (int64_t r = 1; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) {
      const T v = x[r * stride + c];
      const Row chosen = Row(0) - Row(beats<Order>(v, y[c]));
      y[c] = vecmath::bit_cast<T>((vecmath::bits(v) & chosen) | (vecmath::bits(y[c]) & ~chosen));
      row[c] = (Row(r) & chosen) | (row[c] & ~chosen);
    }
}

template <class T, class Order>
void extreme_of(const ExtremeArgs& args) {
  const Pass& pass = args.pass;
  for_each_task(pass, [&](int64_t k, int64_t p, int64_t c, int64_t width) {
    const int64_t first = p * pass.piece, rows = smaller(pass.piece, pass.count - first);
    const int64_t in = (k * pass.count + first) * pass.inner + c;
    const int64_t out = (k * pass.pieces + p) * pass.inner + c;
    const T* x = static_cast<const T*>(args.x) + in;                      // (rows, inner)
    const int64_t* x_index = args.x_index ? args.x_index + in : nullptr;  // (rows, inner)
    T* y = static_cast<T*>(args.y) + out;                                 // (width)
    int64_t* y_index = args.y_index + out;                                // (width)
    vecmath::BitsOf<T> row[kTile];
    if (pass.inner == 1) {
      row[0] = static_cast<vecmath::BitsOf<T>>(first_extreme<Order>(x, rows));
      y[0] = x[row[0]];
    } else {
      column_extremes<Order>(x, rows, pass.inner, width, y, row);
    }
    for (int64_t i = 0; i < width; ++i) {
      const int64_t r = static_cast<int64_t>(row[i]);
      y_index[i] = r * args.x_span + (x_index ? x_index[r * pass.inner + i] : 0);
    }
  });
}

// ---- one element of each reduction -------------------------------------------------------------

// The offset in x of the row-major index i over axes of these extents and strides.
int64_t offset(int64_t i, int rank, const int64_t* extent, const int64_t* stride) {
  int64_t at = 0;
  for (int k = rank - 1; k >= 0; --k) {
    at += i % extent[k] * stride[k];
    i /= extent[k];
  }
  return at;
}

template <class T>
int64_t pick_of(const PickArgs& a) {
  const T* from = static_cast<const T*>(a.from);
  T* to = static_cast<T*>(a.to);
  for (int64_t k = 0; k < a.kept; ++k)
    if (a.index[k] < 0 || a.index[k] >= a.span) return k;
  parallel_ranges(a.kept, kGrain / 8, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t at = offset(k, a.kept_rank, a.kept_extent, a.kept_stride) +
                         offset(a.index[k], a.reduced_rank, a.reduced_extent, a.reduced_stride);
      to[a.put ? at : k] = from[a.put ? k : at];
    }
  });
  return -1;
}

}  // namespace

void reduce_sum(const SumArgs& args) {
  const bool square = args.summand == Summand::square;
  if (args.f64)
    square ? sum_of<double, Squared>(args) : sum_of<double, Itself>(args);
  else
    square ? sum_of<float, Squared>(args) : sum_of<float, Itself>(args);
}

void reduce_extreme(const ExtremeArgs& args) {
  if (args.f64)
    args.smallest ? extreme_of<double, Smallest>(args) : extreme_of<double, Largest>(args);
  else
    args.smallest ? extreme_of<float, Smallest>(args) : extreme_of<float, Largest>(args);
}

int64_t reduce_pick(const PickArgs& args) {
  return args.f64 ? pick_of<double>(args) : pick_of<float>(args);
}

}  // namespace pygan::PYGAN_ISA
