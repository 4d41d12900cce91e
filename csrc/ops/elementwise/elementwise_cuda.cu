#include "ops/elementwise/elementwise.h"

#include "device/device.h"
#include "ops/elementwise/functors.h"
#include "ops/elementwise/map_device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

template <class T>
void run_unary(const UnaryArgs& args) {
  with_unary(args.op, [&](auto f) { launch_map<decltype(f), T>(args.x, args.y, args.n, args.a); });
}
const RegisterDeviceKernel<UnaryKernel> unary_device{
    [](const UnaryArgs& args) { PYGAN_BY_FLOAT(args.f64, run_unary, args); }};

// ---- y = f(a, b), broadcast --------------------------------------------------------------------

// y = F::of(a, b), four elements a thread. a, b: (n) where their stride is 1, or one element (0); y (n); what has n
// elements is aligned to 16 bytes
PYGAN_DEVICE inline float4 four(const float* x, int64_t stride, int64_t i) {
  return stride ? load4(x + i) : float4{*x, *x, *x, *x};
}
template <class F>
PYGAN_KERNEL void pairs_by_four(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                                float* y, int64_t n) {
  const int64_t quads = n / 4;
  for (int64_t i = global_thread(); i < quads; i += global_threads()) {
    const float4 u = four(a, a_stride, 4 * i), v = four(b, b_stride, 4 * i);
    store4(y + 4 * i, {F::of(u.x, v.x), F::of(u.y, v.y), F::of(u.z, v.z), F::of(u.w, v.w)});
  }
  const int64_t rest = 4 * quads + global_thread();
  if (rest < n) y[rest] = F::of(a[rest * a_stride], b[rest * b_stride]);
}

template <class T>
void run_binary(const BinaryArgs& args) {
  const Broadcast& axes = args.axes;
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const int64_t n = size_of(axes), a_stride = axes.stride[0][0], b_stride = axes.stride[1][0];
  const bool quads = axes.rank == 1 && aligned4(y) && (a_stride == 0 || aligned4(a)) &&
                     (b_stride == 0 || aligned4(b));
  with_binary(args.op, [&](auto f) {
    if constexpr (sizeof(T) == sizeof(float)) {
      if (quads) {
        launch(pairs_by_four<decltype(f)>, {blocks_for(n / 4), kThreads}, a, a_stride, b, b_stride,
               y, n);
        return;
      }
    }
    launch(broadcast<decltype(f), T, T>, {blocks_for(n), kThreads}, a, b, y, n, axes);
  });
}
const RegisterDeviceKernel<BinaryKernel> binary_device{
    [](const BinaryArgs& args) { PYGAN_BY_FLOAT(args.f64, run_binary, args); }};

// ---- astype ------------------------------------------------------------------------------------

// x (n), y (n)
template <class To, class From>
PYGAN_KERNEL void cast(const From* x, To* y, int64_t n) {
  for (int64_t i = global_thread(); i < n; i += global_threads())
    y[i] = Convert<To, From>::of(x[i]);
}

const RegisterDeviceKernel<CastKernel> cast_device{[](const CastArgs& args) {
  if (args.n == 0) return;
  with_dtype(args.from, [&](auto from) {
    with_dtype(args.to, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      launch(cast<To, From>, {blocks_for(args.n), kThreads}, static_cast<const From*>(args.x),
             static_cast<To*>(args.y), args.n);
    });
  });
}};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
