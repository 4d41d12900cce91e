// Cumulative sums along an axis.
//
//   cumsum            y_i = sum_{j <= i} x_j          vjp: cumsum(dy, reverse)
//   cumsum, reverse   y_i = sum_{j >= i} x_j          vjp: cumsum(dy)
//
//   x, y  (..., n, ...), float32 or float64
//
// Order of additions: one after another within pieces of kScanPiece, each piece on top of the sum
// of those before it. The pieces depend on n only, so the bits do not depend on the threads.
//
// Errors: ShapeError for an axis out of range, DTypeError for other dtypes. FLOPs: one an element.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

constexpr int64_t kScanPiece = 4096;  // elements along the axis

struct ScanArgs {
  const void* x;  // (outer, count, inner)
  void* y;        // (outer, count, inner)
  void* sums;     // (outer, pieces, inner): workspace; null where there is one piece
  int64_t outer, count, inner;
  int64_t pieces;  // ceil(count / kScanPiece)
  bool reverse;
  bool f64;  // else float32
};
struct ScanKernel {
  static constexpr const char* name = "scan";
  using Fn = void (*)(const ScanArgs&);
};

PYGAN_DECLARE_ISA(void, scan_sum, (const ScanArgs& args))

}  // namespace pygan
