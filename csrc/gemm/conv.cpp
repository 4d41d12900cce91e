// The three convolutions as matrix products over image patches.
//
//   conv2d        y  (pixels, out_c)    = patches(x) (pixels, taps in_c) * w (taps in_c, out_c)
//   weight_grad   dw (taps in_c, out_c) = patches(x)^T                   * dy (pixels, out_c)
//   input_grad    dx: one product for each output phase, below
#include <type_traits>
#include <vector>

#include "core/parallel.h"
#include "gemm/driver.h"
#include "gemm/gemm.h"
#include "gemm/scratch.h"
#include "gemm/winograd.h"

namespace pygan::gemm {
namespace {

struct Tap {
  int64_t h, w;    // pixel offset from the patch's origin
  int64_t offset;  // of its weights, in elements
};

// Taps side by side become one run where their pixels are contiguous in memory.
std::vector<Run> runs(const std::vector<Tap>& taps, bool whole_pixels) {
  std::vector<Run> result;
  for (const Tap& tap : taps) {
    if (whole_pixels && !result.empty() && result.back().h == tap.h &&
        result.back().w + result.back().taps == tap.w) {
      ++result.back().taps;
    } else {
      result.push_back({tap.h, tap.w, 1});
    }
  }
  return result;
}

bool empty(const Conv& c) { return c.batch <= 0 || c.in_h <= 0 || c.in_w <= 0; }

// One patch that is the whole image: a dense layer in disguise.
bool is_dense(const Conv& c) {
  return c.groups == 1 && c.out_h == 1 && c.out_w == 1 && c.pad_h == 0 && c.pad_w == 0 &&
         c.kernel_h == c.in_h && c.kernel_w == c.in_w && (c.dilation_h == 1 || c.kernel_h == 1) &&
         (c.dilation_w == 1 || c.kernel_w == 1);
}

int64_t dense_inputs(const Conv& c) { return c.in_h * c.in_w * c.in_c; }

// What follows a group's product: its own part of the bias.
template <class T>
Epilogue<T> of_group(Epilogue<T> then, int64_t first) {
  if (then.bias != nullptr) then.bias += first;
  return then;
}

// The patches conv2d reads, of one group.
struct ForwardPatches {
  std::vector<Run> list;
  Patches patches;

