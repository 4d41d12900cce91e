#include "ops/select/select.h"

#include "device/device.h"
#include "ops/elementwise/map_device.h"
#include "ops/select/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// ---- clip --------------------------------------------------------------------------------------

// x (n), y (n)
template <class T>
PYGAN_KERNEL void clip(const T* x, T* y, int64_t n, T low, T high) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) y[i] = clipped(x[i], low, high);
}

// x (n), dy (n), dx (n)
template <class T>
PYGAN_KERNEL void clip_grad(const T* x, const T* dy, T* dx, int64_t n, T low, T high) {
  for (int64_t i = global_thread(); i < n; i += global_threads())
    dx[i] = clipped_grad(x[i], dy[i], low, high);
}

template <class T>
void run_clip(const ClipArgs& args) {
  if (args.n == 0) return;
  const T* x = static_cast<const T*>(args.x);
  const T* dy = static_cast<const T*>(args.dy);
  T* y = static_cast<T*>(args.y);
  const T low = static_cast<T>(args.low), high = static_cast<T>(args.high);
  const LaunchShape shape{blocks_for(args.n), kThreads};
  if (dy)
    launch(clip_grad<T>, shape, x, dy, y, args.n, low, high);
  else
    launch(clip<T>, shape, x, y, args.n, low, high);
}
const RegisterDeviceKernel<ClipKernel> clip_device{
    [](const ClipArgs& args) { PYGAN_BY_FLOAT(args.f64, run_clip, args); }};

// ---- comparisons -------------------------------------------------------------------------------

template <class T>
void run_compare(const CompareArgs& args) {
  const int64_t n = size_of(args.axes);
  with_compare(args.op, [&](auto f) {
    launch(broadcast<decltype(f), T, uint8_t>, {blocks_for(n), kThreads},
           static_cast<const T*>(args.a), static_cast<const T*>(args.b), args.y, n, args.axes);
  });
}

void compare(const CompareArgs& args) {
  switch (args.dtype) {
    case DType::f32:
    case DType::f64:
      return PYGAN_BY_FLOAT(args.dtype == DType::f64, run_compare, args);
    case DType::i64:
      return run_compare<int64_t>(args);
    case DType::u8:
    case DType::boolean:
      return run_compare<uint8_t>(args);
  }
}
const RegisterDeviceKernel<CompareKernel> compare_device{compare};

// ---- where -------------------------------------------------------------------------------------

// c, a, b: along axes, with their strides; y (n), dense
template <class T>
PYGAN_KERNEL void where(const uint8_t* c, const T* a, const T* b, T* y, int64_t n, Broadcast axes) {
  for (int64_t i = global_thread(); i < n; i += global_threads()) {
    const Offsets<3> at = offsets_of<3>(axes, i);
    y[i] = chosen(c[at.of[0]], a[at.of[1]], b[at.of[2]]);
  }
}

template <class T>
void run_where(const WhereArgs& args) {
  const int64_t n = size_of(args.axes);
  launch(where<T>, {blocks_for(n), kThreads}, args.c, static_cast<const T*>(args.a),
         static_cast<const T*>(args.b), static_cast<T*>(args.y), n, args.axes);
}
const RegisterDeviceKernel<WhereKernel> where_device{[](const WhereArgs& args) {
  if (args.item == 1)
    run_where<uint8_t>(args);
  else if (args.item == 4)
    run_where<uint32_t>(args);
  else
    run_where<uint64_t>(args);
}};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
