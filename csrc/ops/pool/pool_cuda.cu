#include "ops/pool/pool.h"

#include "device/device.h"
#include "ops/pool/windows.h"

namespace pygan::PYGAN_BACKEND {
namespace {

// Element i of images (n, rows, columns, c)
struct Place {
  int64_t image, row, column, channel;
};
PYGAN_DEVICE inline Place place_of(int64_t i, int64_t rows, int64_t columns, int64_t c) {
  return {i / c / columns / rows, i / c / columns % rows, i / c % columns, i % c};
}

// ---- averages ----------------------------------------------------------------------------------

// One thread an output: x (n, h, w, c), y (n, oh, ow, c)
template <class T>
PYGAN_KERNEL void average(PoolArgs a, const T* x, T* y, int64_t size) {
  for (int64_t i = global_thread(); i < size; i += global_threads()) {
    const Place at = place_of(i, a.oh, a.ow, a.c);
    const Range us = pixels_of(at.row, a.kh, a.sh, a.ph, a.h);
    const Range vs = pixels_of(at.column, a.kw, a.sw, a.pw, a.w);
    T sum = 0;
    for (int64_t u = us.first; u < us.last; ++u)
      for (int64_t v = vs.first; v < vs.last; ++v)
        sum += x[((at.image * a.h + u) * a.w + v) * a.c + at.channel];
    y[i] = sum / divisor<T>(a, us, vs);
  }
}

// Each pixel gathers from the windows that it is in: dy (n, oh, ow, c), dx (n, h, w, c)
template <class T>
PYGAN_KERNEL void average_grad(PoolArgs a, const T* dy, T* dx, int64_t size) {
  for (int64_t t = global_thread(); t < size; t += global_threads()) {
    const Place at = place_of(t, a.h, a.w, a.c);
    const Range is = windows_of(at.row, a.kh, a.sh, a.ph, a.oh);
    const Range js = windows_of(at.column, a.kw, a.sw, a.pw, a.ow);
    T sum = 0;
    for (int64_t i = is.first; i < is.last; ++i) {
      const Range us = pixels_of(i, a.kh, a.sh, a.ph, a.h);
      for (int64_t j = js.first; j < js.last; ++j) {
        const Range vs = pixels_of(j, a.kw, a.sw, a.pw, a.w);
        sum += dy[((at.image * a.oh + i) * a.ow + j) * a.c + at.channel] / divisor<T>(a, us, vs);
      }
    }
    dx[t] = sum;
  }
}

template <class T>
void run_average(const PoolArgs& a) {
  const int64_t size = a.n * a.oh * a.ow * a.c;
  if (size == 0) return;
  launch(average<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.from),
         static_cast<T*>(a.to), size);
}
const RegisterDeviceKernel<AvgPoolKernel> avg_pool_device{
    [](const PoolArgs& a) { PYGAN_BY_FLOAT(a.f64, run_average, a); }};

template <class T>
void run_average_grad(const PoolArgs& a) {
  const int64_t size = a.n * a.h * a.w * a.c;
  if (size == 0) return;
  launch(average_grad<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.from),
         static_cast<T*>(a.to), size);
}
const RegisterDeviceKernel<AvgPoolGradKernel> avg_pool_grad_device{
    [](const PoolArgs& a) { PYGAN_BY_FLOAT(a.f64, run_average_grad, a); }};

// ---- maxima ------------------------------------------------------------------------------------

// One thread a window and channel. x (n, h, w, c); y, indices (n, oh, ow, c)
template <class T>
PYGAN_KERNEL void maximum(PoolArgs a, const T* x, T* y, int64_t* indices, int64_t size) {
  for (int64_t i = global_thread(); i < size; i += global_threads()) {
    const Place at = place_of(i, a.oh, a.ow, a.c);
    const Taps rs = taps_of(at.row, a.kh, a.sh, a.ph, a.dh, a.h);
    const Taps ss = taps_of(at.column, a.kw, a.sw, a.pw, a.dw, a.w);
    const T* image = x + at.image * a.h * a.w * a.c + at.channel;
    int64_t place = (rs.origin + rs.first * a.dh) * a.w + ss.origin + ss.first * a.dw;
    T best = image[place * a.c];
    for (int64_t r = rs.first; r < rs.last; ++r)
      for (int64_t s = ss.first; s < ss.last; ++s) {
        const int64_t pixel = (rs.origin + r * a.dh) * a.w + ss.origin + s * a.dw;
        const T v = image[pixel * a.c];
        if (exceeds(v, best)) {
          best = v;
          place = pixel;
        }
      }
    y[i] = best;
    indices[i] = place;
  }
}

