#include "ops/elementwise/elementwise.h"

#include "core/parallel.h"
#include "core/vecmath.h"

namespace pygan::PYGAN_ISA {
namespace {

// Elements worth a second thread
constexpr int64_t kGrain = 1 << 15;          // of arithmetic, which waits for memory
constexpr int64_t kFunctionGrain = 1 << 13;  // of exp and the like

// ---- y = f(x) ----------------------------------------------------------------------------------

// x (n), y (n)
template <class X, class Y, class F>
void map(const X* __restrict x, Y* __restrict y, int64_t n, F f) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T>
void unary_of(const UnaryArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T a = static_cast<T>(args.a);
  const auto run = [&](int64_t grain, auto f) {
    parallel_ranges(args.n, grain,
                    [&](int64_t begin, int64_t end) { map(x + begin, y + begin, end - begin, f); });
  };
  switch (args.op) {
    case Unary::neg:
      return run(kGrain, [](T v) { return -v; });
    case Unary::exp:
      return run(kFunctionGrain, [](T v) { return vecmath::exp(v); });
    case Unary::log:
      return run(kFunctionGrain, [](T v) { return vecmath::log(v); });
    case Unary::sqrt:
      return run(kGrain, [](T v) { return vecmath::sqrt(v); });
    case Unary::square:
      return run(kGrain, [](T v) { return v * v; });
    case Unary::tanh:
      return run(kFunctionGrain, [](T v) { return vecmath::tanh(v); });
    case Unary::sigmoid:
      return run(kFunctionGrain, [](T v) { return vecmath::sigmoid(v); });
    case Unary::softplus:
      return run(kFunctionGrain, [](T v) { return vecmath::softplus(v); });
    case Unary::scale:
      return run(kGrain, [a](T v) { return a * v; });
    case Unary::shift:
      return run(kGrain, [a](T v) { return v + a; });
  }
}

// ---- y = f(a, b), broadcast --------------------------------------------------------------------

// A stretch of n elements along the last axis: a (n) or one element, b likewise, y (n)
template <class T, class F>
void stretch(const T* __restrict a, int64_t a_stride, const T* __restrict b, int64_t b_stride,
             T* __restrict y, int64_t n, F f) {
  if (a_stride == 0) {
    const T value = *a;
    for (int64_t i = 0; i < n; ++i) y[i] = f(value, b[i]);
  } else if (b_stride == 0) {
    const T value = *b;
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], value);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  }
}

// Elements [begin, end) of y, stretch by stretch.
template <class T, class F>
void broadcast(const BinaryArgs& args, int64_t begin, int64_t end, F f) {
  const int last = args.rank - 1;
  const int64_t row = args.extent[last];
  int64_t at[Shape::kMaxRank] = {};  // indices along the axes before the last
  int64_t rest = begin / row, column = begin % row;
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  for (int k = last - 1; k >= 0; --k) {
    at[k] = rest % args.extent[k];
    rest /= args.extent[k];
    a += at[k] * args.a_stride[k];
    b += at[k] * args.b_stride[k];
  }
  for (;;) {
    const int64_t n = row - column < end - begin ? row - column : end - begin;
    stretch(a + column * args.a_stride[last], args.a_stride[last], b + column * args.b_stride[last],
            args.b_stride[last], y + begin, n, f);
    begin += n;
    if (begin == end) return;
    column = 0;
    for (int k = last - 1; k >= 0; --k) {  // count up; an axis that is full starts again
      a += args.a_stride[k];
      b += args.b_stride[k];
      if (++at[k] < args.extent[k]) break;
      a -= args.extent[k] * args.a_stride[k];
      b -= args.extent[k] * args.b_stride[k];
      at[k] = 0;
    }
  }
}

// A short vector over the last axis (a bias of a few channels) would make short loops: it is laid
// out repeatedly, and elements [begin, end) run in stretches of whole repetitions.
constexpr int64_t kShortRow = 256, kRepeated = 512, kRepeatedFrom = 4096;

// x (rows, row), v (row), y (rows, row)
template <class T, class F>
void repeat(const T* x, const T* v, int64_t row, T* y, int64_t begin, int64_t end, F f) {
  T repeated[kRepeated + 2 * kShortRow];
  const int64_t length = (kRepeated + row - 1) / row * row;  // and one row more, for any phase
  for (int64_t i = 0; i < length + row; i += row)
    __builtin_memcpy(repeated + i, v, static_cast<size_t>(row) * sizeof(T));
  const T* phase = repeated + begin % row;
  for (int64_t n; begin < end; begin += n) {
    n = length < end - begin ? length : end - begin;
    stretch(x + begin, 1, phase, 1, y + begin, n, f);
  }
}

template <class T>
void binary_of(const BinaryArgs& args) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  int64_t size = 1;
  for (int k = 0; k < args.rank; ++k) size *= args.extent[k];
  const int64_t row = args.extent[args.rank - 1];
  const bool vector = args.rank == 2 && row < kShortRow && size >= kRepeatedFrom &&
                      args.a_stride[1] == 1 && args.b_stride[1] == 1;
  const auto run = [&](auto f) {
    parallel_ranges(size, kGrain, [&](int64_t begin, int64_t end) {
      if (vector && args.b_stride[0] == 0)
        repeat(a, b, row, y, begin, end, f);
      else if (vector && args.a_stride[0] == 0)
        repeat(b, a, row, y, begin, end, [f](T v, T u) { return f(u, v); });
      else
        broadcast<T>(args, begin, end, f);
    });
  };
  switch (args.op) {
    case Binary::add:
      return run([](T u, T v) { return u + v; });
    case Binary::sub:
      return run([](T u, T v) { return u - v; });
    case Binary::mul:
      return run([](T u, T v) { return u * v; });
    case Binary::div:
      return run([](T u, T v) { return u / v; });
    case Binary::divide_no_nan:
      return run([](T u, T v) { return vecmath::select(v == T(0), T(0), u / v); });
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
  parallel_ranges(args.n, kGrain, [&](int64_t begin, int64_t end) {
    map(x + begin, y + begin, end - begin, [](From v) { return Convert<To, From>::of(v); });
  });
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
