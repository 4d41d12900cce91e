// What the length of one sample's gradient costs, the same on every device. For kernel files:
// everything has internal linkage.
#pragma once

#include "core/vecmath.h"
#include "ops/gradient_penalty/gradient_penalty.h"

namespace pygan {
namespace {

struct Slope {
  double cost;   // cost(n)
  double ratio;  // cost'(n) / n, 0 where n = 0
};

// of n = sqrt(square); NaN stays
PYGAN_VECMATH Slope slope(PenaltyCost cost, double square) {
  if (cost == PenaltyCost::squared) return {square, 2};
  const double n = vecmath::sqrt(square), excess = n - 1;
  const double e = vecmath::select((cost == PenaltyCost::one_sided) & (excess <= 0), 0.0, excess);
  return {e * e, vecmath::select(n == 0, 0.0, 2 * e / n)};
}

}  // namespace
}  // namespace pygan
