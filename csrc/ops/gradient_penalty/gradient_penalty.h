// Gradient penalties: two small ops, and the fused pass (pass.h) between them.
//
// interpolate: x^_b = u_b real_b + (1 - u_b) fake_b
//
//   real, fake, x^  (N, ...), one shape and dtype, float32 or float64      u  (N), one a sample
//   dreal = u dx^,  dfake = (1 - u) dx^,  du_b = <real_b - fake_b, dx^_b>
//
// norm_penalty: P = weight / N sum_b cost(|g_b|), |g_b| over all axes of one sample, not of the batch
//
//   g  (N, ...), N >= 1      P  ()
//   cost: two_sided (n - 1)^2,  one_sided max(0, n - 1)^2,  squared n^2
//   coefficient (N): c_b = weight / N cost'(n_b) / n_b, and 0 where n_b = 0; not differentiable
//   dg_b = c_b g_b dP: one kernel gives P and, per sample, what scales g to dP/dg. A squared cost
//   does not go through the norm, so its higher derivatives at 0 are those of a quadratic.
//
// Errors: ShapeError for shapes that do not fit or N = 0, DTypeError, ConfigError for a weight that
// is not finite.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

enum class PenaltyCost : uint8_t { two_sided, one_sided, squared };  // ops.h declares it

struct InterpolateArgs {
  const void* real;  // (n, d)
  const void* fake;  // (n, d)
  const void* u;     // (n)
  void* x;           // (n, d)
  int64_t n, d;
  bool f64;  // else float32
};

struct NormPenaltyArgs {
  const void* g;      // (n, d), n >= 1
  void* value;        // ()
  void* coefficient;  // (n)
  double* costs;      // (n), work: the cost of each sample
  int64_t n, d;
  PenaltyCost cost;
  double weight;
  bool f64;
};

struct InterpolateKernel {
  static constexpr const char* name = "interpolate";
  using Fn = void (*)(const InterpolateArgs&);
};
struct NormPenaltyKernel {
  static constexpr const char* name = "norm_penalty";
  using Fn = void (*)(const NormPenaltyArgs&);
};

PYGAN_DECLARE_ISA(void, interpolate, (const InterpolateArgs& args))
PYGAN_DECLARE_ISA(void, norm_penalty, (const NormPenaltyArgs& args))

}  // namespace pygan
