#include "ops/softmax/softmax.h"

#include "core/parallel.h"
#include "core/vecmath.h"

namespace pygan::PYGAN_ISA {
namespace {

using vecmath::select;

constexpr int64_t kGrain = 1 << 12;  // elements worth a second thread: an exponential each
constexpr int64_t kLanes = 16;       // partial sums of a row, so that its loop is vectorised
constexpr int64_t kColumns = 256;    // columns handled together where the axis is not the last

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t rows_a_task(int64_t width) { return width < kGrain ? kGrain / (width ? width : 1) : 1; }

template <class T>
T fold_max(const T* lane) {
  T m = lane[0];
  for (int64_t i = 1; i < kLanes; ++i) m = lane[i] > m ? lane[i] : m;
  return m;
}

// By halves: its order is fixed whatever the instruction set.
template <class T>
T fold_sum(T* lane) {
  for (int64_t n = kLanes / 2; n > 0; n /= 2)
    for (int64_t i = 0; i < n; ++i) lane[i] += lane[i + n];
  return lane[0];
}

// max_k x_k of x (n); a NaN is left to the sum, which it makes NaN.
template <class T>
T row_max(const T* x, int64_t n) {
  T lane[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lane[i] = -vecmath::infinity<T>();
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes)
    for (int64_t i = 0; i < kLanes; ++i) lane[i] = select(x[k + i] > lane[i], x[k + i], lane[i]);
  for (int64_t i = 0; k + i < n; ++i) lane[i] = x[k + i] > lane[i] ? x[k + i] : lane[i];
  return fold_max(lane);
}

// sum_k e^(x_k - m); `power` (n), where given, keeps the terms.
template <class T>
T row_powers(const T* x, int64_t n, T m, T* power) {
  T lane[kLanes] = {};
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    T e[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) e[i] = vecmath::exp(x[k + i] - m);
    for (int64_t i = 0; i < kLanes; ++i) lane[i] += e[i];
    if (power)
      for (int64_t i = 0; i < kLanes; ++i) power[k + i] = e[i];
  }
  for (int64_t i = 0; k + i < n; ++i) {
    const T e = vecmath::exp(x[k + i] - m);
    lane[i] += e;
    if (power) power[k + i] = e;
  }
  return fold_sum(lane);
}

// x, y (n)
template <class T>
void one_row(const T* x, T* y, int64_t n, bool log) {
  const T m = row_max(x, n);
  const T s = row_powers(x, n, m, log ? nullptr : y);
  if (log) {
    const T log_s = vecmath::log(s);
    for (int64_t k = 0; k < n; ++k) y[k] = (x[k] - m) - log_s;
  } else {
    for (int64_t k = 0; k < n; ++k) y[k] = y[k] / s;
  }
}

// x, y (count, inner), their first `width` <= kColumns columns
template <class T>
void columns(const T* x, T* y, int64_t count, int64_t inner, int64_t width, bool log) {
  T m[kColumns], s[kColumns];
  for (int64_t c = 0; c < width; ++c) {
    m[c] = -vecmath::infinity<T>();
    s[c] = 0;
  }
  for (int64_t k = 0; k < count; ++k)
    for (int64_t c = 0; c < width; ++c)
      m[c] = select(x[k * inner + c] > m[c], x[k * inner + c], m[c]);
  for (int64_t k = 0; k < count; ++k)
    for (int64_t c = 0; c < width; ++c) {
      const T e = vecmath::exp(x[k * inner + c] - m[c]);
      s[c] += e;
      y[k * inner + c] = e;
    }
  if (log) {
    for (int64_t c = 0; c < width; ++c) s[c] = vecmath::log(s[c]);
    for (int64_t k = 0; k < count; ++k)
      for (int64_t c = 0; c < width; ++c) y[k * inner + c] = (x[k * inner + c] - m[c]) - s[c];
  } else {
    for (int64_t k = 0; k < count; ++k)
      for (int64_t c = 0; c < width; ++c) y[k * inner + c] = y[k * inner + c] / s[c];
  }
}

template <class T>
void run(const SoftmaxArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  if (a.inner == 1) {
    parallel_ranges(a.outer, rows_a_task(a.count), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        one_row(x + r * a.count, y + r * a.count, a.count, a.log);
    });
    return;
  }
  const int64_t tiles = (a.inner + kColumns - 1) / kColumns;
  const int64_t work = a.count * smaller(a.inner, kColumns);
  parallel_ranges(a.outer * tiles, rows_a_task(work), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t c = t % tiles * kColumns, at = t / tiles * a.count * a.inner + c;
      columns(x + at, y + at, a.count, a.inner, smaller(kColumns, a.inner - c), a.log);
    }
  });
}

template <class T>
T row_loss(const T* x, const T* t, int64_t label, int64_t n) {
  const T m = row_max(x, n);
  const T log_s = vecmath::log(row_powers(x, n, m, static_cast<T*>(nullptr)));
  if (!t) return log_s - (x[label] - m);
  T loss = 0;
  for (int64_t k = 0; k < n; ++k)
    loss += t[k] == T(0) ? T(0) : t[k] * (log_s - (x[k] - m));  // not 0 inf
  return loss;
}

template <class T>
void row_gradient(const T* x, const T* t, int64_t label, T dy, T* dx, int64_t n) {
  const T m = row_max(x, n);
  const T s = row_powers(x, n, m, dx);
  T total = 1;
  if (t) {
    total = 0;
    for (int64_t k = 0; k < n; ++k) total += t[k];
    for (int64_t k = 0; k < n; ++k) dx[k] = dy * (total * (dx[k] / s) - t[k]);
  } else {
    for (int64_t k = 0; k < n; ++k) dx[k] = dx[k] / s;
    dx[label] -= T(1);
    for (int64_t k = 0; k < n; ++k) dx[k] = dy * dx[k];
  }
}

template <class T>
void run(const CrossEntropyArgs& a) {
  const T *x = static_cast<const T*>(a.x), *t = static_cast<const T*>(a.weights);
  const T* dy = static_cast<const T*>(a.dy);
  T* y = static_cast<T*>(a.y);
  const int64_t n = a.count;
  parallel_ranges(a.rows, rows_a_task(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* tr = a.classes ? nullptr : t + r * n;
      const int64_t label = a.classes ? a.classes[r] : 0;
      if (dy)
        row_gradient(x + r * n, tr, label, dy[r], y + r * n, n);
      else
        y[r] = row_loss(x + r * n, tr, label, n);
    }
  });
}

}  // namespace

void softmax(const SoftmaxArgs& a) { a.f64 ? run<double>(a) : run<float>(a); }

int64_t softmax_cross_entropy(const CrossEntropyArgs& a) {
  if (a.classes)
    for (int64_t r = 0; r < a.rows; ++r)
      if (a.classes[r] < 0 || a.classes[r] >= a.count) return r;
  a.f64 ? run<double>(a) : run<float>(a);
  return -1;
}

}  // namespace pygan::PYGAN_ISA
