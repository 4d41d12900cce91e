#include "ops/scan/scan.h"

#include "core/parallel.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kColumns = 64;     // neighbouring sums that one task carries along
constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Piece `piece` of a block of `outer`, columns [begin, end): its rows in the order of the sum.
struct Rows {
  int64_t first, step, count;  // offset of the first row, to the next row, rows
};
Rows rows_of(const ScanArgs& a, int64_t outer, int64_t piece) {
  const int64_t before = piece * kScanPiece;
  const int64_t row = a.reverse ? a.count - 1 - before : before;
  return {(outer * a.count + row) * a.inner, a.reverse ? -a.inner : a.inner,
          smaller(kScanPiece, a.count - before)};
}

// sum (width) += rows of x; kWrite: y gets every sum on the way
template <bool kWrite, class T>
void accumulate(const T* x, T* y, Rows rows, int64_t width, T* __restrict sum) {
  for (int64_t r = 0; r < rows.count; ++r) {
    const T* __restrict from = x + rows.first + r * rows.step;
    for (int64_t c = 0; c < width; ++c) sum[c] += from[c];
    if (kWrite) {
      T* __restrict to = y + rows.first + r * rows.step;
      for (int64_t c = 0; c < width; ++c) to[c] = sum[c];
    }
  }
}

// A task is (outer, piece, tile of columns).
template <bool kWrite, class T>
void pass(const ScanArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  T* sums = static_cast<T*>(a.sums);
  const int64_t tiles = (a.inner + kColumns - 1) / kColumns;
  const int64_t task = smaller(a.count, kScanPiece) * smaller(a.inner, kColumns);
  const int64_t grain = task < kGrain ? kGrain / task : 1;
  parallel_ranges(a.outer * a.pieces * tiles, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / tiles / a.pieces, piece = i / tiles % a.pieces;
      const int64_t column = i % tiles * kColumns;
      const int64_t width = smaller(kColumns, a.inner - column);
      T* kept = sums ? sums + (outer * a.pieces + piece) * a.inner + column : nullptr;
      T sum[kColumns];
      for (int64_t c = 0; c < width; ++c) sum[c] = kWrite && kept ? kept[c] : T(0);
      accumulate<kWrite>(x + column, y + column, rows_of(a, outer, piece), width, sum);
      if (!kWrite)
        for (int64_t c = 0; c < width; ++c) kept[c] = sum[c];
    }
  });
}

// Sums of pieces become sums of all pieces before.
template <class T>
void offsets(const ScanArgs& a) {
  T* sums = static_cast<T*>(a.sums);
  for (int64_t outer = 0; outer < a.outer; ++outer)
    for (int64_t c = 0; c < a.inner; ++c) {
      T before = 0;
      for (int64_t p = 0; p < a.pieces; ++p) {
        T& sum = sums[(outer * a.pieces + p) * a.inner + c];
        const T own = sum;
        sum = before;
        before += own;
      }
    }
}

template <class T>
void scan_of(const ScanArgs& args) {
  if (args.pieces > 1) {
    pass<false, T>(args);
    offsets<T>(args);
  }
  pass<true, T>(args);
}

}  // namespace

void scan_sum(const ScanArgs& args) { args.f64 ? scan_of<double>(args) : scan_of<float>(args); }

}  // namespace pygan::PYGAN_ISA
