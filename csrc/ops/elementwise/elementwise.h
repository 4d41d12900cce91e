// Elementwise ops. One kernel a family, one small functor a member (elementwise_cpu.cpp).
//
//   unary           y                      dx
//   neg             -x                     -dy
//   exp             e^x                    dy y
//   log             ln x                   dy / x
//   sqrt            x^(1/2)                dy / (2 y)
//   square          x^2                    2 x dy
//   tanh            tanh x                 dy (1 - y^2)
//   sigmoid         1 / (1 + e^-x)         dy y (1 - y), 1 - y = sigmoid(-x): exact in the tail
//   softplus        ln(1 + e^x)            dy sigmoid(x)
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
// x any shape; a and b broadcast as in NumPy, and their gradients are summed back (sum_to).
// float32 or float64, not mixed. The number of scale and shift is rounded to x's dtype first.
// exp, tanh and the other functions are those of core/vecmath.h: the same bits on every CPU.
//
//   astype          x in another dtype     astype(dy, x's dtype); no gradient through int and bool
//
// Between all five dtypes. To int64 and uint8 floats are truncated; beyond the range int64 gives
// -2^63 and uint8 the value modulo 256 (0 beyond 32 bits), as NumPy on x86-64. To bool: x != 0.
//
// Errors: ShapeError where shapes do not broadcast, DTypeError for mixed or non-float dtypes.
// FLOPs: one an element, also of exp and the like.
#pragma once

#include <cstdint>

#include "core/array.h"
#include "core/isa.h"

namespace pygan {

enum class Unary : uint8_t {
  neg,
  exp,
  log,
  sqrt,
  square,
  tanh,
  sigmoid,
  softplus,
  scale,
  shift,
};
struct UnaryArgs {
  const void* x;  // (n)
  void* y;        // (n)
  int64_t n;
  double a;  // of scale and shift
  Unary op;
  bool f64;  // else float32
};
struct UnaryKernel {
  static constexpr const char* name = "unary";
  using Fn = void (*)(const UnaryArgs&);
};

enum class Binary : uint8_t { add, sub, mul, div, divide_no_nan };
struct BinaryArgs {
  const void* a;  // strides in elements; 0 along the axes it is broadcast over
  const void* b;  // likewise
  void* y;        // (extent[0], ..., extent[rank - 1]), dense
  int rank;       // at least 1. Axes are merged as far as the strides allow, so along the last one
                  // the strides of a and b are 0 or 1, and at least one of them is 1.
  int64_t extent[Shape::kMaxRank], a_stride[Shape::kMaxRank], b_stride[Shape::kMaxRank];
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
