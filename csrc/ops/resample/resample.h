// resample: images to another size, one axis at a time.
//
//   resample       y[..., o, ...] = sum_i A[o,i] x[..., i, ...] along `axis`
//   resample_grad  its adjoint: x[..., i, ...] = sum_o A[o,i] y[..., o, ...]
//
// A is the sparse matrix of taps.h, made in float64 from the geometry alone (extents, filter) and
// rounded to x's dtype. Both are linear and each other's vjp; each is its own jvp. A sum is added in
// the order of its index, so its bits depend on nothing else.
//
// resize is resample along H and W, upsample is resize by a factor: composites (resize.cpp).
//
// Errors: ShapeError for an axis or extents that do not fit, ConfigError for settings that
// contradict each other, DTypeError for other dtypes.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct ResampleArgs {
  const void* x;         // (outer, in, inner)
  void* y;               // (outer, out, inner)
  const int64_t* row;    // (out + 1): y[o] has the entries row[o] to row[o + 1] of
  const int64_t* index;  // (row[out]), each in [0, in)
  const void* weight;    // (row[out]), in x's dtype
  int64_t outer, in, out, inner;
  bool f64;  // else float32
};

struct ResampleKernel {
  static constexpr const char* name = "resample";
  using Fn = void (*)(const ResampleArgs&);
};

PYGAN_DECLARE_ISA(void, resample_axis, (const ResampleArgs& args))

}  // namespace pygan
