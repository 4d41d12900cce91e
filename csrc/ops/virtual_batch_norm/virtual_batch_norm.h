// virtual_batch_norm (Salimans et al. 2016): each example is normalised by statistics of its own and
// of a fixed reference batch, so that examples of a batch do not see one another. The reference
// batch itself is normalised by its plain batch statistics, and goes on through the network beside
// x.
//
//   x, y (N, ..., C)   ref, y_ref (n, ..., C), the same but for the first extent
//   weight, bias (C) or undefined (1 and 0)   a: the share of the example, 1 / (n + 1)
//
//   mu_x, var_x (N, C)     over the positions of one example (of (N, C): one, so var_x = 0)
//   mu_r, var_r (C)        over the examples and positions of ref
//   mu  = (1 - a) mu_r + a mu_x
//   var = (1 - a) (var_r + (mu_r - mu)^2) + a (var_x + (mu_x - mu)^2)
//       = (1 - a) var_r + a var_x + a (1 - a) d^2,     d = mu_x - mu_r
//   y = (x - mu) / s weight + bias,   s = sqrt(var + eps)        y_ref = batch_norm(ref)
//
// Squares are of centred values throughout: raw second moments would lose float32.
//
// reference_batch_norm is a = 0: x is normalised by the reference batch alone.
//
// virtual_batch_norm_grad is the backward pass of both, fused. With P positions, M = n P,
// h = (x - mu) / s, g = weight dy, and sums over positions:
//
//   dmu = -sum g / s        dvar = -1/2 sum g h / s^2
//   dx   = g / s + (a dmu + 2 a (1 - a) d dvar + 2 a dvar (x - mu_x)) / P
//   dref = batch_norm_grad(dy_ref)
//          + sum_N ((1 - a) dmu - 2 a (1 - a) d dvar + 2 (1 - a) dvar (ref - mu_r)) / M
//   dweight = sum dy h + sum dy_ref h_ref       dbias = sum dy + sum dy_ref
//
// It is differentiable itself: its reference computes the statistics again. mu_x, var_x, mu_r and
// var_r are outputs without gradients.
//
// Errors: ShapeError where x and ref do not fit, weight or bias is not (C), or there is nothing to
// normalise over; DTypeError for mixed or non-float dtypes.
#pragma once

#include <cstdint>

#include "core/isa.h"
#include "ops/batch_norm/batch_norm.h"

namespace pygan {

struct VirtualNormArgs {
  BatchNormArgs ref;  // of the reference batch, complete; its mean and var are mu_r and var_r
  int64_t samples, positions;
  double share;     // a
  const void* x;    // (samples, positions, channels)
  void* mean;       // (samples, channels): mu_x; written forward, read backward
  void* var;        // (samples, channels): var_x, likewise
  const void* dy;   // (samples, positions, channels): backward only
  void* out;        // (samples, positions, channels): y, or dx
  double* partial;  // (virtual_norm_tasks, 4, channels): workspace of the backward pass
};

// The partition over samples: by problem size only.
static inline int64_t virtual_norm_grain(int64_t positions, int64_t channels) {
  const int64_t grain = (1 << 15) / (positions * channels + 1);
  return grain < 4 ? 4 : grain;
}
static inline int64_t virtual_norm_tasks(int64_t samples, int64_t positions, int64_t channels) {
  const int64_t grain = virtual_norm_grain(positions, channels);
  return (samples + grain - 1) / grain;
}

// mu_x, var_x and y, from mu_r and var_r
PYGAN_DECLARE_ISA(void, virtual_norm_forward, (const VirtualNormArgs& args))
// dx; adds what comes through the statistics to ref's dx, dweight and dbias
PYGAN_DECLARE_ISA(void, virtual_norm_backward, (const VirtualNormArgs& args))

struct VirtualNormKernel {
  static constexpr const char* name = "virtual_batch_norm";
  using Fn = void (*)(const VirtualNormArgs&);
};
struct VirtualNormGradKernel {
  static constexpr const char* name = "virtual_batch_norm_grad";
  using Fn = void (*)(const VirtualNormArgs&);
};

}  // namespace pygan
