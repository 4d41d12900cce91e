// The geometry of resampling along one axis: which input pixels an output pixel reads, how heavily.
//
//   y[o] = sum_i A[o,i] x[i],  0 <= o < out, 0 <= i < in:  a sparse matrix, its rows summing to 1
//
// step = in / out, or 1 / scale where a scale is given; the centre of output pixel o lies at
//   s = (o + 1/2) step - 1/2, or with align_corners s = o (in - 1) / (out - 1) (0 for out = 1).
//
//   nearest        the pixel floor(o step)                         (PyTorch's nearest)
//   nearest-exact  the pixel floor((o + 1/2) step)                 (Pillow's and scikit-image's)
//   bilinear       weights t(s - i),    t(d) = max(0, 1 - |d|)
//   bicubic        weights k(s - i) with a = -3/4 (Keys 1981, IEEE TASSP 29, 1153):
//                  k(d) = (a + 2) |d|^3 - (a + 3) |d|^2 + 1        |d| <= 1
//                  k(d) = a |d|^3 - 5a |d|^2 + 8a |d| - 4a         1 <= |d| < 2
//                  pixels outside the image are the nearest one within: weights add up there
//   antialias      of bilinear and bicubic, as Pillow: the weights t or k((s - i) / max(step, 1)), so
//                  that every input pixel counts where the image shrinks; a = -1/2; pixels outside
//                  the image are left out and the others' weights scaled to the sum 1
#pragma once

#include <cstdint>
#include <vector>

#include "ops/ops.h"

namespace pygan::resample {

// Row o: entries row[o] to row[o + 1] of index (ascending) and weight.
struct Taps {
  int64_t in = 0, out = 0;
  std::vector<int64_t> row, index;
  std::vector<double> weight;
  std::vector<float> weight32;  // rounded
};

Taps make_taps(int64_t in, int64_t out, const ops::Resampling& how);
Taps transposed(const Taps& taps);

}  // namespace pygan::resample
