// leaky_relu: y = x where x > 0, else slope x.       relu: slope 0, and y = 0 there
//
//   x, y  any shape, float32 or float64       slope  any finite number
//
// A NaN stays a NaN. The kink belongs to the left: y'(0) = slope.
//
// leaky_relu_grad(dy, x) = dy where x > 0, else slope dy: linear in dy, and constant in x but for
// the kink, where its derivative is taken to be 0. So it is its own vjp and jvp in dy, and
//
//   leaky_relu:       dx  = leaky_relu_grad(dy, x)       ty = leaky_relu_grad(tx, x)
//   leaky_relu_grad:  ddy = leaky_relu_grad(ddx, x)      and nothing for x
//
// A slope that is not negative leaves x's sign: then y stands for x in dx and ty, and is what is kept.
//
// Errors: DTypeError for other dtypes, ShapeError where dy and x differ, ConfigError for a slope
// that is not finite.
//
// This room is the one to copy for a new op: the contract and the kernel's signature here, checks
// and derivatives in leaky_relu.cpp, the CPU kernel in leaky_relu_cpu.cpp. Then one line each in
// ops/ops.h, the bindings and tests/cases.py, and the NumPy reference.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct LeakyReluArgs {
  const void* x;   // (n)
  const void* dy;  // (n); null: the forward pass
  void* y;         // (n): y, or dx where dy is given
  int64_t n;
  double slope;
  bool f64;  // else float32
};

// What eval asks the kernel table for. Each device registers a function of this type.
struct LeakyReluKernel {
  static constexpr const char* name = "leaky_relu";
  using Fn = void (*)(const LeakyReluArgs&);
};

// leaky_relu_cpu.cpp, once for each instruction set
PYGAN_DECLARE_ISA(void, leaky_relu, (const LeakyReluArgs& args))

}  // namespace pygan
