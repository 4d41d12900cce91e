// softmax and log_softmax along one axis; cross-entropy of logits, a number a row.
//
//   m = max_k x_k      s = sum_k e^(x_k - m)
//   softmax       y_k = e^(x_k - m) / s              dx = y (dy - sum_k y dy)
//   log_softmax   y_k = x_k - m - log s              dx = dy - softmax(x) sum_k dy
//
//   x, y  any shape of at least one axis, float32 or float64
//
// Nothing overflows. Where x_k = -inf, softmax is 0 and log_softmax -inf, as long as the row has a
// finite number; a row with none, or with +inf or NaN, is NaN.
//
//   softmax_cross_entropy      loss_i = -sum_k t_ik log_softmax(x_i)_k
//   softmax_cross_entropy_grad dx_ik = dy_i (T_i softmax(x_i)_k - t_ik),  T_i = sum_k t_ik
//
//   x (N, K)   loss, dy (N)   t: probabilities (N, K) of x's dtype, or classes (N) int64, which
//   stand for t_ik = [k = class_i]. Probabilities need not add up to 1; where one is 0, its logit may
//   be -inf.   dt = -dy log_softmax(x)
//
// The gradient is fused, and itself differentiable: its reference is in plain ops.
//
// Errors: ShapeError for an axis out of range, for shapes that do not fit and for a class that is
// not in [0, K) (its place and value are named); DTypeError for other dtypes.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct SoftmaxArgs {
  const void* x;                // (outer, count, inner)
  void* y;                      // (outer, count, inner)
  int64_t outer, count, inner;  // along count
  bool log;                     // log_softmax
  bool f64;                     // else float32
};
struct SoftmaxKernel {
  static constexpr const char* name = "softmax";
  using Fn = void (*)(const SoftmaxArgs&);
};

struct CrossEntropyArgs {
  const void* x;           // (rows, classes)
  const int64_t* classes;  // (rows), or null
  const void* weights;     // (rows, count): probabilities; read where classes is null
  const void* dy;          // (rows): the backward pass; null: the forward pass
  void* y;                 // (rows): the losses; or (rows, count): dx
  int64_t rows, count;
  bool f64;  // else float32
};
struct CrossEntropyKernel {
  static constexpr const char* name = "softmax_cross_entropy";
  using Fn = int64_t (*)(const CrossEntropyArgs&);  // the first row of a bad class, or -1
};

PYGAN_DECLARE_ISA(void, softmax, (const SoftmaxArgs& args))
PYGAN_DECLARE_ISA(int64_t, softmax_cross_entropy, (const CrossEntropyArgs& args))

}  // namespace pygan
