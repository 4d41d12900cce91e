// Functions of each element: exponentials, sines, powers, activations. One kernel, one small functor
// a member (functors.h).
//
//   op              y                              dx
//   exp             e^x                            dy y
//   log             ln x                           dy / x
//   tanh            tanh x                         dy (1 - y^2)
//   sigmoid         1 / (1 + e^-x)                 dy y (1 - y), 1 - y = sigmoid(-x): exact in the tail
//   softplus        ln(1 + e^x)                    dy sigmoid(x)
//   sin             sin x                          dy cos x
//   cos             cos x                          -dy sin x
//   erf             2/sqrt(pi) int_0^x e^(-t^2)    dy 2/sqrt(pi) e^(-x^2)
//   power           x^a, a a number                dy a x^(a - 1): nothing for a = 0
//
// and, each a fused op beside its formula in plain ops:
//
//   elu             x where x > 0, else alpha (e^x - 1)                (Clevert et al. 2016)
//   gelu            x Phi(x), Phi the normal distribution function     (Hendrycks and Gimpel 2016)
//   gelu_tanh       x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2    (ibid.)
//   silu            x sigmoid(x)                                       (ibid.; Ramachandran et al. 2017)
//
// pow(a, b) = a^b broadcasts, with the binary kernel of ops/elementwise:
//
//   da = dy b a^(b - 1), and 0 where a = b = 0
//   db = dy y ln|a|, and 0 where a = 0 and b >= 0
//
// Powers have the special values of C's pow and NumPy's power: x^0 = 1^b = 1 even for NaN; a negative
// base has real powers at integers only, else NaN (where it has, ln|a| is the real part of d/db).
//
// x any shape, float32 or float64; numbers are rounded to x's dtype first. The functions are those of
// core/vecmath.h: the same bits on every CPU. sin and cos are NaN beyond |x| = 1e4 (float32), 1e6
// (float64). elu's kink belongs to the left: y'(0) = alpha. Of -inf, gelu and silu are 0.
//
// Errors: ShapeError where shapes do not broadcast, DTypeError for other or mixed dtypes, ConfigError
// for an alpha that is not finite. FLOPs: one an element, also of exp and the like.
#pragma once

#include "ops/elementwise/elementwise.h"

namespace pygan {

enum class Function : uint8_t {
  exp,
  log,
  tanh,
  sigmoid,
  softplus,
  sin,
  cos,
  erf,
  power,
  elu,
  gelu,
  gelu_tanh,
  silu,
};
using FunctionArgs = MapArgs<Function>;  // a: of power and elu
struct FunctionKernel {
  static constexpr const char* name = "function";
  using Fn = void (*)(const FunctionArgs&);
};

PYGAN_DECLARE_ISA(void, functions, (const FunctionArgs& args))

}  // namespace pygan
