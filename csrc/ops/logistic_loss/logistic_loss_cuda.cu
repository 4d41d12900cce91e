#include "ops/logistic_loss/logistic_loss.h"

#include "device/device.h"
#include "device/reduce.h"
#include "ops/logistic_loss/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// x (n), partial (ceil(n / kLogisticChunk)): a chunk a block at a time
template <class T>
PYGAN_KERNEL void costs(const T* x, double* partial, int64_t n, T t) {
  PYGAN_SHARED(double, shared, [kWarps]);
  for (int64_t k = blockIdx.x; k * kLogisticChunk < n; k += gridDim.x) {
    const int64_t begin = k * kLogisticChunk;
    const int64_t end = begin + kLogisticChunk < n ? begin + kLogisticChunk : n;
    double sum = 0;
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
      sum += static_cast<double>(logistic_cost(x[i], t));
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partial[k] = sum;
  }
}

// partial (chunks), y () = their sum / n. One block.
template <class T>
PYGAN_KERNEL void mean(const double* partial, T* y, int64_t chunks, int64_t n) {
  PYGAN_SHARED(double, shared, [kWarps]);
  double sum = 0;
  for (int64_t k = threadIdx.x; k < chunks; k += blockDim.x) sum += partial[k];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *y = static_cast<T>(sum / static_cast<double>(n));
}

// x (n), dy (), dx (n)
template <class T>
PYGAN_KERNEL void slopes(const T* x, const T* dy, T* dx, int64_t n, T t) {
  const T share = *dy / static_cast<T>(n);
  for (int64_t i = global_thread(); i < n; i += global_threads())
    dx[i] = share * logistic_slope(x[i], t);
}

template <class T>
void run(const LogisticLossArgs& a) {
  const int64_t chunks = (a.n + kLogisticChunk - 1) / kLogisticChunk;
  launch(costs<T>, {blocks_for(chunks, 1), kThreads}, static_cast<const T*>(a.x), a.partial, a.n,
         static_cast<T>(a.target));
  launch(mean<T>, {1, kThreads}, static_cast<const double*>(a.partial), static_cast<T*>(a.y),
         chunks, a.n);
}

template <class T>
void run_grad(const LogisticLossGradArgs& a) {
  launch(slopes<T>, {blocks_for(a.n), kThreads}, static_cast<const T*>(a.x),
         static_cast<const T*>(a.dy), static_cast<T*>(a.dx), a.n, static_cast<T>(a.target));
}

const RegisterDeviceKernel<LogisticLossKernel> loss_device{
    [](const LogisticLossArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};
const RegisterDeviceKernel<LogisticLossGradKernel> grad_device{
    [](const LogisticLossGradArgs& a) { PYGAN_BY_FLOAT(a.f64, run_grad, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
