// The three convolutions as matrix products over image patches that are gathered while they are
// loaded to shared memory (gemm/tile_cuda.h), one product a group:
//
//   conv2d              y  (pixels, O)  = patches(x) (pixels, taps C)   * w (taps C, O)
//   conv2d_weight_grad  dw (taps C, O)  = patches(x)^T                  * dy (pixels, O)
//   conv_transpose2d    x  (pixels, C)  = patches(y) (pixels, taps O)   * w^T (taps O, C)
//                       for each phase of the stride: see axis_phase
//
// with C, O the channels of one group.
#include <algorithm>

#include "gemm/tf32_tile_cuda.h"
#include "gemm/tile_cuda.h"
#include "ops/conv2d/conv2d.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using gemm::Conv;

// Where a patch begins
template <class T>
struct Origin {
  const T* image;  // channel 0 of its group
  int64_t h, w;    // may lie outside
};
struct Tap {
  int64_t h, w;  // from the patch's origin
  int64_t channel;
};

// The patches of images (N, image_h, image_w, pixel): patch (n, i, j) begins at
// (i step_h + origin_h, j step_w + origin_w), its tap (r, s, c) is channel c at
// (r tap_h, s tap_w) from there, zero outside the image.
template <class T>
struct Patches {
  const T* data;
  int64_t rows, cols;          // patches in one image
  int64_t step_h, step_w;      // pixels from patch to patch
  int64_t origin_h, origin_w;  // of the first
  int64_t taps_w;              // in a row of taps
  int64_t tap_h, tap_w;        // pixels from tap to tap
  int64_t image_h, image_w, pixel;
  int64_t channels;  // of each pixel that are taken

  PYGAN_DEVICE Origin<T> origin(int64_t patch) const {
    const int64_t j = take_digit(patch, cols), i = take_digit(patch, rows);
    return {data + patch * image_h * image_w * pixel, i * step_h + origin_h, j * step_w + origin_w};
  }
  PYGAN_DEVICE Tap tap(int64_t k) const {
    const int64_t channel = take_digit(k, channels), s = take_digit(k, taps_w);
    return {k * tap_h, s * tap_w, channel};
  }
  PYGAN_DEVICE const T* element(const Origin<T>& origin, const Tap& tap) const {
    const int64_t h = origin.h + tap.h, w = origin.w + tap.w;
    if (h < 0 || h >= image_h || w < 0 || w >= image_w) return nullptr;
    return origin.image + (h * image_w + w) * pixel + tap.channel;
  }
};

// Patches as rows of A: K runs over the taps
template <class T>
struct PatchRows {
  static constexpr bool kDepthFirst = true;
  using Line = Origin<T>;
  using Depth = Tap;
  Patches<T> patches;
  int64_t lines;
  PYGAN_DEVICE Line line(int64_t i) const { return patches.origin(i); }
  PYGAN_DEVICE Depth depth(int64_t k) const { return patches.tap(k); }
  PYGAN_DEVICE const T* at(const Line& l, const Depth& d) const { return patches.element(l, d); }
};

// Patches as columns of A: K runs over the patches
template <class T>
struct PatchColumns {
  static constexpr bool kDepthFirst = false;
  using Line = Tap;
  using Depth = Origin<T>;
  Patches<T> patches;
  int64_t lines;
  PYGAN_DEVICE Line line(int64_t i) const { return patches.tap(i); }
  PYGAN_DEVICE Depth depth(int64_t k) const { return patches.origin(k); }
  PYGAN_DEVICE const T* at(const Line& l, const Depth& d) const { return patches.element(d, l); }
};

// What conv2d reads of x for group g
template <class T>
PYGAN_DEVICE inline Patches<T> forward_patches(const Conv& c, const T* x, int64_t g) {
  const int64_t channels = c.in_c / c.groups;
  return {x + g * channels, c.out_h,      c.out_w,      c.stride_h, c.stride_w, -c.pad_h, -c.pad_w,
          c.kernel_w,       c.dilation_h, c.dilation_w, c.in_h,     c.in_w,     c.in_c,   channels};
}

