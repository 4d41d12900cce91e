#include "ops/leaky_relu/leaky_relu.h"

#include "core/parallel.h"
#include "core/vecmath.h"

namespace pygan::PYGAN_ISA {
namespace {

using vecmath::select;  // instead of ?: so that the loops are vectorised

constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread

// A slope of 0 has a loop of its own: 0 x would make NaN of -inf, and -0 of every negative number.
template <class T>
void forward(const T* __restrict x, T* __restrict y, int64_t n, T slope) {  // x (n), y (n)
  if (slope == T(0)) {
    for (int64_t i = 0; i < n; ++i) y[i] = select(x[i] <= T(0), T(0), x[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = select(x[i] > T(0), x[i], slope * x[i]);
  }
}

// x (n), dy (n), dx (n). GCC loads what it selects under the mask: dy's cache misses would begin when
// x's have ended. So the factor is selected, and where that cannot be, dy is prefetched.
template <class T>
void backward(const T* __restrict x, const T* __restrict dy, T* __restrict dx, int64_t n, T slope) {
  if (slope == T(0)) {
    constexpr int64_t kLine = 64 / sizeof(T), kAhead = 4096 / sizeof(T), kBlock = 1024 / sizeof(T);
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      const int64_t end = begin + kBlock < n ? begin + kBlock : n;
      for (int64_t i = begin; i < end; i += kLine) __builtin_prefetch(dy + kAhead + i);
      for (int64_t i = begin; i < end; ++i) dx[i] = select(x[i] > T(0), dy[i], T(0));
    }
  } else {
    for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * select(x[i] > T(0), T(1), slope);
  }
}

template <class T>
void run(const LeakyReluArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* dy = static_cast<const T*>(a.dy);
  T* y = static_cast<T*>(a.y);
  const T slope = static_cast<T>(a.slope);
  parallel_ranges(a.n, kGrain, [&](int64_t begin, int64_t end) {
    if (dy)
      backward(x + begin, dy + begin, y + begin, end - begin, slope);
    else
      forward(x + begin, y + begin, end - begin, slope);
  });
}

}  // namespace

void leaky_relu(const LeakyReluArgs& args) { args.f64 ? run<double>(args) : run<float>(args); }

}  // namespace pygan::PYGAN_ISA
