// group_norm (Wu and He 2018): each sample by itself, its channels in groups. Statistics over the
// positions of the sample and the D = C / G channels of a group.
//
//   mean_ng = 1/M sum x       var_ng = 1/M sum (x - mean_ng)^2, biased       M = P D
//   h = (x - mean) / s,  s = sqrt(var + eps)          y = h weight + bias
//
//   g = weight dy      dx = (g - sum g / M - h sum g h / M) / s, sums over the group
//   dweight = sum dy h      dbias = sum dy, over samples and positions
//
//   x, y (N, ..., C), P positions   weight, bias (C) or undefined (1 and 0)   mean, var (N, G): no
//   gradient
//
// instance_norm (Ulyanov et al. 2016) is G = C. layer_norm (Ba et al. 2016) over the last k axes
// takes them for C and everything before for N, with one position and G = 1; its weight and bias
// have the shape of those axes.
//
// group_norm_grad is the backward pass, fused, and itself differentiable: its reference computes
// mean and var again.
//
// Errors: ShapeError where G does not divide C, shapes do not fit or M is 0; DTypeError for mixed or
// non-float dtypes.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct GroupNormArgs {
  int64_t samples, positions, groups, width;  // width: channels of a group
  double eps;
  const void* x;       // (samples, positions, groups width)
  const void* weight;  // (groups width) or null: 1
  const void* bias;    // (groups width) or null: 0
  void* mean;          // (samples, groups): written forward, read backward
  void* var;           // (samples, groups): likewise
  void* out;           // like x: y, or dx
  const void* dy;      // like x: backward only
  void* dweight;       // (groups width): backward only
  void* dbias;         // (groups width): backward only
  double* work;        // (group_norm_tasks, 2, groups): sums of one sample
  double* partial;     // (group_norm_tasks, 2, groups width): backward only
  bool f64;
};

// The partition over samples: by problem size only.
static inline int64_t group_norm_grain(int64_t positions, int64_t channels) {
  const int64_t grain = (1 << 15) / (positions * channels + 1);
  return grain < 4 ? 4 : grain;
}
static inline int64_t group_norm_tasks(int64_t samples, int64_t positions, int64_t channels) {
  const int64_t grain = group_norm_grain(positions, channels);
  return (samples + grain - 1) / grain;
}

PYGAN_DECLARE_ISA(void, group_norm_forward, (const GroupNormArgs& args))   // mean, var, y
PYGAN_DECLARE_ISA(void, group_norm_backward, (const GroupNormArgs& args))  // dx, dweight, dbias

struct GroupNormKernel {
  static constexpr const char* name = "group_norm";
  using Fn = void (*)(const GroupNormArgs&);
};
struct GroupNormGradKernel {
  static constexpr const char* name = "group_norm_grad";
  using Fn = void (*)(const GroupNormArgs&);
};

}  // namespace pygan
