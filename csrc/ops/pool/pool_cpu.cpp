#include <cstdint>

#include "core/isa.h"
#include "core/parallel.h"
#include "core/vecmath.h"
#include "ops/pool/pool.h"
#include "ops/pool/windows.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements read, worth a second thread
constexpr int64_t kLanes = 16;       // channels that one window keeps in registers

int64_t grain(int64_t row) { return row < kGrain ? kGrain / (row > 0 ? row : 1) : 1; }

// ---- averages ----------------------------------------------------------------------------------

// y (c) = the sum over the pixels u x v of the image x (h, w, c), over d
template <class T>
void average(const T* __restrict x, Range u, Range v, int64_t w, int64_t c, T d, T* __restrict y) {
  for (int64_t k = 0; k < c; ++k) y[k] = T(0);
  for (int64_t p = u.first; p < u.last; ++p)
    for (int64_t q = v.first; q < v.last; ++q) {
      const T* row = x + (p * w + q) * c;
      for (int64_t k = 0; k < c; ++k) y[k] += row[k];
    }
  for (int64_t k = 0; k < c; ++k) y[k] /= d;
}

template <class T>
void average_all(const PoolArgs& a) {
  const int64_t row = a.ow * a.c * a.kh * a.kw;
  parallel_ranges(a.n * a.oh, grain(row), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* x = static_cast<const T*>(a.from) + t / a.oh * a.h * a.w * a.c;  // (h, w, c)
      T* y = static_cast<T*>(a.to) + t * a.ow * a.c;                            // (ow, c)
      const Range u = pixels_of(t % a.oh, a.kh, a.sh, a.ph, a.h);
      for (int64_t j = 0; j < a.ow; ++j) {
        const Range v = pixels_of(j, a.kw, a.sw, a.pw, a.w);
        average(x, u, v, a.w, a.c, divisor<T>(a, u, v), y + j * a.c);
      }
    }
  });
}

// Each pixel of dx gathers from the windows that it is in: nobody else writes it.
template <class T>
void average_grad_all(const PoolArgs& a) {
  const int64_t row = a.w * a.c * (a.kh / a.sh + 1) * (a.kw / a.sw + 1);
  parallel_ranges(a.n * a.h, grain(row), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* dy = static_cast<const T*>(a.from) + t / a.h * a.oh * a.ow * a.c;  // (oh, ow, c)
      const Range is = windows_of(t % a.h, a.kh, a.sh, a.ph, a.oh);
      for (int64_t v = 0; v < a.w; ++v) {
        T* __restrict dx = static_cast<T*>(a.to) + (t * a.w + v) * a.c;  // (c)
        const Range js = windows_of(v, a.kw, a.sw, a.pw, a.ow);
        for (int64_t k = 0; k < a.c; ++k) dx[k] = T(0);
        for (int64_t i = is.first; i < is.last; ++i) {
          const Range us = pixels_of(i, a.kh, a.sh, a.ph, a.h);
          for (int64_t j = js.first; j < js.last; ++j) {
            const T d = divisor<T>(a, us, pixels_of(j, a.kw, a.sw, a.pw, a.w));
            const T* from = dy + (i * a.ow + j) * a.c;
            for (int64_t k = 0; k < a.c; ++k) dx[k] += from[k] / d;
          }
        }
      }
    }
  });
}

// ---- maxima ------------------------------------------------------------------------------------

// The first maxima of `width` channels. Places are counted in T's own width, so that both are
// compared and chosen in the same lanes.
template <class T>
void maxima(const PoolArgs& a, const T* x, Taps rs, Taps ss, int64_t width, T* y, int64_t* index) {
  using Place = vecmath::BitsOf<T>;
  T best[kLanes];
  Place place[kLanes];
  bool first = true;
  for (int64_t r = rs.first; r < rs.last; ++r)
    for (int64_t s = ss.first; s < ss.last; ++s) {
      const int64_t at = (rs.origin + r * a.dh) * a.w + ss.origin + s * a.dw;
      const T* __restrict from = x + at * a.c;
      if (first) {
        for (int64_t k = 0; k < width; ++k) {
          best[k] = from[k];
          place[k] = static_cast<Place>(at);
        }
        first = false;
        continue;
      }
      for (int64_t k = 0; k < width; ++k) {
        const T v = from[k], b = best[k];
        const Place chosen = Place(0) - Place(exceeds(v, b));
        best[k] = vecmath::bit_cast<T>((vecmath::bits(v) & chosen) | (vecmath::bits(b) & ~chosen));
        place[k] = (static_cast<Place>(at) & chosen) | (place[k] & ~chosen);
      }
    }
  for (int64_t k = 0; k < width; ++k) {
    y[k] = best[k];
    index[k] = static_cast<int64_t>(place[k]);
  }
}

