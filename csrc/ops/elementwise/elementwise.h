// Arithmetic on each element, with NumPy's broadcasting. One kernel a family, one small functor a
// member (functors.h).
//
//   unary           y                      dx
//   neg             -x                     -dy
//   abs             |x|                    dy sign(x): 0 at 0
//   sign            -1, 0, 1; NaN stays    non-differentiable
//   sqrt            x^(1/2)                dy / (2 y)
//   square          x^2                    2 x dy
//   scale           a x                    a dy
//   shift           x + a                  dy
//
//   binary          y                      da                        db
//   add             a + b                  dy                        dy
//   sub             a - b                  dy                        -dy
//   mul             a b                    dy b                      dy a
//   div             a / b                  dy / b                    -dy y / b
//   divide_no_nan   a / b, 0 where b = 0   divide_no_nan(dy, b)      -divide_no_nan(dy y, b)
//
// The binary kernel also serves pow (ops/functions), maximum and minimum (ops/select).
//
// x any shape; a and b broadcast as in NumPy, and their gradients are summed back (sum_to).
// float32 or float64, not mixed. The number of scale and shift is rounded to x's dtype first.
//
//   astype          x in another dtype     astype(dy, x's dtype); no gradient through int and bool
//
// Between all five dtypes. To int64 and uint8 floats are truncated; beyond the range int64 gives
// -2^63 and uint8 the value modulo 256 (0 beyond 32 bits), as NumPy on x86-64. To bool: x != 0.
//
// Errors: ShapeError where shapes do not broadcast, DTypeError for mixed or non-float dtypes.
// FLOPs: one an element.
#pragma once

#include <cstdint>

#include "core/array.h"
#include "core/isa.h"
#include "ops/elementwise/broadcast.h"

namespace pygan {

template <class Member>
struct MapArgs {  // y = f(x), f a member of a family
  const void* x;  // (n)
  void* y;        // (n)
  int64_t n;
  double a;  // the number of scale, shift and the like
  Member op;
  bool f64;  // else float32
};

enum class Unary : uint8_t { neg, abs, sign, sqrt, square, scale, shift };
using UnaryArgs = MapArgs<Unary>;
struct UnaryKernel {
  static constexpr const char* name = "unary";
  using Fn = void (*)(const UnaryArgs&);
};

enum class Binary : uint8_t { add, sub, mul, div, divide_no_nan, pow, maximum, minimum };
struct BinaryArgs {
  const void* a;  // axes.stride[0]
  const void* b;  // axes.stride[1]
  void* y;        // (axes.extent), dense
  Broadcast axes;
  Binary op;
  bool f64;
};
struct BinaryKernel {
  static constexpr const char* name = "binary";
  using Fn = void (*)(const BinaryArgs&);
};

struct CastArgs {
  const void* x;  // (n) of `from`
  void* y;        // (n) of `to`
  int64_t n;
  DType from, to;
};
struct CastKernel {
  static constexpr const char* name = "astype";
  using Fn = void (*)(const CastArgs&);
};

PYGAN_DECLARE_ISA(void, unary, (const UnaryArgs& args))
PYGAN_DECLARE_ISA(void, binary, (const BinaryArgs& args))
PYGAN_DECLARE_ISA(void, cast, (const CastArgs& args))

}  // namespace pygan