  explicit ForwardPatches(const Conv& c) {
    std::vector<Tap> taps;
    for (int64_t r = 0; r < c.kernel_h; ++r) {
      for (int64_t s = 0; s < c.kernel_w; ++s) {
        taps.push_back({r * c.dilation_h - c.pad_h, s * c.dilation_w - c.pad_w, 0});
      }
    }
    list = runs(taps, c.groups == 1);
    patches = {c.out_h, c.out_w, c.stride_h,        c.stride_w,  c.in_h,
               c.in_w,  c.in_c,  c.in_c / c.groups, list.data(), static_cast<int64_t>(list.size())};
  }
  ForwardPatches(const ForwardPatches&) = delete;
  ForwardPatches& operator=(const ForwardPatches&) = delete;
};

}  // namespace

template <class T>
void conv2d(const Conv& c, const T* x, const T* w, T* y, const Epilogue<T>& then) {
  if constexpr (std::is_same_v<T, float>) {
    if (const int64_t m = winograd_tile(c)) return winograd_conv2d(c, m, x, w, y, then);
  }
  if (is_dense(c)) {
    const int64_t k = dense_inputs(c);
    return matmul({c.batch, c.out_c, k, k, 1, c.out_c, 1, c.out_c, false}, x, w, y, then);
  }
  const int64_t in_c = c.in_c / c.groups;
  const int64_t out_c = c.out_c / c.groups;
  const ForwardPatches forward(c);
  Problem<T> problem;
  problem.m = c.batch * c.out_h * c.out_w;
  problem.n = out_c;
  problem.k = c.kernel_h * c.kernel_w * in_c;
  problem.accumulate = false;
  for (int64_t g = 0; g < c.groups; ++g) {
    problem.left = {x + g * in_c, 0, 0, &forward.patches, false};
    problem.right = {w + g * out_c, nullptr, problem.k > 0 ? problem.k : 1, c.out_c, 1};
    problem.result = {y + g * out_c, 1, 1, c.out_c, 0, 0};
    problem.then = of_group(then, g * out_c);
    run(problem);
  }
}

// Pixel h of dx receives w[r] dy[i] where i stride = h + pad - r dilation. For h = u stride + phase
// only the taps r with (phase + pad - r dilation) divisible by the stride do, and they read dy at
// i = u + (phase + pad - r dilation) / stride: again a product over patches, of dy, without a zero
// of the stretched image ever multiplied. A phase without taps is an empty sum and writes zeros.
template <class T>
void phases_input_grad(const Conv& c, const T* dy, const T* w, T* dx, const Epilogue<T>& then) {
  if (is_dense(c)) {
    const int64_t n = dense_inputs(c);
    matmul({c.batch, n, c.out_c, c.out_c, 1, 1, c.out_c, n, false}, dy, w, dx);
    if (then) finish(then, dx, c.batch * c.in_h * c.in_w, c.in_c, c.in_c);
    return;
  }
  const int64_t in_c = c.in_c / c.groups;
  const int64_t out_c = c.out_c / c.groups;
  for (int64_t phase_h = 0; phase_h < c.stride_h && phase_h < c.in_h; ++phase_h) {
    for (int64_t phase_w = 0; phase_w < c.stride_w && phase_w < c.in_w; ++phase_w) {
      // Last tap first: its pixel is the leftmost, so that neighbours make runs.
      std::vector<Tap> taps;
      for (int64_t r = c.kernel_h - 1; r >= 0; --r) {
        const int64_t h = phase_h + c.pad_h - r * c.dilation_h;
        if (h % c.stride_h != 0) continue;
        for (int64_t s = c.kernel_w - 1; s >= 0; --s) {
          const int64_t v = phase_w + c.pad_w - s * c.dilation_w;
          if (v % c.stride_w != 0) continue;
          taps.push_back({h / c.stride_h, v / c.stride_w, (r * c.kernel_w + s) * in_c * c.out_c});
        }
      }
      const std::vector<Run> list = runs(taps, c.groups == 1);
      std::vector<int64_t> offsets;
      for (const Tap& tap : taps) offsets.push_back(tap.offset);
      const int64_t rows = (c.in_h - phase_h + c.stride_h - 1) / c.stride_h;
      const int64_t cols = (c.in_w - phase_w + c.stride_w - 1) / c.stride_w;
      const Patches patches = {
          rows,    cols,    1,     1,           c.out_h,
          c.out_w, c.out_c, out_c, list.data(), static_cast<int64_t>(list.size())};
      Problem<T> problem;
      problem.m = c.batch * rows * cols;
      problem.n = in_c;
      problem.k = static_cast<int64_t>(taps.size()) * out_c;
      problem.accumulate = false;
      for (int64_t g = 0; g < c.groups; ++g) {
        problem.left = {dy + g * out_c, 0, 0, &patches, false};
        problem.right = {w + g * out_c, offsets.data(), out_c > 0 ? out_c : 1, 1, c.out_c};
        problem.result = {dx + (phase_h * c.in_w + phase_w) * c.in_c + g * in_c,
                          rows,
                          cols,
                          c.in_h * c.in_w * c.in_c,
                          c.stride_h * c.in_w * c.in_c,
                          c.stride_w * c.in_c};
        problem.then = of_group(then, g * in_c);
        run(problem);
      }
    }
  }
}

// Few channels of x: an output phase would be a product with as few columns. So all taps of a pixel of
// dy at once, dy (pixels, out_c) w^T (out_c, taps in_c), added up into the image while they are near.
template <class T>
void folded_input_grad(const Conv& c, const T* dy, const T* w, T* dx, const Epilogue<T>& then) {
  thread_local Scratch scratch;
  const int64_t pixels = c.out_h * c.out_w, columns = c.kernel_h * c.kernel_w * c.in_c;
  parallel_for(c.batch, [&](int64_t n) {
    T* taps = scratch.get<T>(pixels * columns);
    matmul({pixels, columns, c.out_c, c.out_c, 1, 1, c.out_c, columns, false},
           dy + n * pixels * c.out_c, w, taps);
    kernels<T>().fold({taps, c.out_h, c.out_w, c.kernel_h, c.kernel_w, c.in_c, c.stride_h,
                       c.stride_w, c.pad_h, c.pad_w, dx + n * c.in_h * c.in_w * c.in_c, c.in_h,
                       c.in_w});
    if (then)
      kernels<T>().finish(
          {then, dx + n * c.in_h * c.in_w * c.in_c, c.in_h * c.in_w, c.in_c, c.in_c});
  });
}

bool folds(const Conv& c) {
  constexpr int64_t kLargest = 1 << 20;  // taps of an image that stay in a cache
  const int64_t columns = c.kernel_h * c.kernel_w * c.in_c;
  return c.groups == 1 && c.dilation_h == 1 && c.dilation_w == 1 && c.in_c <= kThin &&
         columns >= 16 && c.out_c >= 16 && c.out_h * c.out_w * columns <= kLargest;
}

template <class T>
void conv2d_input_grad(const Conv& c, const T* dy, const T* w, T* dx, const Epilogue<T>& then) {
  if constexpr (std::is_same_v<T, float>) {
    if (const int64_t m = winograd_tile(c)) return winograd_input_grad(c, m, dy, w, dx, then);
  }
  if (empty(c)) return;
  if (!is_dense(c) && folds(c)) return folded_input_grad(c, dy, w, dx, then);
  phases_input_grad(c, dy, w, dx, then);
}

template <class T>
void conv2d_weight_grad(const Conv& c, const T* x, const T* dy, T* dw) {
  if constexpr (std::is_same_v<T, float>) {
    if (const int64_t m = winograd_tile(c)) return winograd_weight_grad(c, m, x, dy, dw);
  }
  if (is_dense(c)) {
    const int64_t m = dense_inputs(c);
    return matmul({m, c.out_c, c.batch, 1, m, c.out_c, 1, c.out_c, false}, x, dy, dw);
  }
  const int64_t in_c = c.in_c / c.groups;
  const int64_t out_c = c.out_c / c.groups;
  const ForwardPatches forward(c);
  Problem<T> problem;
  problem.m = c.kernel_h * c.kernel_w * in_c;
  problem.n = out_c;
  problem.k = c.batch * c.out_h * c.out_w;
  problem.accumulate = false;
  for (int64_t g = 0; g < c.groups; ++g) {
    problem.left = {x + g * in_c, 0, 0, &forward.patches, true};
    problem.right = {dy + g * out_c, nullptr, problem.k > 0 ? problem.k : 1, c.out_c, 1};
    problem.result = {dw + g * out_c, 1, 1, c.out_c, 0, 0};
    run(problem);
  }
}

#define PYGAN_INSTANTIATE(T)                                                                   \
  template void conv2d<T>(const Conv&, const T*, const T*, T*, const Epilogue<T>&);            \
  template void conv2d_input_grad<T>(const Conv&, const T*, const T*, T*, const Epilogue<T>&); \
  template void conv2d_weight_grad<T>(const Conv&, const T*, const T*, T*);
PYGAN_INSTANTIATE(float)
PYGAN_INSTANTIATE(double)
#undef PYGAN_INSTANTIATE

}  // namespace pygan::gemm