// One block: a tile of y of one group.
template <class Tile, class T = typename Tile::T>
PYGAN_KERNEL void __launch_bounds__(kTileThreads)
    conv2d(Conv c, const T* x /* (N, in_h, in_w, in_c) */,
           const T* w /* (kernel_h, kernel_w, in_c / groups, out_c) */,
           T* y /* (N, out_h, out_w, out_c) */) {
  const int64_t pixels = c.batch * c.out_h * c.out_w, channels = c.out_c / c.groups;
  const int64_t k = c.kernel_h * c.kernel_w * (c.in_c / c.groups);
  int64_t number = blockIdx.x;
  const int64_t column = take_digit(number, ceil_div(channels, kTile)) * kTile;
  const int64_t row = take_digit(number, ceil_div(pixels, kTile)) * kTile;
  const int64_t g = number;
  const PatchRows<T> left{forward_patches(c, x, g), pixels};
  const DenseView<T, false> right{w + g * channels, channels, 1, c.out_c};
  Tile::product(left, right, row, column, 0, k, DenseRows{c.out_c}, y + g * channels);
}

// One block: a tile of dw of one group, over one part of the pixels.
template <class Tile, class T = typename Tile::T>
PYGAN_KERNEL void __launch_bounds__(kTileThreads)
    weight_grad(Conv c, int64_t part_pixels, const T* x /* (N, in_h, in_w, in_c) */,
                const T* dy /* (N, out_h, out_w, out_c) */,
                T* dw /* (parts, kernel_h, kernel_w, in_c / groups, out_c) */) {
  const int64_t pixels = c.batch * c.out_h * c.out_w, channels = c.out_c / c.groups;
  const int64_t taps = c.kernel_h * c.kernel_w * (c.in_c / c.groups);
  int64_t number = blockIdx.x;
  const int64_t column = take_digit(number, ceil_div(channels, kTile)) * kTile;
  const int64_t row = take_digit(number, ceil_div(taps, kTile)) * kTile;
  const int64_t g = take_digit(number, c.groups), part = number;
  const PatchColumns<T> left{forward_patches(c, x, g), taps};
  const DenseView<T, false> right{dy + g * channels, channels, 1, c.out_c};
  Tile::product(left, right, row, column, part * part_pixels,
                least(pixels, (part + 1) * part_pixels), DenseRows{c.out_c},
                dw + part * taps * c.out_c + g * channels);
}

// ---- conv_transpose2d by phases ----------------------------------------------------------------------
// Pixel h of x receives w[r] y[i] where i stride = h + pad - r dilation. For h = u stride + phase only
// the taps r with (phase + pad - r dilation) divisible by the stride do: one in `tap_step` of them,
// from `first_tap` on. They read y at i = u + y_first, u + y_first - y_step, ...: a product over
// patches of y, in which no zero of a stretched image is multiplied. A phase without taps is zero.
struct AxisPhase {
  int64_t extent;  // pixels of x in this phase
  int64_t taps;    // of the kernel that reach it
  int64_t first_tap, tap_step;
  int64_t y_first, y_step;
};

// One axis of a convolution
struct Axis {
  int64_t x, kernel, stride, pad, dilation;
  int64_t common;  // greatest common divisor of stride and dilation
};

PYGAN_DEVICE inline AxisPhase axis_phase(const Axis& a, int64_t phase) {
  const int64_t tap_step = a.stride / a.common;
  int64_t r = 0;
  while (r < a.kernel && (phase + a.pad - r * a.dilation) % a.stride != 0) ++r;
  const int64_t taps = r < a.kernel ? (a.kernel - 1 - r) / tap_step + 1 : 0;
  return {(a.x - phase + a.stride - 1) / a.stride,
          taps,
          r,
          tap_step,
          (phase + a.pad - r * a.dilation) / a.stride,
          a.dilation / a.common};
}

