#include "ops/select/select.h"

#include "ops/elementwise/broadcast_cpu.h"
#include "ops/select/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

// ---- clip --------------------------------------------------------------------------------------

// x (n), y (n)
template <class T>
void bound(const T* __restrict x, T* __restrict y, int64_t n, T low, T high) {
  for (int64_t i = 0; i < n; ++i) y[i] = clipped(x[i], low, high);
}

// x (n), dy (n), dx (n)
template <class T>
void bound_grad(const T* __restrict x, const T* __restrict dy, T* __restrict dx, int64_t n, T low,
                T high) {
  for (int64_t i = 0; i < n; ++i) dx[i] = clipped_grad(x[i], dy[i], low, high);
}

template <class T>
void clip_of(const ClipArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  const T* dy = static_cast<const T*>(args.dy);
  T* y = static_cast<T*>(args.y);
  const T low = static_cast<T>(args.low), high = static_cast<T>(args.high);
  parallel_ranges(args.n, kGrain, [&](int64_t begin, int64_t end) {
    if (dy)
      bound_grad(x + begin, dy + begin, y + begin, end - begin, low, high);
    else
      bound(x + begin, y + begin, end - begin, low, high);
  });
}

// ---- comparisons -------------------------------------------------------------------------------

template <class T>
void compare_of(const CompareArgs& args) {
  with_compare(args.op, [&](auto f) {
    broadcast(args.axes, static_cast<const T*>(args.a), static_cast<const T*>(args.b), args.y,
              kGrain, [f](T u, T v) { return f.of(u, v); });
  });
}

// ---- where -------------------------------------------------------------------------------------

// c, a, b: (n), or one element where their step is 0; y (n). T only stands for its bits.
template <int c_step, int a_step, int b_step, class T>
void choose(const uint8_t* __restrict c, const T* __restrict a, const T* __restrict b,
            T* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = chosen(c[i * c_step], a[i * a_step], b[i * b_step]);
}

template <class T>
void where_of(const WhereArgs& args) {
  const Broadcast& axes = args.axes;
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  using Choose = void (*)(const uint8_t*, const T*, const T*, T*, int64_t);
  constexpr Choose table[8] = {choose<0, 0, 0, T>, choose<0, 0, 1, T>, choose<0, 1, 0, T>,
                               choose<0, 1, 1, T>, choose<1, 0, 0, T>, choose<1, 0, 1, T>,
                               choose<1, 1, 0, T>, choose<1, 1, 1, T>};
  const int last = axes.rank - 1;
  const Choose run =
      table[4 * axes.stride[0][last] + 2 * axes.stride[1][last] + axes.stride[2][last]];
  int64_t size = 1;
  for (int k = 0; k < axes.rank; ++k) size *= axes.extent[k];
  parallel_ranges(size, kGrain, [&](int64_t begin, int64_t end) {
    for_each_stretch<3>(axes, begin, end, [&](const int64_t* from, int64_t at, int64_t n) {
      run(args.c + from[0], a + from[1], b + from[2], y + at, n);
    });
  });
}

}  // namespace

void clip(const ClipArgs& args) { args.f64 ? clip_of<double>(args) : clip_of<float>(args); }

void compare(const CompareArgs& args) {
  switch (args.dtype) {
    case DType::f32:
      return compare_of<float>(args);
    case DType::f64:
      return compare_of<double>(args);
    case DType::i64:
      return compare_of<int64_t>(args);
    case DType::u8:
    case DType::boolean:
      return compare_of<uint8_t>(args);
  }
}

void where(const WhereArgs& args) {
  switch (args.item) {
    case 1:
      return where_of<uint8_t>(args);
    case 4:
      return where_of<uint32_t>(args);
    default:
      return where_of<uint64_t>(args);
  }
}

}  // namespace pygan::PYGAN_ISA
