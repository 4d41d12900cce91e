// The members of the families of ops/elementwise, one functor each, the same on every device.
//
//   unary     y = F::of(x, a), a the number of scale and shift
//   binary    y = F::of(a, b)
//   astype    y = Convert<To, From>::of(x)
//
// with_unary(op, run) and with_binary(op, run) call run(F{}). For kernel files: everything has internal
// linkage.
#pragma once

#include "core/vecmath.h"
#include "core/vecmath_pow.h"
#include "ops/elementwise/elementwise.h"

namespace pygan {
namespace {

// ---- y = f(x) ----------------------------------------------------------------------------------

struct NegOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return -x;
  }
};
struct AbsOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::abs(x);
  }
};
struct SignOf {  // -1, 0 or 1; NaN stays
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::select(x == x, T(x > T(0)) - T(x < T(0)), x);
  }
};
struct SqrtOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return vecmath::sqrt(x);
  }
};
struct SquareOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T) {
    return x * x;
  }
};
struct ScaleOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T a) {
    return a * x;
  }
};
struct ShiftOf {
  template <class T>
  PYGAN_VECMATH T of(T x, T a) {
    return x + a;
  }
};

template <class Run>
void with_unary(Unary op, Run run) {
  switch (op) {
    case Unary::neg:
      return run(NegOf{});
    case Unary::abs:
      return run(AbsOf{});
    case Unary::sign:
      return run(SignOf{});
    case Unary::sqrt:
      return run(SqrtOf{});
    case Unary::square:
      return run(SquareOf{});
    case Unary::scale:
      return run(ScaleOf{});
    case Unary::shift:
      return run(ShiftOf{});
  }
}

// ---- y = f(a, b) -------------------------------------------------------------------------------

struct AddOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return a + b;
  }
};
struct SubOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return a - b;
  }
};
struct MulOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return a * b;
  }
};
struct DivOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return a / b;
  }
};
struct DivideNoNanOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return vecmath::select(b == T(0), T(0), a / b);
  }
};
struct PowOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return vecmath::pow(a, b);
  }
};
// The larger of two numbers; NaN where one is NaN, the first NaN of two
struct MaximumOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return vecmath::select((a >= b) | (a != a), a, b);
  }
};
struct MinimumOf {
  template <class T>
  PYGAN_VECMATH T of(T a, T b) {
    return vecmath::select((a <= b) | (a != a), a, b);
  }
};

template <class Run>
void with_binary(Binary op, Run run) {
  switch (op) {
    case Binary::add:
      return run(AddOf{});
    case Binary::sub:
      return run(SubOf{});
    case Binary::mul:
      return run(MulOf{});
    case Binary::div:
      return run(DivOf{});
    case Binary::divide_no_nan:
      return run(DivideNoNanOf{});
    case Binary::pow:
      return run(PowOf{});
    case Binary::maximum:
      return run(MaximumOf{});
    case Binary::minimum:
      return run(MinimumOf{});
  }
}

// ---- astype ------------------------------------------------------------------------------------

struct Bool {
  uint8_t value;
};

// One element. C++ leaves a float beyond the integer's range undefined: each case is spelled out.
template <class To, class From>
struct Convert {
  PYGAN_VECMATH To of(From x) { return static_cast<To>(x); }
};
template <class To>
struct Convert<To, Bool> {
  PYGAN_VECMATH To of(Bool x) { return static_cast<To>(x.value != 0); }
};
template <class From>
struct Convert<Bool, From> {
  PYGAN_VECMATH Bool of(From x) { return {static_cast<uint8_t>(x != From(0))}; }
};
template <>
struct Convert<Bool, Bool> {
  PYGAN_VECMATH Bool of(Bool x) { return x; }
};
// Selects, not branches, so that the loops are vectorised.
template <class From>
PYGAN_VECMATH int64_t truncate(From x) {
  const bool fits = (x >= From(-0x1p63)) & (x < From(0x1p63));
  const int64_t y = static_cast<int64_t>(vecmath::select(fits, x, From(0)));
  return fits ? y : INT64_MIN;
}
template <class From>
PYGAN_VECMATH uint8_t truncate_byte(From x) {
  const bool fits = (x > From(-0x1p31)) & (x < From(0x1p31));
  return static_cast<uint8_t>(static_cast<int32_t>(vecmath::select(fits, x, From(0))));
}
template <>
struct Convert<int64_t, float> {
  PYGAN_VECMATH int64_t of(float x) { return truncate(x); }
};
template <>
struct Convert<int64_t, double> {
  PYGAN_VECMATH int64_t of(double x) { return truncate(x); }
};
template <>
struct Convert<uint8_t, float> {
  PYGAN_VECMATH uint8_t of(float x) { return truncate_byte(x); }
};
template <>
struct Convert<uint8_t, double> {
  PYGAN_VECMATH uint8_t of(double x) { return truncate_byte(x); }
};

// run(a value of the dtype's type)
template <class Run>
void with_dtype(DType dtype, Run run) {
  switch (dtype) {
    case DType::f32:
      return run(float{});
    case DType::f64:
      return run(double{});
    case DType::i64:
      return run(int64_t{});
    case DType::u8:
      return run(uint8_t{});
    case DType::boolean:
      return run(Bool{});
  }
}

}  // namespace
}  // namespace pygan