inline int64_t phases(const Axis& a) { return std::min(a.stride, a.x); }

// w as columns of B: line c, K over (r, s, o), the phase's taps by the channels of y
template <class T>
struct PhaseWeights {
  static constexpr bool kDepthFirst = true;
  using Line = const T*;
  using Depth = int64_t;
  const T* data;  // channel 0 of y's group
  int64_t lines;  // channels of x's group
  int64_t kernel_w, out_c;
  int64_t channels;  // of y's group
  AxisPhase h, w;
  PYGAN_DEVICE Line line(int64_t c) const { return data + c * out_c; }
  PYGAN_DEVICE Depth depth(int64_t k) const {
    const int64_t o = take_digit(k, channels), s = take_digit(k, w.taps);
    const int64_t tap = (h.first_tap + k * h.tap_step) * kernel_w + w.first_tap + s * w.tap_step;
    return tap * lines * out_c + o;
  }
  PYGAN_DEVICE const T* at(Line l, Depth d) const { return l + d; }
};

// Row (n, u, v) of a phase is pixel (u stride_h + phase_h, v stride_w + phase_w) of image n.
struct PhaseRows {
  Conv c;
  int64_t rows, cols, phase_h, phase_w;
  PYGAN_DEVICE int64_t operator()(int64_t row) const {
    const int64_t v = take_digit(row, cols), u = take_digit(row, rows);
    const int64_t h = u * c.stride_h + phase_h, w = v * c.stride_w + phase_w;
    return ((row * c.in_h + h) * c.in_w + w) * c.in_c;
  }
};

// One block: a tile of one phase of x of one group. All phases have as many blocks as the first, which
// is the largest; what a smaller one does not need leaves at once.
template <class Tile, class T = typename Tile::T>
PYGAN_KERNEL void __launch_bounds__(kTileThreads)
    conv_transpose2d(Conv c, Axis axis_h, Axis axis_w, int64_t phases_h, int64_t phases_w,
                     int64_t row_tiles, const T* y /* (N, out_h, out_w, out_c) */,
                     const T* w /* (kernel_h, kernel_w, in_c / groups, out_c) */,
                     T* x /* (N, in_h, in_w, in_c) */) {
  const int64_t x_channels = c.in_c / c.groups, y_channels = c.out_c / c.groups;
  int64_t number = blockIdx.x;
  const int64_t column = take_digit(number, ceil_div(x_channels, kTile)) * kTile;
  const int64_t row = take_digit(number, row_tiles) * kTile;
  const int64_t phase_w = take_digit(number, phases_w), phase_h = take_digit(number, phases_h);
  const int64_t g = number;
  const AxisPhase ph = axis_phase(axis_h, phase_h), pw = axis_phase(axis_w, phase_w);
  const int64_t pixels = c.batch * ph.extent * pw.extent;
  if (row >= pixels) return;
  const PatchRows<T> left{{y + g * y_channels, ph.extent, pw.extent, 1, 1, ph.y_first, pw.y_first,
                           pw.taps, -ph.y_step, -pw.y_step, c.out_h, c.out_w, c.out_c, y_channels},
                          pixels};
  const PhaseWeights<T> right{w + g * y_channels, x_channels, c.kernel_w, c.out_c,
                              y_channels,         ph,         pw};
  Tile::product(left, right, row, column, 0, ph.taps * pw.taps * y_channels,
                PhaseRows{c, ph.extent, pw.extent, phase_h, phase_w}, x + g * x_channels);
}

// ---- launches --------------------------------------------------------------------------------------

