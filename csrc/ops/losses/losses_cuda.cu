#include "ops/losses/losses.h"

#include "device/device.h"
#include "ops/losses/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// x, t, y (n)
template <class T>
PYGAN_KERNEL void bce(const T* x, const T* t, T* y, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = bce_of(x[i], t[i]);
}

template <class T>
void run(const BceArgs& a) {
  if (a.n == 0) return;
  launch(bce<T>, {blocks_for(a.n), kThreads}, static_cast<const T*>(a.x),
         static_cast<const T*>(a.t), static_cast<T*>(a.y), a.n);
}

const RegisterDeviceKernel<BceKernel> bce_device{
    [](const BceArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
