#include "ops/pad/pad.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

using ops::PadMode;
using ops::Pair;

const RegisterKernel<PadKernel> pad_cpu{
    Device::cpu, [](const PadArgs& args) { PYGAN_DISPATCH(pad_axis)(args); }};
const RegisterKernel<PadGradKernel> pad_grad_cpu{
    Device::cpu, [](const PadArgs& args) { PYGAN_DISPATCH(pad_axis_grad)(args); }};

std::string str(const Pair& p) {
  return "(" + std::to_string(p.first) + ", " + std::to_string(p.second) + ")";
}

constexpr int64_t kLargest = int64_t{1} << 31;  // of a width: extents cannot overflow below it

// x's extent along the axis is n: does the border fit?
void check_widths(const char* op, const Pair& widths, int64_t n, int axis, PadMode mode) {
  const auto [before, after] = widths;
  const std::string at = " on axis " + std::to_string(axis);
  if (before < 0 || after < 0) throw_shape(op, "negative width" + at + ": use slice");
  if (before >= kLargest || after >= kLargest)
    throw_shape(op, "widths must be below 2^31, got " + str(widths) + at);
  if (mode == PadMode::reflect && (before > 0 || after > 0) && (before >= n || after >= n))
    throw_shape(op, "reflect needs widths below the extent " + std::to_string(n) + ", got " +
                        str(widths) + at + ": use replicate");
  if (mode == PadMode::replicate && n == 0 && (before > 0 || after > 0))
    throw_shape(op, "nothing to replicate" + at + " of extent 0");
}

// Both ops: from x to the padded y, or the adjoint.
class PadAxis final : public Op {
 public:
  PadAxis(int axis, const Pair& widths, bool reflect, bool adjoint)
      : axis_(axis), widths_(widths), reflect_(reflect), adjoint_(adjoint) {}

  const char* name() const override { return adjoint_ ? "pad_axis_grad" : "pad_axis"; }
  bool per_sample() const override { return axis_ != 0; }
  Jacobian jacobian() const override { return Jacobian::constant; }
  Saves saves() const override { return {0, 0}; }
  double flops(const Arrays& in, const Arrays& out) const override {
    return adjoint_ ? static_cast<double>(in[0].size() - out[0].size()) : 0;
  }

  Arrays eval(const Arrays& in) const override {
    const Array& from = in[0];
    if (adjoint_) check_float(name(), from);
    const auto [before, after] = widths_;
    const int64_t n = from.dim(axis_) - (adjoint_ ? before + after : 0);
    if (n < 0)
      throw_shape(name(), from.shape().str() + " is smaller than its border " + str(widths_) +
                              " on axis " + std::to_string(axis_));
    check_widths(name(), widths_, n, axis_, reflect_ ? PadMode::reflect : PadMode::replicate);
    Shape shape = from.shape();
    shape[axis_] = adjoint_ ? n : before + n + after;
    Array to = Array::empty(shape, from.dtype(), from.device());
    PadArgs args{.from = from.data(),
                 .to = to.mutable_data(),
                 .outer = 1,
                 .n = n,
                 .inner = 1,
                 .before = before,
                 .after = after,
                 .reflect = reflect_,
                 .item_size = static_cast<int>(item_size(from.dtype()))};
    for (int i = 0; i < axis_; ++i) args.outer *= shape[i];
    for (int i = axis_ + 1; i < shape.rank(); ++i) args.inner *= shape[i];
    if (from.size() == 0) return {to};
    if (adjoint_)
      kernel<PadGradKernel>(from.device())(args);
    else
      kernel<PadKernel>(from.device())(args);
    return {to};
  }
  Tensors vjp(const Tensors&, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {apply_op<PadAxis>({dout[0]}, axis_, widths_, reflect_, !adjoint_)[0]};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return pygan::apply(shared_from_this(), {tx[0]});
  }

 private:
  int axis_;
  Pair widths_;
  bool reflect_, adjoint_;
};

PYGAN_REGISTER_OP(pad_axis, true, false)
PYGAN_REGISTER_OP(pad_axis_grad, true, false)

Tensor apply_axis(const char* op, const Tensor& x, int axis, const Pair& widths, PadMode mode,
                  bool adjoint) {
  const int i = axis < 0 ? axis + x.rank() : axis;
  if (i < 0 || i >= x.rank())
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " + x.shape().str());
  if (mode == PadMode::constant)
    throw ConfigError(std::string(op) + ": mode must be reflect or replicate: use pad");
  // signs and sizes now, as eval adds them to extents; whether they fit the axis is seen there
  check_widths(op, widths, kLargest, i, mode);
  return apply_op<PadAxis>({x}, i, widths, mode == PadMode::reflect, adjoint)[0];
}

void check_value(DType dtype, double value) {
  const double most = dtype == DType::boolean ? 1 : dtype == DType::u8 ? 255 : 0x1p53;
  const double least = dtype == DType::i64 ? -0x1p53 : 0;
  if (!is_float(dtype) && !(value == std::floor(value) && value >= least && value <= most))
    throw ConfigError("pad: value " + std::to_string(value) + " is not a number of dtype " +
                      name(dtype));
}

}  // namespace

namespace ops {

Tensor pad_axis(const Tensor& x, int axis, const Pair& widths, PadMode mode) {
  return apply_axis("pad_axis", x, axis, widths, mode, false);
}

Tensor pad_axis_grad(const Tensor& dy, int axis, const Pair& widths, PadMode mode) {
  return apply_axis("pad_axis_grad", dy, axis, widths, mode, true);
}

Tensor pad(const Tensor& x, const std::vector<Pair>& widths, PadMode mode, double value) {
  if (static_cast<int>(widths.size()) != x.rank())
    throw_shape("pad", "needs a (before, after) for each of the " + std::to_string(x.rank()) +
                           " axes of " + x.shape().str() + ", got " +
                           std::to_string(widths.size()));
  for (int i = 0; i < x.rank(); ++i)
    check_widths("pad", widths[static_cast<size_t>(i)], x.dim(i), i, mode);
  if (mode == PadMode::constant) {
    check_value(x.dtype(), value);
    std::vector<int64_t> start;
    Shape shape;
    for (int i = 0; i < x.rank(); ++i) {
      const auto [before, after] = widths[static_cast<size_t>(i)];
      start.push_back(before);
      shape.push_back(before + x.dim(i) + after);
    }
    return unslice(x, start, std::vector<int64_t>(widths.size(), 1), shape, value);
  }
  if (value != 0)
    throw ConfigError("pad: value is for mode constant, got " + std::to_string(value));
  Tensor y = x;
  for (int i = 0; i < x.rank(); ++i)
    if (widths[static_cast<size_t>(i)] != Pair{0, 0})
      y = pad_axis(y, i, widths[static_cast<size_t>(i)], mode);
  return y;
}

}  // namespace ops
}  // namespace pygan