template <class Tile>
void run_conv2d(const ConvArgs& a) {
  using T = typename Tile::T;
  const Conv& c = a.geometry;
  const int64_t pixels = c.batch * c.out_h * c.out_w;
  if (pixels * c.out_c == 0) return;
  const int64_t tiles = c.groups * ceil_div(pixels, kTile) * ceil_div(c.out_c / c.groups, kTile);
  launch(conv2d<Tile>, {tile_blocks("conv2d", tiles), kTileThreads}, c, static_cast<const T*>(a.a),
         static_cast<const T*>(a.b), static_cast<T*>(a.out));
}

int64_t greatest_common_divisor(int64_t a, int64_t b) {
  return b == 0 ? a : greatest_common_divisor(b, a % b);
}

template <class Tile>
void run_conv_transpose2d(const ConvArgs& a) {
  using T = typename Tile::T;
  const Conv& c = a.geometry;
  if (c.batch * c.in_h * c.in_w * c.in_c == 0) return;
  const Axis h{c.in_h,  c.kernel_h,   c.stride_h,
               c.pad_h, c.dilation_h, greatest_common_divisor(c.stride_h, c.dilation_h)};
  const Axis w{c.in_w,  c.kernel_w,   c.stride_w,
               c.pad_w, c.dilation_w, greatest_common_divisor(c.stride_w, c.dilation_w)};
  const int64_t pixels = c.batch * ceil_div(c.in_h, c.stride_h) * ceil_div(c.in_w, c.stride_w);
  const int64_t row_tiles = ceil_div(pixels, kTile);
  const int64_t tiles =
      c.groups * phases(h) * phases(w) * row_tiles * ceil_div(c.in_c / c.groups, kTile);
  launch(conv_transpose2d<Tile>, {tile_blocks("conv_transpose2d", tiles), kTileThreads}, c, h, w,
         phases(h), phases(w), row_tiles, static_cast<const T*>(a.a), static_cast<const T*>(a.b),
         static_cast<T*>(a.out));
}

template <class Tile>
void run_weight_grad(const ConvArgs& a) {
  using T = typename Tile::T;
  const Conv& c = a.geometry;
  const int64_t taps = c.kernel_h * c.kernel_w * (c.in_c / c.groups);
  if (taps * c.out_c == 0) return;
  const int64_t tiles = c.groups * ceil_div(taps, kTile) * ceil_div(c.out_c / c.groups, kTile);
  const SplitK split = split_k(tiles, c.batch * c.out_h * c.out_w);
  with_split_k(split, static_cast<T*>(a.out), taps * c.out_c, [&](T* parts) {
    launch(weight_grad<Tile>,
           {tile_blocks("conv2d_weight_grad", tiles * split.splits), kTileThreads}, c, split.depth,
           static_cast<const T*>(a.a), static_cast<const T*>(a.b), parts);
  });
}

template <class T>
void conv2d_of(const ConvArgs& a) {
  by_precision<T>(a.tf32, [&](auto tile) { run_conv2d<decltype(tile)>(a); });
}
template <class T>
void conv_transpose2d_of(const ConvArgs& a) {
  by_precision<T>(a.tf32, [&](auto tile) { run_conv_transpose2d<decltype(tile)>(a); });
}
template <class T>
void weight_grad_of(const ConvArgs& a) {
  by_precision<T>(a.tf32, [&](auto tile) { run_weight_grad<decltype(tile)>(a); });
}

const RegisterDeviceKernel<Conv2dKernel> conv2d_device{
    [](const ConvArgs& a) { PYGAN_BY_FLOAT(a.f64, conv2d_of, a); }};
const RegisterDeviceKernel<ConvTranspose2dKernel> conv_transpose2d_device{
    [](const ConvArgs& a) { PYGAN_BY_FLOAT(a.f64, conv_transpose2d_of, a); }};
const RegisterDeviceKernel<Conv2dWeightGradKernel> conv2d_weight_grad_device{
    [](const ConvArgs& a) { PYGAN_BY_FLOAT(a.f64, weight_grad_of, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
