#include "ops/logistic_loss/logistic_loss.h"

#include <cmath>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<LogisticLossKernel> loss_cpu{
    Device::cpu, [](const LogisticLossArgs& a) { PYGAN_DISPATCH(logistic_loss)(a); }};
const RegisterKernel<LogisticLossGradKernel> grad_cpu{
    Device::cpu, [](const LogisticLossGradArgs& a) { PYGAN_DISPATCH(logistic_loss_grad)(a); }};

void check_logits(const char* op, const Array& x, double target) {
  check_float(op, x);
  if (x.size() == 0) throw_shape(op, "logits " + x.shape().str() + " are none: no mean");
  if (!std::isfinite(x.dtype() == DType::f64 ? target : static_cast<float>(target)))
    throw ConfigError(std::string(op) + ": target must be finite in the logits' dtype, got " +
                      number(target));
}

// inputs: x, dy -> dx
struct LogisticLossGrad final : FusedOp {
  double target;
  explicit LogisticLossGrad(double t) : target(t) {}
  const char* name() const override { return "logistic_loss_grad"; }

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &dy = in[1];
    check_same_dtype(name(), in);
    check_logits(name(), x, target);
    if (dy.rank() != 0) throw_shape(name(), "dy must be a scalar, got " + dy.shape().str());
    Array dx = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<LogisticLossGradKernel>(x.device())({.n = x.size(),
                                                .target = target,
                                                .x = x.data(),
                                                .dy = dy.data(),
                                                .dx = dx.mutable_data(),
                                                .f64 = x.dtype() == DType::f64});
    return {dx};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor &x = in[0], &dy = in[1];
    const Tensor slope = ops::sub(ops::scale(ops::sigmoid(x), 1 - target),
                                  ops::scale(ops::sigmoid(ops::neg(x)), target));
    return {ops::mul(ops::scale(dy, 1 / static_cast<double>(x.size())), slope)};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 4.0 * static_cast<double>(in[0].size());
  }
};

struct LogisticLoss final : FusedOp {
  double target;
  explicit LogisticLoss(double t) : target(t) {}
  const char* name() const override { return "logistic_loss"; }

  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    check_logits(name(), x, target);
    Array y = Array::empty({}, x.dtype(), x.device());
    const int64_t chunks = (x.size() + kLogisticChunk - 1) / kLogisticChunk;
    Array partial = Array::empty({chunks}, DType::f64, x.device());
    kernel<LogisticLossKernel>(x.device())({.n = x.size(),
                                            .target = target,
                                            .x = x.data(),
                                            .partial = partial.mutable_ptr<double>(),
                                            .y = y.mutable_data(),
                                            .f64 = x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::logistic_loss_grad(in[0], dout[0], target)};
  }
  Tensors reference(const Tensors& in) const override {
    const Tensor& x = in[0];
    return {ops::mean(ops::sub(ops::softplus(x), ops::scale(x, target)), {}, false)};
  }
  double flops(const Arrays& in, const Arrays&) const override {
    return 5.0 * static_cast<double>(in[0].size());
  }
};

PYGAN_REGISTER_OP(logistic_loss, true, true)
PYGAN_REGISTER_OP(logistic_loss_grad, true, true)

}  // namespace

namespace ops {

Tensor logistic_loss(const Tensor& logits, double target) {
  return apply_op<LogisticLoss>({logits}, target)[0];
}
Tensor logistic_loss_grad(const Tensor& logits, const Tensor& dy, double target) {
  return apply_op<LogisticLossGrad>({logits, dy}, target)[0];
}

}  // namespace ops
}  // namespace pygan
