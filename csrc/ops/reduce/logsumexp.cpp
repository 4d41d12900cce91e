// logsumexp: y = log sum e^x, from sums, maxima and functions that are there.
#include <limits>

#include "core/autograd.h"
#include "ops/ops.h"
#include "ops/reduce/axes.h"

namespace pygan {
namespace {

using namespace reduce;

double largest(DType dtype) {
  return dtype == DType::f64 ? std::numeric_limits<double>::max()
                             : static_cast<double>(std::numeric_limits<float>::max());
}

class LogSumExp final : public Op {
 public:
  LogSumExp(AxisSet set, bool keepdims) : set_(set), keepdims_(keepdims) {}

  const char* name() const override { return "logsumexp"; }
  bool per_sample() const override { return !has(set_, 0); }
  double flops(const Arrays& in, const Arrays&) const override {
    return 4.0 * static_cast<double>(in[0].size());
  }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_float(name(), x);
    if (reduced_size(x.shape(), set_) == 0)
      throw_shape(name(), "the reduced axes of " + x.shape().str() + " are empty: no sum to take");
    const RecordGuard guard(false);
    const Tensor t(x);
    const ops::Axes axes = axis_list(set_);
    // The largest element, kept finite: inf - inf would be NaN.
    const double bound = largest(x.dtype());
    const Tensor m = axes.empty() ? t : ops::max(t, axes, true).first;
    const Tensor offset = ops::clip(m, -bound, bound);
    const Tensor e = ops::exp(ops::sub(t, offset));
    const Tensor s = axes.empty() ? e : ops::sum(e, axes, true);
    const Tensor y = ops::add(ops::log(s), offset);
    return {ops::reshape(y, reduced_shape(x.shape(), set_, keepdims_)).array()};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return {ops::mul(against(dout[0], in[0].shape(), set_), shares(in[0], out[0]))};
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const override {
    const Tensor t = ops::mul(tx[0], shares(in[0], out[0]));
    const ops::Axes axes = axis_list(set_);
    const Tensor y = axes.empty() ? t : ops::sum(t, axes, true);
    return {ops::reshape(y, out[0].shape())};
  }

 private:
  // e^(x - y), the softmax: 0 where a whole reduction is -inf.
  Tensor shares(const Tensor& x, const Tensor& y) const {
    const Tensor finite = ops::clip(y, -largest(x.dtype()), std::nullopt);
    return ops::exp(ops::sub(x, against(finite, x.shape(), set_)));
  }

  AxisSet set_;
  bool keepdims_;
};
PYGAN_REGISTER_OP(logsumexp, true, false)

}  // namespace

Tensor ops::logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  return apply_op<LogSumExp>({x}, axis_set("logsumexp", axes, x.shape()), keepdims)[0];
}

}  // namespace pygan
