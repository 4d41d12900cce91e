#include "ops/leaky_relu/leaky_relu.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<LeakyReluKernel> leaky_relu_cpu{
    Device::cpu, [](const LeakyReluArgs& args) { PYGAN_DISPATCH(leaky_relu)(args); }};

// Both ops: without `dy` the forward pass, with it the backward pass.
Array run(const Array& x, const Array* dy, double slope) {
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  kernel<LeakyReluKernel>(x.device())({.x = x.data(),
                                       .dy = dy ? dy->data() : nullptr,
                                       .y = y.mutable_data(),
                                       .n = x.size(),
                                       .slope = slope,
                                       .f64 = x.dtype() == DType::f64});
  return y;
}

void check_slope(const char* op, double slope) {
  if (!std::isfinite(slope))
    throw ConfigError(std::string(op) + ": negative_slope must be finite, got " + number(slope));
}

class LeakyRelu final : public Op {
 public:
  LeakyRelu(const char* name, double slope) : name_(name), slope_(slope) {
    check_slope(name, slope);
  }

  const char* name() const override { return name_; }
  bool per_sample() const override { return true; }
  Jacobian jacobian() const override { return Jacobian::constant; }
  Pointwise pointwise() const override { return {Pointwise::Kind::leaky_relu, slope_}; }
  // y > 0 where x > 0, but for a negative slope: y, which the next op mostly keeps as well, will do.
  Saves saves() const override {
    return slope_ < 0 ? Saves{.inputs = kAll, .outputs = 0} : Saves{.inputs = 0, .outputs = kAll};
  }

  Arrays eval(const Arrays& in) const override {
    check_float(name_, in[0]);
    return {run(in[0], nullptr, slope_)};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const override {
    return {ops::leaky_relu_grad(dout[0], sign(in, out), slope_)};
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const override {
    return {ops::leaky_relu_grad(tx[0], sign(in, out), slope_)};
  }

 private:
  const Tensor& sign(const Tensors& in, const Tensors& out) const {
    return slope_ < 0 ? in[0] : out[0];
  }

  const char* name_;
  double slope_;
};

class LeakyReluGrad final : public Op {
 public:
  explicit LeakyReluGrad(double slope) : slope_(slope) { check_slope(name(), slope); }

  const char* name() const override { return "leaky_relu_grad"; }
  Pointwise pointwise() const override { return {Pointwise::Kind::leaky_relu_grad, slope_}; }
  bool per_sample() const override { return true; }
  Saves saves() const override { return {.inputs = 1u << 1, .outputs = 0}; }  // x

  Arrays eval(const Arrays& in) const override {
    const Array &dy = in[0], &x = in[1];
    check_float(name(), x);
    check_same_dtype(name(), in);
    if (!(dy.shape() == x.shape()))
      throw_shape(name(), "dy " + dy.shape().str() + " and x " + x.shape().str() + " differ");
    return {run(x, &dy, slope_)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    if (!needs[0]) return {Tensor(), Tensor()};
    return {ops::leaky_relu_grad(dout[0], in[1], slope_), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::leaky_relu_grad(tx[0], in[1], slope_)};
  }

 private:
  double slope_;
};

PYGAN_REGISTER_OP(leaky_relu, true, false)
PYGAN_REGISTER_OP(relu, true, false)
PYGAN_REGISTER_OP(leaky_relu_grad, true, false)

}  // namespace

namespace ops {

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return apply_op<LeakyRelu>({x}, "leaky_relu", negative_slope)[0];
}
Tensor relu(const Tensor& x) { return apply_op<LeakyRelu>({x}, "relu", 0.0)[0]; }
Tensor leaky_relu_grad(const Tensor& dy, const Tensor& x, double negative_slope) {
  return apply_op<LeakyReluGrad>({dy, x}, negative_slope)[0];
}

}  // namespace ops
}  // namespace pygan
