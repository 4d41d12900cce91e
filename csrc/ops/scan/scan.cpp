#include "ops/scan/scan.h"

#include "core/autograd.h"
#include "ops/axis.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<ScanKernel> scan_cpu{
    Device::cpu, [](const ScanArgs& args) { PYGAN_DISPATCH(scan_sum)(args); }};

class Cumsum final : public Op {
 public:
  Cumsum(int axis, bool reverse) : axis_(axis), reverse_(reverse) {}

  const char* name() const override { return "cumsum"; }
  bool per_sample() const override { return axis_ != 0; }
  Jacobian jacobian() const override { return Jacobian::constant; }
  Saves saves() const override { return {0, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_float(name(), x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    if (y.size() == 0) return {y};
    const AxisView v(x.shape(), axis_);
    const int64_t pieces = (v.count + kScanPiece - 1) / kScanPiece;
    Array sums;
    if (pieces > 1) sums = Array::empty({v.outer, pieces, v.inner}, x.dtype(), x.device());
    kernel<ScanKernel>(x.device())({.x = x.data(),
                                    .y = y.mutable_data(),
                                    .sums = pieces > 1 ? sums.mutable_data() : nullptr,
                                    .outer = v.outer,
                                    .count = v.count,
                                    .inner = v.inner,
                                    .pieces = pieces,
                                    .reverse = reverse_,
                                    .f64 = x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors&, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::cumsum(dout[0], axis_, !reverse_)};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::cumsum(tx[0], axis_, reverse_)};
  }

 private:
  int axis_;
  bool reverse_;
};
PYGAN_REGISTER_OP(cumsum, true, false)

}  // namespace

namespace ops {

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  return apply_op<Cumsum>({x}, checked_axis("cumsum", axis, x.shape()), reverse)[0];
}

}  // namespace ops
}  // namespace pygan
