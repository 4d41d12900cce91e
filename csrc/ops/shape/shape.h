// Shape ops: they move elements and compute nothing. The vjp of each is another of them:
//
//   op            y                                                vjp
//   reshape       the same elements, row-major (an alias)          reshape back
//   to            a copy of x on a device                          to the device of x
//   broadcast_to  x repeated along axes of extent 1 and new ones   sum_to (reduce/)
//   transpose     y[i[axes[0]], i[axes[1]], ...] = x[i]            the inverse permutation
//   slice         y[i] = x[start + i step]                         unslice
//   unslice       y[start + i step] = x[i], zero (`fill`) elsewhere  slice
//   concat        the inputs one after another along an axis       slices
//
// All work for every dtype. Errors: ShapeError naming the shapes.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

constexpr int kCopyRank = 8;

// y[sum_k i_k y_stride_k] = x[sum_k i_k x_stride_k] over i in extent; strides in elements, x
// strides may be 0 or negative.
struct CopyArgs {
  const void* x;  // at the element of i = 0
  void* y;        // likewise
  int rank;
  int64_t extent[kCopyRank], x_stride[kCopyRank], y_stride[kCopyRank];
  int item_size;  // bytes: 1, 4 or 8
};

struct CopyKernel {
  static constexpr const char* name = "copy";
  using Fn = void (*)(const CopyArgs&);
};

PYGAN_DECLARE_ISA(void, copy_strided, (const CopyArgs& args))

}  // namespace pygan
