#include "ops/resample/resample.h"

#include <cmath>
#include <memory>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"
#include "ops/resample/taps.h"

namespace pygan {
namespace {

using ops::Filter;
using ops::Resampling;
using resample::Taps;

const RegisterKernel<ResampleKernel> resample_cpu{
    Device::cpu, [](const ResampleArgs& args) { PYGAN_DISPATCH(resample_axis)(args); }};

Array run(const char* op, const Array& x, int axis, const Taps& taps) {
  check_float(op, x);
  if (x.dim(axis) != taps.in)
    throw_shape(op, x.shape().str() + " has " + std::to_string(x.dim(axis)) +
                        " elements along axis " + std::to_string(axis) + ", expected " +
                        std::to_string(taps.in));
  Shape shape = x.shape();
  shape[axis] = taps.out;
  Array y = Array::empty(shape, x.dtype(), x.device());
  const bool f64 = x.dtype() == DType::f64;
  ResampleArgs args{.x = x.data(),
                    .y = y.mutable_data(),
                    .row = taps.row.data(),
                    .index = taps.index.data(),
                    .weight = f64 ? static_cast<const void*>(taps.weight.data())
                                  : static_cast<const void*>(taps.weight32.data()),
                    .outer = 1,
                    .in = taps.in,
                    .out = taps.out,
                    .inner = 1,
                    .f64 = f64};
  for (int i = 0; i < axis; ++i) args.outer *= x.dim(i);
  for (int i = axis + 1; i < x.rank(); ++i) args.inner *= x.dim(i);
  if (y.size() > 0) kernel<ResampleKernel>(x.device())(args);
  return y;
}

// Both ops: A from `in` to `out` elements, or its adjoint.
class Resample final : public Op {
 public:
  Resample(int axis, int64_t in, int64_t out, const Resampling& how, bool adjoint)
      : axis_(axis), in_(in), out_(out), how_(how), adjoint_(adjoint) {
    taps_ = resample::make_taps(in, out, how);
    if (adjoint) taps_ = resample::transposed(taps_);
  }

  const char* name() const override { return adjoint_ ? "resample_grad" : "resample"; }
  bool per_sample() const override { return axis_ != 0; }
  Jacobian jacobian() const override { return Jacobian::constant; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays&, const Arrays& out) const override {
    const auto rows = static_cast<double>(out[0].size()) / static_cast<double>(taps_.out);
    return 2 * rows * static_cast<double>(taps_.index.size());
  }

  Arrays eval(const Arrays& in) const override { return {run(name(), in[0], axis_, taps_)}; }
  Tensors vjp(const Tensors&, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {apply_op<Resample>({dout[0]}, axis_, in_, out_, how_, !adjoint_)[0]};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return pygan::apply(shared_from_this(), {tx[0]});
  }

 private:
  int axis_;
  int64_t in_, out_;
  Resampling how_;
  bool adjoint_;
  Taps taps_;
};

PYGAN_REGISTER_OP(resample, true, false)
PYGAN_REGISTER_OP(resample_grad, true, false)

constexpr int64_t kLargest = int64_t{1} << 24;  // of an axis: its taps stay in memory

void check_settings(const char* op, const Resampling& how) {
  const bool nearest = how.filter == Filter::nearest || how.filter == Filter::nearest_exact;
  const std::string at = std::string(op) + ": ";
  if (nearest && (how.align_corners || how.antialias))
    throw ConfigError(at + "align_corners and antialias are for bilinear and bicubic");
  if (how.align_corners && how.antialias)
    throw ConfigError(at + "antialias is defined for pixel centres: leave align_corners off");
  if (!(std::isfinite(how.scale) && how.scale >= 0))
    throw ConfigError(at + "scale must be positive and finite, got " + number(how.scale));
}

void check_extent(const char* op, const char* what, int64_t n) {
  if (n < 1 || n > kLargest)
    throw_shape(
        op, std::string(what) + " must be at least 1 and at most 2^24, got " + std::to_string(n));
}

int axis_of(const char* op, int axis, const Shape& x) {
  const int i = axis < 0 ? axis + x.rank() : axis;
  if (i < 0 || i >= x.rank())
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.str());
  return i;
}

Tensor apply_axis(const char* op, const Tensor& x, int axis, int64_t size, const Resampling& how,
                  bool adjoint) {
  check_settings(op, how);
  const int i = axis_of(op, axis, x.shape());
  check_extent(op, "size", size);
  check_extent(op, "the extent of the axis", x.dim(i));
  const int64_t in = adjoint ? size : x.dim(i), out = adjoint ? x.dim(i) : size;
  if (how.scale > 0 && static_cast<double>(out) > static_cast<double>(in) * how.scale)
    throw_shape(op, std::to_string(in) + " elements by the scale " + number(how.scale) +
                        " are fewer than " + std::to_string(out));
  return apply_op<Resample>({x}, i, in, out, how, adjoint)[0];
}

}  // namespace

namespace ops {

Tensor resample(const Tensor& x, int axis, int64_t size, const Resampling& how) {
  return apply_axis("resample", x, axis, size, how, false);
}

Tensor resample_grad(const Tensor& dy, int axis, int64_t size, const Resampling& how) {
  return apply_axis("resample_grad", dy, axis, size, how, true);
}

}  // namespace ops
}  // namespace pygan
