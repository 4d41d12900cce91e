#include "ops/elementwise/elementwise.h"

#include "core/parallel.h"
#include "core/vecmath.h"
#include "core/vecmath_pow.h"
#include "ops/elementwise/broadcast_cpu.h"

namespace pygan::PYGAN_ISA {
namespace {

// ---- y = f(x) ----------------------------------------------------------------------------------

// -1, 0 or 1; NaN stays
template <class T>
T sign_of(T x) {
  return vecmath::select(x == x, T(x > T(0)) - T(x < T(0)), x);
}

template <class T>
void unary_of(const UnaryArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T a = static_cast<T>(args.a);
  const auto run = [&](auto f) { map(x, y, args.n, kGrain, f); };
  switch (args.op) {
    case Unary::neg:
      return run([](T v) { return -v; });
    case Unary::abs:
      return run([](T v) { return vecmath::abs(v); });
    case Unary::sign:
      return run([](T v) { return sign_of(v); });
    case Unary::sqrt:
      return run([](T v) { return vecmath::sqrt(v); });
    case Unary::square:
      return run([](T v) { return v * v; });
    case Unary::scale:
      return run([a](T v) { return a * v; });
    case Unary::shift:
      return run([a](T v) { return v + a; });
  }
}

// ---- y = f(a, b), broadcast --------------------------------------------------------------------

// The larger of two numbers; NaN where one is NaN, the first NaN of two
template <class T>
T larger_of(T u, T v) {
  return vecmath::select((u >= v) | (u != u), u, v);
}
template <class T>
T smaller_of(T u, T v) {
  return vecmath::select((u <= v) | (u != u), u, v);
}

template <class T>
void binary_of(const BinaryArgs& args) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const auto run = [&](int64_t grain, auto f) { broadcast(args.axes, a, b, y, grain, f); };
  switch (args.op) {
    case Binary::add:
      return run(kGrain, [](T u, T v) { return u + v; });
    case Binary::sub:
      return run(kGrain, [](T u, T v) { return u - v; });
    case Binary::mul:
      return run(kGrain, [](T u, T v) { return u * v; });
    case Binary::div:
      return run(kGrain, [](T u, T v) { return u / v; });
    case Binary::divide_no_nan:
      return run(kGrain, [](T u, T v) { return vecmath::select(v == T(0), T(0), u / v); });
    case Binary::pow:
      return run(kFunctionGrain, [](T u, T v) { return vecmath::pow(u, v); });
    case Binary::maximum:
      return run(kGrain, [](T u, T v) { return larger_of(u, v); });
    case Binary::minimum:
      return run(kGrain, [](T u, T v) { return smaller_of(u, v); });
  }
}

// ---- astype ------------------------------------------------------------------------------------

struct Bool {
  uint8_t value;
};

// One element. C++ leaves a float beyond the integer's range undefined: each case is spelled out.
template <class To, class From>
struct Convert {
  static To of(From x) { return static_cast<To>(x); }
};
template <class To>
struct Convert<To, Bool> {
  static To of(Bool x) { return static_cast<To>(x.value != 0); }
};
template <class From>
struct Convert<Bool, From> {
  static Bool of(From x) { return {static_cast<uint8_t>(x != From(0))}; }
};
template <>
struct Convert<Bool, Bool> {
  static Bool of(Bool x) { return x; }
};
// Selects, not branches, so that the loops are vectorised.
template <class From>
int64_t truncate(From x) {
  const bool fits = (x >= From(-0x1p63)) & (x < From(0x1p63));
  const int64_t y = static_cast<int64_t>(vecmath::select(fits, x, From(0)));
  return fits ? y : INT64_MIN;
}
template <class From>
uint8_t truncate_byte(From x) {
  const bool fits = (x > From(-0x1p31)) & (x < From(0x1p31));
  return static_cast<uint8_t>(static_cast<int32_t>(vecmath::select(fits, x, From(0))));
}
template <>
struct Convert<int64_t, float> {
  static int64_t of(float x) { return truncate(x); }
};
template <>
struct Convert<int64_t, double> {
  static int64_t of(double x) { return truncate(x); }
};
template <>
struct Convert<uint8_t, float> {
  static uint8_t of(float x) { return truncate_byte(x); }
};
template <>
struct Convert<uint8_t, double> {
  static uint8_t of(double x) { return truncate_byte(x); }
};

template <class To, class From>
void cast_of(const CastArgs& args) {
  const From* x = static_cast<const From*>(args.x);
  To* y = static_cast<To*>(args.y);
  map(x, y, args.n, kGrain, [](From v) { return Convert<To, From>::of(v); });
}

template <class From>
void cast_from(const CastArgs& args) {
  switch (args.to) {
    case DType::f32:
      return cast_of<float, From>(args);
    case DType::f64:
      return cast_of<double, From>(args);
    case DType::i64:
      return cast_of<int64_t, From>(args);
    case DType::u8:
      return cast_of<uint8_t, From>(args);
    case DType::boolean:
      return cast_of<Bool, From>(args);
  }
}

}  // namespace

void unary(const UnaryArgs& args) { args.f64 ? unary_of<double>(args) : unary_of<float>(args); }

void binary(const BinaryArgs& args) { args.f64 ? binary_of<double>(args) : binary_of<float>(args); }

void cast(const CastArgs& args) {
  switch (args.from) {
    case DType::f32:
      return cast_from<float>(args);
    case DType::f64:
      return cast_from<double>(args);
    case DType::i64:
      return cast_from<int64_t>(args);
    case DType::u8:
      return cast_from<uint8_t>(args);
    case DType::boolean:
      return cast_from<Bool>(args);
  }
}

}  // namespace pygan::PYGAN_ISA
