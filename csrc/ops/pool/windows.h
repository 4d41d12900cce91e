// Which pixels a window has, which windows a pixel is in, and which of two pixels is larger: the same
// on every device. For kernel files: everything has internal linkage.
#pragma once

#include <cstdint>

#include "core/vecmath.h"
#include "ops/pool/pool.h"

namespace pygan {
namespace {

struct Range {  // [first, last)
  int64_t first, last;
};

PYGAN_VECMATH int64_t clamp(int64_t i, int64_t n) { return i < 0 ? 0 : i < n ? i : n; }

// Pixels within the image of window i; the windows that pixel u is in. Both without dilation.
PYGAN_VECMATH Range pixels_of(int64_t i, int64_t kernel, int64_t stride, int64_t padding,
                              int64_t n) {
  const int64_t first = i * stride - padding;
  return {clamp(first, n), clamp(first + kernel, n)};
}
PYGAN_VECMATH Range windows_of(int64_t u, int64_t kernel, int64_t stride, int64_t padding,
                               int64_t out) {
  const int64_t past = u + padding - kernel;  // i stride > past
  return {clamp(past < 0 ? 0 : past / stride + 1, out), clamp((u + padding) / stride + 1, out)};
}

// What the sum over the pixels u x v is divided by.
template <class T>
PYGAN_VECMATH T divisor(const PoolArgs& a, Range u, Range v) {
  return T(a.count_include_pad ? a.kh * a.kw : (u.last - u.first) * (v.last - v.first));
}

struct Taps {  // r or s in [first, last) lie within the image; tap 0 is at `origin`
  int64_t first, last, origin;
};

PYGAN_VECMATH Taps taps_of(int64_t i, int64_t kernel, int64_t stride, int64_t padding,
                           int64_t dilation, int64_t n) {
  const int64_t origin = i * stride - padding, room = n - origin;
  return {clamp(origin < 0 ? (dilation - 1 - origin) / dilation : 0, kernel),
          clamp(room > 0 ? (room + dilation - 1) / dilation : 0, kernel), origin};
}

// Does v take the place of `best`, the maximum so far? The first NaN stays.
template <class T>
PYGAN_VECMATH bool exceeds(T v, T best) {
  return (v > best) | ((v != v) & (best == best));
}

}  // namespace
}  // namespace pygan
