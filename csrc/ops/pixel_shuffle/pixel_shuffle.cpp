// pixel_shuffle and pixel_unshuffle (Shi et al. 2016, arXiv:1609.05158), composites:
//
//   pixel_shuffle    y[n, h r + i, w r + j, c] = x[n, h, w, c r^2 + i r + j]
//                    x (N, H, W, C r^2) -> y (N, H r, W r, C)
//   pixel_unshuffle  its inverse, and its adjoint
//
// The order of the channels is PyTorch's. Errors: ShapeError naming what r does not divide.
#include "core/op.h"
#include "ops/ops.h"

namespace pygan::ops {
namespace {

void check(const char* op, const Tensor& x, int64_t r) {
  if (x.rank() != 4) throw_shape(op, "needs images (N, H, W, C), got " + x.shape().str());
  if (r < 1 || r > (int64_t{1} << 20))
    throw_shape(op, "r must be at least 1 and at most 2^20, got " + std::to_string(r));
}

}  // namespace

Tensor pixel_shuffle(const Tensor& x, int64_t r) {
  check("pixel_shuffle", x, r);
  const int64_t n = x.dim(0), h = x.dim(1), w = x.dim(2), c = x.dim(3) / (r * r);
  if (x.dim(3) % (r * r))
    throw_shape("pixel_shuffle", "the channels of " + x.shape().str() + " must be a multiple of " +
                                     std::to_string(r * r) + " for r = " + std::to_string(r));
  const Tensor y = transpose(reshape(x, {n, h, w, c, r, r}), {0, 1, 4, 2, 5, 3});
  return reshape(y, {n, h * r, w * r, c});
}

Tensor pixel_unshuffle(const Tensor& x, int64_t r) {
  check("pixel_unshuffle", x, r);
  const int64_t n = x.dim(0), h = x.dim(1) / r, w = x.dim(2) / r, c = x.dim(3);
  if (x.dim(1) % r || x.dim(2) % r)
    throw_shape("pixel_unshuffle",
                "H and W of " + x.shape().str() + " must be multiples of r = " + std::to_string(r));
  const Tensor y = transpose(reshape(x, {n, h, r, w, r, c}), {0, 1, 3, 5, 2, 4});
  return reshape(y, {n, h, w, c * r * r});
}

}  // namespace pygan::ops
