// The convolution family, closed under differentiation: each one's vjp is the other two.
//
//   conv2d              y[n,i,j,o] = sum_{r,s,c} x[n, u(i,r), v(j,s), c] w[r,s,c,o]
//   conv_transpose2d    its adjoint in x: the same formula, scattered from y to x
//   conv2d_weight_grad  its adjoint in w: w[r,s,c,o] = sum_{n,i,j} x[n, u(i,r), v(j,s), c] y[n,i,j,o]
//
//   u(i,r) = i sh - ph + r dh,  v(j,s) = j sw - pw + s dw;  x is zero outside the image
//   x (N, H, W, C)   w (kh, kw, C / groups, O)   y (N, H', W', O)
//   H' = floor((H + 2 ph - dh (kh - 1) - 1) / sh) + 1
//
// conv_transpose2d's input plays y, its output plays x: weight (kh, kw, C_out / groups, C_in),
// output extent (H' - 1) sh - 2 ph + dh (kh - 1) + 1 + output_padding, 0 <= output_padding < sh.
// groups split the channels of x and y alike: group g of y sees group g of x only.
//
// Errors: ShapeError naming shapes and what does not fit; DTypeError for mixed or non-float dtypes.
#pragma once

#include "core/op.h"
#include "gemm/gemm.h"

namespace pygan {

// One kernel type serves all three: which of x, w, y is written differs.
struct ConvArgs {
  gemm::Conv geometry;  // of the underlying convolution x -> y
  const void* a;        // conv2d: x, conv_transpose2d: y, conv2d_weight_grad: x
  const void* b;        // conv2d: w, conv_transpose2d: w, conv2d_weight_grad: y
  void* out;  // conv2d: y, conv_transpose2d: x, conv2d_weight_grad: w; every element is written
  bool f64;
  bool tf32;                     // float32 may be rounded to TF32 on devices (gemm/precision.h)
  const After* after = nullptr;  // of conv2d and conv_transpose2d, on the CPU
};

using ConvFn = void (*)(const ConvArgs&);
struct Conv2dKernel {
  static constexpr const char* name = "conv2d";
  using Fn = ConvFn;
};
struct ConvTranspose2dKernel {
  static constexpr const char* name = "conv_transpose2d";
  using Fn = ConvFn;
};
struct Conv2dWeightGradKernel {
  static constexpr const char* name = "conv2d_weight_grad";
  using Fn = ConvFn;
};

}  // namespace pygan
