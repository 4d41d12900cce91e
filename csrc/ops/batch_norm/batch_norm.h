// batch_norm (Ioffe and Szegedy 2015): statistics over all axes but the last, M rows of C channels.
//
//   mean_c = 1/M sum_r x_rc
//   var_c  = 1/M sum_r (x_rc - mean_c)^2      biased
//   s_c    = sqrt(var_c + eps)
//   h      = (x - mean) / s
//   y      = h weight + bias
//
//   db = sum_r dy     dw = sum_r dy h     dx = weight / s (dy - db / M - h dw / M)
//
//   x (..., C)   weight, bias (C) or undefined (1 and 0)   y like x   mean, var (C), no gradient
//
// batch_norm_grad is that backward pass, fused, and itself differentiable: its reference recomputes
// mean and var from x. batch_norm_eval uses given mean and var and is differentiable in all five
// inputs.
//
// batch_norm_leaky_relu is y = leaky_relu(h weight + bias, slope), slope >= 0 (0: relu), in the same
// passes. It keeps neither y nor h weight + bias: its backward pass, the one above with
//
//   dy where h weight + bias > 0, else slope dy
//
// for dy, computes that sign again from x, mean and var, by the forward's own operations: to the
// bit. Passes over memory, of x's size: forward x; x, y. Backward x, dy; x, dy, dx.
//
// parts > 1: x is so many batches of one size, one after the other along its leading axis (a
// discriminator's real and fake samples), and each is normalised by its own statistics: the bits are
// those of a call a part. mean, var, and dweight, dbias of the backward pass, are (parts, C) then.
//
// Errors: ShapeError where weight, bias, mean or var is not (C,), M is 0, or parts do not divide the batch; DTypeError for mixed or
// non-float dtypes; ConfigError for a slope that is negative or not finite.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct BatchNormArgs {
  int64_t rows, channels;
  double eps;
  double slope = 1;    // of leaky_relu after it; 1: none
  const void* x;       // (rows, channels)
  const void* weight;  // (channels) or null: 1
  const void* bias;    // (channels) or null: 0; backward: only where there is a slope
  const void* dy;      // (rows, channels): backward only
  void* mean;          // (channels): written by the moments, read by the rest
  void* var;           // (channels): likewise
  void* out;           // (rows, channels): y, or dx
  void* dweight;       // (channels): backward only
  void* dbias;         // (channels): backward only
  double* partial;     // (batch_norm_tasks, 2, channels): workspace
  bool f64;
};

// The partition over rows: by problem size only, so that sums do not depend on the number of
// threads.
static inline int64_t batch_norm_grain(int64_t rows, int64_t channels) {
  const int64_t grain = (1 << 15) / (channels < 1 ? 1 : channels);
  return grain < 32 ? (rows < 32 ? rows : 32) : grain;
}
static inline int64_t batch_norm_tasks(int64_t rows, int64_t channels) {
  const int64_t grain = batch_norm_grain(rows, channels);
  return grain < 1 ? 0 : (rows + grain - 1) / grain;
}

PYGAN_DECLARE_ISA(void, batch_norm_moments, (const BatchNormArgs& args))    // mean, var from x
PYGAN_DECLARE_ISA(void, batch_norm_normalize, (const BatchNormArgs& args))  // y from x, mean, var
PYGAN_DECLARE_ISA(void, batch_norm_backward, (const BatchNormArgs& args))   // dx, dweight, dbias

// The kernels of batch_norm_leaky_relu are these, with a slope.
struct BatchNormKernel {  // moments, then normalize
  static constexpr const char* name = "batch_norm";
  using Fn = void (*)(const BatchNormArgs&);
};
struct BatchNormEvalKernel {
  static constexpr const char* name = "batch_norm_eval";
  using Fn = void (*)(const BatchNormArgs&);
};
struct BatchNormGradKernel {
  static constexpr const char* name = "batch_norm_grad";
  using Fn = void (*)(const BatchNormArgs&);
};

}  // namespace pygan
