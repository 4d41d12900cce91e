// bce_with_logits: binary cross-entropy of a logit, elementwise, stable for any size of x.
//
//   y = -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) = softplus(x) - t x = max(x, 0) - t x +
//   log(1 + e^-|x|) dx = dy (sigmoid(x) - t)      dt = -dy x
//
//   x (logits), t (targets, 0..1 for a probability but any number is allowed), y: one shape
// Errors: ShapeError where the shapes differ (no broadcasting: a (N, 1) against (N,) is a classic
// bug), DTypeError.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct BceArgs {
  int64_t n;
  const void* x;  // (n)
  const void* t;  // (n)
  void* y;        // (n)
  bool f64;
};

PYGAN_DECLARE_ISA(void, bce_with_logits, (const BceArgs& args))

struct BceKernel {
  static constexpr const char* name = "bce_with_logits";
  using Fn = void (*)(const BceArgs&);
};

}  // namespace pygan
