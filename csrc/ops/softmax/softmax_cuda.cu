#include "ops/softmax/softmax.h"

#include "device/device.h"
#include "device/reduce.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// The larger; a NaN is left to the sum, which it makes NaN.
template <class T>
PYGAN_DEVICE T larger(T a, T b) {
  return b > a ? b : a;
}

template <class T>
PYGAN_DEVICE T warp_max(T value) {
  for (int lanes = kWarpSize / 2; lanes > 0; lanes /= 2)
    value = larger(value, __shfl_xor_sync(kFullWarp, value, lanes));
  return value;
}

// m = max_k x_k and s = sum_k e^(x_k - m) of one row, in every lane of its warp. x (count)
template <class T>
struct RowSums {
  T m, s;
};
template <class T>
PYGAN_DEVICE RowSums<T> row_sums(const T* x, int64_t count, int lane) {
  T m = -vecmath::infinity<T>();
  for (int64_t k = lane; k < count; k += kWarpSize) m = larger(m, x[k]);
  m = warp_max(m);
  T s = T(0);
  for (int64_t k = lane; k < count; k += kWarpSize) s += vecmath::exp(x[k] - m);
  return {m, warp_sum(s)};
}

PYGAN_DEVICE int lane_of() { return static_cast<int>(threadIdx.x) % kWarpSize; }

// ---- softmax and log_softmax -------------------------------------------------------------------------

// One row a warp. x, y (rows, count)
template <class T>
PYGAN_KERNEL void softmax_rows(const T* x, T* y, int64_t rows, int64_t count, bool log) {
  const int lane = lane_of();
  for (int64_t r = global_thread() / kWarpSize; r < rows; r += global_threads() / kWarpSize) {
    const T* row = x + r * count;
    const RowSums<T> sums = row_sums(row, count, lane);
    const T log_s = vecmath::log(sums.s);
    for (int64_t k = lane; k < count; k += kWarpSize) {
      const T shifted = row[k] - sums.m;
      y[r * count + k] = log ? shifted - log_s : vecmath::exp(shifted) / sums.s;
    }
  }
}

// One column a thread: neighbours read neighbours. x, y (outer, count, inner)
template <class T>
PYGAN_KERNEL void softmax_columns(SoftmaxArgs a) {
  for (int64_t column = global_thread(); column < a.outer * a.inner; column += global_threads()) {
    const int64_t first = column / a.inner * a.count * a.inner + column % a.inner;
    const T* x = static_cast<const T*>(a.x) + first;
    T* y = static_cast<T*>(a.y) + first;
    T m = -vecmath::infinity<T>(), s = T(0);
    for (int64_t k = 0; k < a.count; ++k) m = larger(m, x[k * a.inner]);
    for (int64_t k = 0; k < a.count; ++k) s += vecmath::exp(x[k * a.inner] - m);
    const T log_s = vecmath::log(s);
    for (int64_t k = 0; k < a.count; ++k) {
      const T shifted = x[k * a.inner] - m;
      y[k * a.inner] = a.log ? shifted - log_s : vecmath::exp(shifted) / s;
    }
  }
}

template <class T>
void run_softmax(const SoftmaxArgs& a) {
  if (a.outer * a.count * a.inner == 0) return;
  if (a.inner == 1) {
    const LaunchShape shape{blocks_for(a.outer, kWarps), kThreads};
    launch(softmax_rows<T>, shape, static_cast<const T*>(a.x), static_cast<T*>(a.y), a.outer,
           a.count, a.log);
  } else {
    launch(softmax_columns<T>, {blocks_for(a.outer * a.inner), kThreads}, a);
  }
}

// ---- cross-entropy -------------------------------------------------------------------------------------

// One row a warp. x (rows, count), classes (rows) or weights (rows, count), loss (rows)
template <class T>
PYGAN_KERNEL void cross_entropy(CrossEntropyArgs a) {
  const int lane = lane_of();
  for (int64_t r = global_thread() / kWarpSize; r < a.rows; r += global_threads() / kWarpSize) {
    const T* x = static_cast<const T*>(a.x) + r * a.count;
    const RowSums<T> sums = row_sums(x, a.count, lane);
    const T log_s = vecmath::log(sums.s);
    T loss = T(0);
    if (a.classes) {
      loss = log_s - (x[a.classes[r]] - sums.m);
    } else {
      const T* t = static_cast<const T*>(a.weights) + r * a.count;
      for (int64_t k = lane; k < a.count; k += kWarpSize)
        if (t[k] != T(0)) loss += t[k] * (log_s - (x[k] - sums.m));  // not 0 inf
      loss = warp_sum(loss);
    }
    if (lane == 0) static_cast<T*>(a.y)[r] = loss;
  }
}

// Likewise. dy (rows), dx (rows, count)
template <class T>
PYGAN_KERNEL void cross_entropy_grad(CrossEntropyArgs a) {
  const int lane = lane_of();
  for (int64_t r = global_thread() / kWarpSize; r < a.rows; r += global_threads() / kWarpSize) {
    const T* x = static_cast<const T*>(a.x) + r * a.count;
    const T* t = static_cast<const T*>(a.weights) + r * a.count;
    const T dy = static_cast<const T*>(a.dy)[r];
    T* dx = static_cast<T*>(a.y) + r * a.count;
    const RowSums<T> sums = row_sums(x, a.count, lane);
    T total = T(1);
    if (!a.classes) {
      total = T(0);
      for (int64_t k = lane; k < a.count; k += kWarpSize) total += t[k];
      total = warp_sum(total);
    }
    for (int64_t k = lane; k < a.count; k += kWarpSize) {
      const T target = a.classes ? T(k == a.classes[r]) : t[k];
      dx[k] = dy * (total * (vecmath::exp(x[k] - sums.m) / sums.s) - target);
    }
  }
}

// bad (): the least row whose class is outside [0, count). classes (rows)
PYGAN_KERNEL void find_bad_class(CrossEntropyArgs a, int64_t* bad) {
  for (int64_t r = global_thread(); r < a.rows; r += global_threads())
    if (a.classes[r] < 0 || a.classes[r] >= a.count) atomicMin(bad, r);
}

template <class T>
void run_cross_entropy(const CrossEntropyArgs& a) {
  const LaunchShape shape{blocks_for(a.rows, kWarps), kThreads};
  launch(a.dy ? cross_entropy_grad<T> : cross_entropy<T>, shape, a);
}

int64_t checked_cross_entropy(const CrossEntropyArgs& a) {
  if (a.rows == 0) return -1;
  if (a.classes) {
    Upload<int64_t> bad(&a.rows, 1);
    launch(find_bad_class, {blocks_for(a.rows), kThreads}, a, bad.mutable_data());
    const int64_t first = download(bad.data());
    if (first < a.rows) return first;
  }
  PYGAN_BY_FLOAT(a.f64, run_cross_entropy, a);
  return -1;
}

const RegisterDeviceKernel<SoftmaxKernel> softmax_device{
    [](const SoftmaxArgs& a) { PYGAN_BY_FLOAT(a.f64, run_softmax, a); }};
const RegisterDeviceKernel<CrossEntropyKernel> cross_entropy_device{checked_cross_entropy};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
