// resize and upsample: resample along H and W of images (N, H, W, C).
#include <cmath>

#include "core/error.h"
#include "core/op.h"
#include "ops/ops.h"

namespace pygan::ops {
namespace {

void check_images(const char* op, const Tensor& x) {
  if (x.rank() != 4) throw_shape(op, "needs images (N, H, W, C), got " + x.shape().str());
}

// First the axis that leaves less for the second. scale 0: the quotient of the extents.
Tensor resize_by(const Tensor& x, const Pair& size, const std::pair<double, double>& scale,
                 Resampling how) {
  const auto [h, w] = size;
  const auto along = [&](const Tensor& t, bool height) {
    how.scale = height ? scale.first : scale.second;
    return resample(t, height ? 1 : 2, height ? h : w, how);
  };
  const bool height_first = static_cast<double>(h) * static_cast<double>(x.dim(2)) <=
                            static_cast<double>(w) * static_cast<double>(x.dim(1));
  return along(along(x, height_first), !height_first);
}

}  // namespace

Tensor resize(const Tensor& x, const Pair& size, const Resampling& how) {
  check_images("resize", x);
  return resize_by(x, size, {0, 0}, how);
}

Tensor upsample(const Tensor& x, const std::pair<double, double>& scale, const Resampling& how) {
  check_images("upsample", x);
  const auto extent = [&](int axis, double s) {
    if (!(std::isfinite(s) && s > 0))
      throw ConfigError("upsample: scale must be positive and finite, got " + number(s));
    const double n = std::floor(static_cast<double>(x.dim(axis)) * s);
    if (!(n >= 1 && n <= 0x1p24))
      throw_shape("upsample", x.shape().str() + " by " + number(s) + " has the extent " +
                                  number(n) + ": it must be 1 to 2^24");
    return static_cast<int64_t>(n);
  };
  return resize_by(x, {extent(1, scale.first), extent(2, scale.second)}, scale, how);
}

}  // namespace pygan::ops
