// Pooling over the windows of images, one window an output pixel:
//
//   u(i,r) = i sh - ph + r dh,  v(j,s) = j sw - pw + s dw,  0 <= r < kh, 0 <= s < kw
//   x (N, H, W, C) -> y (N, H', W', C),  H' = floor((H + 2 ph - dh (kh - 1) - 1) / sh) + 1
//
//   avg_pool2d       y[n,i,j,c] = 1 / d(i,j) sum_{r,s} x[n, u, v, c]; x is zero outside the image;
//                    d = kh kw, or without count_include_pad the window's pixels within the image
//   avg_pool2d_grad  its adjoint, (N, H', W', C) -> (N, H, W, C)
//   max_pool2d       y = max_{r,s} x[n, u, v, c] over the pixels within the image, and where:
//                    indices u W + v (int64) of the first maximum in the order of (r, s).
//                    NaN is larger than every number. The indices carry no gradient.
//   take_pixels      y[n,i,j,c] = x[n, indices[n,i,j,c], c], pixels counted row-major
//   put_pixels       its adjoint: x[n,p,c] = the sum of y[n,i,j,c] where indices[n,i,j,c] = p,
//                    added in the order of (i, j)
//
//   op               vjp                            jvp
//   avg_pool2d       avg_pool2d_grad                avg_pool2d
//   avg_pool2d_grad  avg_pool2d                     avg_pool2d_grad
//   max_pool2d       put_pixels at the indices      take_pixels
//   take_pixels      put_pixels                     take_pixels
//   put_pixels       take_pixels                    put_pixels
//
// avg_pool2d has no dilation. Padding is at most half the kernel, so that no window lies outside
// the image; a dilated window can, and is refused.
//
// Errors: ShapeError naming shapes and settings that do not fit, or an index outside the image;
// DTypeError for mixed or non-float dtypes and indices other than int64.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct PoolArgs {
  const void* from;  // avg: x (n, h, w, c); avg_grad: dy (n, oh, ow, c); max: x
  void* to;          // avg: y (n, oh, ow, c); avg_grad: dx (n, h, w, c); max: y
  int64_t* indices;  // max: (n, oh, ow, c)
  int64_t n, h, w, c, oh, ow;
  int64_t kh, kw, sh, sw, ph, pw, dh, dw;
  bool count_include_pad;
  bool f64;  // else float32
};

struct AvgPoolKernel {
  static constexpr const char* name = "avg_pool2d";
  using Fn = void (*)(const PoolArgs&);
};
struct AvgPoolGradKernel {
  static constexpr const char* name = "avg_pool2d_grad";
  using Fn = void (*)(const PoolArgs&);
};
struct MaxPoolKernel {
  static constexpr const char* name = "max_pool2d";
  using Fn = void (*)(const PoolArgs&);
};

struct PixelsArgs {
  const void* from;        // take: x (n, pixels, c); put: y (n, windows, c)
  const int64_t* indices;  // (n, windows, c), each in [0, pixels)
  void* to;                // take: y (n, windows, c); put: x (n, pixels, c)
  int64_t n, pixels, windows, c;
  bool put;
  bool f64;
};

struct PixelsKernel {  // the position of an index that is out of range, or -1
  static constexpr const char* name = "pixels";
  using Fn = int64_t (*)(const PixelsArgs&);
};

PYGAN_DECLARE_ISA(void, avg_pool, (const PoolArgs& args))
PYGAN_DECLARE_ISA(void, avg_pool_grad, (const PoolArgs& args))
PYGAN_DECLARE_ISA(void, max_pool, (const PoolArgs& args))
PYGAN_DECLARE_ISA(int64_t, move_pixels, (const PixelsArgs& args))

}  // namespace pygan