template <class T>
void maxima_all(const PoolArgs& a) {
  const int64_t row = a.ow * a.c * a.kh * a.kw;
  parallel_ranges(a.n * a.oh, grain(row), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* x = static_cast<const T*>(a.from) + t / a.oh * a.h * a.w * a.c;  // (h, w, c)
      const Taps rs = taps_of(t % a.oh, a.kh, a.sh, a.ph, a.dh, a.h);
      for (int64_t j = 0; j < a.ow; ++j) {
        const Taps ss = taps_of(j, a.kw, a.sw, a.pw, a.dw, a.w);
        const int64_t out = (t * a.ow + j) * a.c;
        T* y = static_cast<T*>(a.to) + out;  // (c)
        for (int64_t c = 0; c < a.c; c += kLanes) {
          const int64_t width = a.c - c < kLanes ? a.c - c : kLanes;
          maxima(a, x + c, rs, ss, width, y + c, a.indices + out + c);
        }
      }
    }
  });
}

// ---- one pixel of each channel -----------------------------------------------------------------

template <class T>
void take_all(const PixelsArgs& a) {
  parallel_ranges(a.n * a.windows, grain(2 * a.c), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* x = static_cast<const T*>(a.from) + t / a.windows * a.pixels * a.c;  // (pixels, c)
      const int64_t* index = a.indices + t * a.c;                                   // (c)
      T* y = static_cast<T*>(a.to) + t * a.c;                                       // (c)
      for (int64_t k = 0; k < a.c; ++k) y[k] = x[index[k] * a.c + k];
    }
  });
}

// A task owns some channels of an image, zeroes them and adds the windows in their order.
template <class T>
void put_all(const PixelsArgs& a) {
  const int64_t blocks = (a.c + kLanes - 1) / kLanes;
  const int64_t task = (a.pixels + 2 * a.windows) * (a.c < kLanes ? a.c : kLanes);
  parallel_ranges(a.n * blocks, grain(task), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t image = t / blocks, first = t % blocks * kLanes;
      const int64_t width = a.c - first < kLanes ? a.c - first : kLanes;
      const int64_t from = image * a.windows * a.c + first;
      const T* y = static_cast<const T*>(a.from) + from;              // (windows, c)
      const int64_t* index = a.indices + from;                        // (windows, c)
      T* x = static_cast<T*>(a.to) + image * a.pixels * a.c + first;  // (pixels, c)
      for (int64_t p = 0; p < a.pixels; ++p)
        for (int64_t k = 0; k < width; ++k) x[p * a.c + k] = T(0);
      for (int64_t i = 0; i < a.windows; ++i)
        for (int64_t k = 0; k < width; ++k) x[index[i * a.c + k] * a.c + k] += y[i * a.c + k];
    }
  });
}

template <class T>
int64_t pixels(const PixelsArgs& a) {
  const int64_t count = a.n * a.windows * a.c;
  const uint64_t limit = static_cast<uint64_t>(a.pixels);
  for (int64_t i = 0; i < count; ++i)
    if (static_cast<uint64_t>(a.indices[i]) >= limit) return i;
  if (a.put)
    put_all<T>(a);
  else
    take_all<T>(a);
  return -1;
}

}  // namespace

void avg_pool(const PoolArgs& args) {
  args.f64 ? average_all<double>(args) : average_all<float>(args);
}
void avg_pool_grad(const PoolArgs& args) {
  args.f64 ? average_grad_all<double>(args) : average_grad_all<float>(args);
}
void max_pool(const PoolArgs& args) {
  args.f64 ? maxima_all<double>(args) : maxima_all<float>(args);
}
int64_t move_pixels(const PixelsArgs& args) {
  return args.f64 ? pixels<double>(args) : pixels<float>(args);
}

}  // namespace pygan::PYGAN_ISA
