#include "ops/pad/pad.h"

#include "device/device.h"
#include "ops/pad/source.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// T only stands for its bytes. x (outer, n, inner), y (outer, before + n + after, inner), y's size
template <class T>
PYGAN_KERNEL void pad(PadArgs a, const T* x, T* y, int64_t size) {
  const int64_t padded = a.before + a.n + a.after;
  for (int64_t t = global_thread(); t < size; t += global_threads()) {
    const int64_t k = t % a.inner, row = t / a.inner;
    const int64_t i = row % padded - a.before, outer = row / padded;
    y[t] = x[(outer * a.n + source(a, i)) * a.inner + k];
  }
}

// Places [first, last) of the border before or after the image that element j was copied to.
struct Copies {
  int64_t first, last;
};
PYGAN_DEVICE inline Copies copies_before(const PadArgs& a, int64_t j) {
  if (a.reflect) return {-j, j > 0 && j <= a.before ? 1 - j : -j};
  return {-a.before, j == 0 ? 0 : -a.before};
}
PYGAN_DEVICE inline Copies copies_after(const PadArgs& a, int64_t j) {
  const int64_t last = a.n - 1, mirrored = 2 * last - j;
  if (a.reflect)
    return {mirrored, mirrored > last && mirrored <= last + a.after ? mirrored + 1 : mirrored};
  return {a.n, j == last ? a.n + a.after : a.n};
}

// One thread an element of dx, which gathers its copies. dy (outer, before + n + after, inner),
// dx (outer, n, inner), `size` elements
template <class T>
PYGAN_KERNEL void pad_grad(PadArgs a, const T* dy, T* dx, int64_t size) {
  const int64_t padded = a.before + a.n + a.after;
  for (int64_t t = global_thread(); t < size; t += global_threads()) {
    const int64_t k = t % a.inner, j = t / a.inner % a.n, outer = t / a.inner / a.n;
    const T* from = dy + (outer * padded + a.before) * a.inner + k;  // place i: from[i inner]
    T sum = from[j * a.inner];
    const Copies before = copies_before(a, j), after = copies_after(a, j);
    for (int64_t i = before.first; i < before.last; ++i) sum += from[i * a.inner];
    for (int64_t i = after.first; i < after.last; ++i) sum += from[i * a.inner];
    dx[t] = sum;
  }
}

template <class T>
void run_pad(const PadArgs& a) {
  const int64_t size = a.outer * (a.before + a.n + a.after) * a.inner;
  launch(pad<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.from),
         static_cast<T*>(a.to), size);
}
const RegisterDeviceKernel<PadKernel> pad_device{[](const PadArgs& a) {
  if (a.item_size == 4)
    run_pad<uint32_t>(a);
  else if (a.item_size == 8)
    run_pad<uint64_t>(a);
  else
    run_pad<uint8_t>(a);
}};

template <class T>
void run_pad_grad(const PadArgs& a) {
  const int64_t size = a.outer * a.n * a.inner;
  launch(pad_grad<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.from),
         static_cast<T*>(a.to), size);
}
const RegisterDeviceKernel<PadGradKernel> pad_grad_device{
    [](const PadArgs& a) { PYGAN_BY_FLOAT(a.item_size == 8, run_pad_grad, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
