#include "ops/losses/losses.h"

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<BceKernel> bce_cpu{
    Device::cpu, [](const BceArgs& a) { PYGAN_DISPATCH(bce_with_logits)(a); }};

struct BceWithLogits final : FusedOp {
  const char* name() const override { return "bce_with_logits"; }
  bool per_sample() const override { return true; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &t = in[1];
    check_same_dtype(name(), in);
    check_float(name(), x);
    if (!(x.shape() == t.shape()))
      throw_shape(name(), "logits " + x.shape().str() + " and targets " + t.shape().str() +
                              " must have one shape: reshape one of them");
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<BceKernel>(x.device())(
        {x.size(), x.data(), t.data(), y.mutable_data(), x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &x = in[0], &t = in[1], &dy = dout[0];
    return {needs[0] ? ops::mul(dy, ops::sub(ops::sigmoid(x), t)) : Tensor(),
            needs[1] ? ops::neg(ops::mul(dy, x)) : Tensor()};
  }
  Tensors reference(const Tensors& in) const override {
    return {ops::sub(ops::softplus(in[0]), ops::mul(in[1], in[0]))};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 5.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(bce_with_logits, true, true)

}  // namespace

Tensor ops::bce_with_logits(const Tensor& logits, const Tensor& targets) {
  return apply_op<BceWithLogits>({logits, targets})[0];
}

}  // namespace pygan
