#include "ops/scan/scan.h"

#include "device/device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

constexpr int kWarps = kThreads / kWarpSize;

// The sum of a lane's value and those of the lanes before it
template <class T>
PYGAN_DEVICE T warp_scan(T sum) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  for (int distance = 1; distance < kWarpSize; distance *= 2) {
    const T before = __shfl_up_sync(kFullWarp, sum, distance);
    if (lane >= distance) sum += before;
  }
  return sum;
}

// A block goes along one piece of a line, kThreads elements at a time, each tile on top of the sum
// of those before it. x (outer, count, inner), sums (outer, pieces, inner)
//   kWrite: y (outer, count, inner), on top of sums, where there are sums
//   else:   sums, of whole pieces
template <bool kWrite, class T>
PYGAN_KERNEL void scan_pieces(const T* x, T* y, T* sums, ScanArgs a) {
  PYGAN_SHARED(T, totals, [kWarps]);  // of the tile, by warp
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  for (int64_t task = blockIdx.x; task < a.outer * a.pieces * a.inner; task += gridDim.x) {
    const int64_t outer = task / a.inner / a.pieces, piece = task / a.inner % a.pieces;
    const int64_t column = task % a.inner;
    const int64_t begin = piece * kScanPiece, end = least(begin + kScanPiece, a.count);
    T sum = kWrite && sums ? sums[task] : T(0);
    for (int64_t tile = begin; tile < end; tile += kThreads) {
      const int64_t i = tile + threadIdx.x;
      const int64_t row = a.reverse ? a.count - 1 - i : i;
      const int64_t at = (outer * a.count + row) * a.inner + column;
      const T own = warp_scan(i < end ? x[at] : T(0));
      if (lane == kWarpSize - 1) totals[warp] = own;
      __syncthreads();
      T before = T(0);
      for (int w = 0; w < kWarps; ++w) {
        if (w == warp) before = sum;
        sum += totals[w];
      }
      __syncthreads();  // the next tile writes totals
      if (kWrite && i < end) y[at] = before + own;
    }
    if (!kWrite && threadIdx.x == 0) sums[task] = sum;
  }
}

// Sums of pieces become sums of all pieces before: sums (outer, pieces, inner)
template <class T>
PYGAN_KERNEL void sums_before(T* sums, int64_t outer, int64_t pieces, int64_t inner) {
  for (int64_t line = global_thread(); line < outer * inner; line += global_threads()) {
    T* of_line = sums + line / inner * pieces * inner + line % inner;
    T before = T(0);
    for (int64_t p = 0; p < pieces; ++p) {
      const T own = of_line[p * inner];
      of_line[p * inner] = before;
      before += own;
    }
  }
}

template <class T>
void run(const ScanArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  T* sums = static_cast<T*>(a.sums);
  const LaunchShape shape{blocks_for(a.outer * a.pieces * a.inner, 1), kThreads};
  if (a.pieces > 1) {
    launch(scan_pieces<false, T>, shape, x, y, sums, a);
    launch(sums_before<T>, {blocks_for(a.outer * a.inner), kThreads}, sums, a.outer, a.pieces,
           a.inner);
  }
  launch(scan_pieces<true, T>, shape, x, y, sums, a);
}

const RegisterDeviceKernel<ScanKernel> scan_device{
    [](const ScanArgs& a) { PYGAN_BY_FLOAT(a.f64, run, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
