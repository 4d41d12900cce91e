#include "optim/optim.h"

#include "device/device.h"
#include "optim/updates.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// One block row for each of `count` chunks or runs; a row has blocks enough for 16 elements of the
// longest a thread.
template <class Run>
Dim3 grid_for(const Run* runs, int64_t count) {
  int64_t longest = 0;
  for (int64_t i = 0; i < count; ++i) longest = greatest(longest, runs[i].n);
  return {static_cast<unsigned>(count), blocks_for(longest, 16 * kThreads)};
}

// chunks (gridDim.x); blocks (chunk, 0...) share it
template <class F>
PYGAN_KERNEL void update_chunks(const UpdateChunk* chunks, F update) {
  const UpdateChunk c = chunks[blockIdx.x];
  const int64_t first = int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < c.n; i += int64_t{gridDim.y} * blockDim.x) update(c, i);
}

// All chunks of all parameters
template <class F>
void launch_update(const UpdateArgs& a, F update) {
  if (a.count == 0) return;
  Upload<UpdateChunk> chunks(a.chunks, a.count);
  launch(update_chunks<F>, {grid_for(a.chunks, a.count), kThreads}, chunks.data(), update);
}

template <class T>
void run_adam(const UpdateArgs& a) {
  launch_update(a, Adam<T>(a.hyper));
}
template <class T>
void run_sgd(const UpdateArgs& a) {
  launch_update(a, Sgd<T>(a.hyper));
}
template <class T>
void run_rmsprop(const UpdateArgs& a) {
  with_rmsprop<T>(a, [&](auto update) { launch_update(a, update); });
}
template <class T>
void run_ema(const UpdateArgs& a) {
  launch_update(a, Ema<T>(a.hyper));
}
template <class T>
void run_clip(const UpdateArgs& a) {
  launch_update(a, Clip<T>(a.hyper));
}

const RegisterDeviceKernel<AdamKernel> adam_device{
    [](const UpdateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_adam, a); }};
const RegisterDeviceKernel<SgdKernel> sgd_device{
    [](const UpdateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_sgd, a); }};
const RegisterDeviceKernel<RmspropKernel> rmsprop_device{
    [](const UpdateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_rmsprop, a); }};
const RegisterDeviceKernel<EmaKernel> ema_device{
    [](const UpdateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_ema, a); }};
const RegisterDeviceKernel<ClipUpdateKernel> clip_device{
    [](const UpdateArgs& a) { PYGAN_BY_FLOAT(a.f64, run_clip, a); }};

// ---- all_finite --------------------------------------------------------------------------------

// runs (gridDim.x); blocks (run, 0...) share it; found (1) becomes 1 where a test fails
template <class T>
PYGAN_KERNEL void find_not_finite(const FiniteRun* runs, int32_t* found) {
  const FiniteRun r = runs[blockIdx.x];
  const T* x = static_cast<const T*>(r.x);
  T sum = T(0);
  const int64_t first = int64_t{blockIdx.y} * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < r.n; i += int64_t{gridDim.y} * blockDim.x) sum += square_test(x[i]);
  if (!(sum == T(0))) atomicOr(found, 1);
}

template <class T>
bool run_finite(const FiniteArgs& a) {
  const int32_t none = 0;
  Upload<FiniteRun> runs(a.runs, a.count);
  Scratch found(sizeof none);
  copy_to_device(found.as<int32_t>(), &none, sizeof none);
  launch(find_not_finite<T>, {grid_for(a.runs, a.count), kThreads}, runs.data(),
         found.as<int32_t>());
  return download(found.as<int32_t>()) == 0;
}
const RegisterDeviceKernel<FiniteKernel> finite_device{
    [](const FiniteArgs& a) { return PYGAN_BY_FLOAT(a.f64, run_finite, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
