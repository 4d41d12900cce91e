// matmul: y[..., i, j] = sum_k a[..., i, k] b[..., k, j]
//
//   a  (..., m, k), or (..., k, m) with transpose_a     b  (..., k, n), or (..., n, k) with
//   transpose_b y  (..., m, n); the leading axes broadcast. Transposed operands are read in place,
//   never copied.
//
// Derivatives: da = dy b^T, db = a^T dy, in the orientation in which each operand came.
// Errors: ShapeError below two axes or where k differs; DTypeError for mixed or non-float dtypes.
#pragma once

#include <cstdint>

#include "core/op.h"

namespace pygan {

struct MatmulArgs {
  int64_t batch, m, n, k;
  int64_t a_row, a_col, b_row, b_col;  // element strides
  const int64_t* a_offset;             // (batch), in elements
  const int64_t* b_offset;             // (batch)
  const void* a;
  const void* b;
  void* y;  // (batch, m, n)
  bool f64;
  bool tf32;                     // float32 may be rounded to TF32 on devices (gemm/precision.h)
  const After* after = nullptr;  // on the CPU
};

struct MatmulKernel {
  static constexpr const char* name = "matmul";
  using Fn = void (*)(const MatmulArgs&);
};

}  // namespace pygan