template <class T>
void run_maximum(const PoolArgs& a) {
  const int64_t size = a.n * a.oh * a.ow * a.c;
  if (size == 0) return;
  launch(maximum<T>, {blocks_for(size), kThreads}, a, static_cast<const T*>(a.from),
         static_cast<T*>(a.to), a.indices, size);
}
const RegisterDeviceKernel<MaxPoolKernel> max_pool_device{
    [](const PoolArgs& a) { PYGAN_BY_FLOAT(a.f64, run_maximum, a); }};

// ---- one pixel of each channel -----------------------------------------------------------------

constexpr uint64_t kNone = ~uint64_t{0};

// bad becomes the first position of an index outside [0, pixels), if there is one. indices (count)
PYGAN_KERNEL void find_outside(const int64_t* indices, int64_t count, uint64_t pixels,
                               uint64_t* bad) {
  for (int64_t i = global_thread(); i < count; i += global_threads())
    if (static_cast<uint64_t>(indices[i]) >= pixels) {
      atomicMin(bad, static_cast<uint64_t>(i));
      return;  // the later ones of this thread are no candidates
    }
}

// x (n, pixels, c); indices, y (n, windows, c), `size` of them
template <class T>
PYGAN_KERNEL void take(PixelsArgs a, const T* x, T* y, int64_t size) {
  for (int64_t i = global_thread(); i < size; i += global_threads()) {
    const int64_t image = i / a.c / a.windows;
    y[i] = x[(image * a.pixels + a.indices[i]) * a.c + i % a.c];
  }
}

// A thread owns some pixels of one image and channel, zeroes them and adds the windows that have
// chosen one of them, in their order. y, indices (n, windows, c); x (n, parts, share, c), the last
// part of an image shorter; `owners` = n parts c
template <class T>
PYGAN_KERNEL void put(PixelsArgs a, const T* y, T* x, int64_t parts, int64_t share,
                      int64_t owners) {
  for (int64_t t = global_thread(); t < owners; t += global_threads()) {
    const int64_t channel = t % a.c, part = t / a.c % parts, image = t / a.c / parts;
    const int64_t first = part * share, last = least(first + share, a.pixels);
    T* to = x + image * a.pixels * a.c + channel;            // pixel p: to[p c]
    const int64_t from = image * a.windows * a.c + channel;  // window i: from + i c
    for (int64_t p = first; p < last; ++p) to[p * a.c] = T(0);
    for (int64_t i = 0; i < a.windows; ++i) {
      const int64_t p = a.indices[from + i * a.c];
      if (p >= first && p < last) to[p * a.c] += y[from + i * a.c];
    }
  }
}

constexpr int64_t kParts = 16;  // of an image: each reads all its indices

int64_t first_outside(const PixelsArgs& a, int64_t count) {
  Scratch memory(sizeof kNone);
  uint64_t* bad = memory.as<uint64_t>();
  copy_to_device(bad, &kNone, sizeof kNone);
  launch(find_outside, {blocks_for(count), kThreads}, a.indices, count,
         static_cast<uint64_t>(a.pixels), bad);
  return static_cast<int64_t>(download(bad));
}

template <class T>
int64_t move(const PixelsArgs& a) {
  const int64_t count = a.n * a.windows * a.c;
  if (count > 0) {
    const int64_t bad = first_outside(a, count);
    if (bad >= 0) return bad;
  }
  const T* from = static_cast<const T*>(a.from);
  T* to = static_cast<T*>(a.to);
  if (!a.put) {
    if (count > 0) launch(take<T>, {blocks_for(count), kThreads}, a, from, to, count);
  } else if (a.n * a.pixels * a.c > 0) {
    const int64_t share = (a.pixels + kParts - 1) / kParts, parts = (a.pixels + share - 1) / share;
    const int64_t owners = a.n * parts * a.c;
    launch(put<T>, {blocks_for(owners), kThreads}, a, from, to, parts, share, owners);
  }
  return -1;
}
const RegisterDeviceKernel<PixelsKernel> pixels_device{
    [](const PixelsArgs& a) -> int64_t { return PYGAN_BY_FLOAT(a.f64, move, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
