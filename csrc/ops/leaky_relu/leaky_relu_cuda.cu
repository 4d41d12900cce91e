#include "ops/leaky_relu/leaky_relu.h"

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using vecmath::select;

// A slope of 0 is a case of its own: 0 x would make NaN of -inf, and -0 of every negative number.
template <class T>
PYGAN_KERNEL void forward(const T* x /* (n) */, T* y /* (n) */, int64_t n, T slope) {
  for (int64_t i = global_thread(); i < n; i += global_threads())
    y[i] =
        slope == T(0) ? select(x[i] <= T(0), T(0), x[i]) : select(x[i] > T(0), x[i], slope * x[i]);
}

template <class T>
PYGAN_KERNEL void backward(const T* x /* (n) */, const T* dy /* (n) */, T* dx /* (n) */, int64_t n,
                           T slope) {
  for (int64_t i = global_thread(); i < n; i += global_threads())
    dx[i] = select(x[i] > T(0), dy[i], slope == T(0) ? T(0) : slope * dy[i]);
}

template <class T>
void run(const LeakyReluArgs& a) {
  if (a.n == 0) return;
  const T* x = static_cast<const T*>(a.x);
  const T* dy = static_cast<const T*>(a.dy);
  T* y = static_cast<T*>(a.y);
  const LaunchShape shape{blocks_for(a.n), kThreads};
  if (dy)
    launch(backward<T>, shape, x, dy, y, a.n, static_cast<T>(a.slope));
  else
    launch(forward<T>, shape, x, y, a.n, static_cast<T>(a.slope));
}

const RegisterDeviceKernel<LeakyReluKernel> leaky_relu_device{
    [](const LeakyReluArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
