#include "ops/random/random.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/ops.h"
#include "ops/sort/sort.h"

namespace pygan {
namespace {

const RegisterKernel<RandomKernel> random_cpu{
    Device::cpu, [](const RandomArgs& args) { PYGAN_DISPATCH(fill_random)(args); }};
const RegisterKernel<DropoutKernel> dropout_cpu{
    Device::cpu, [](const DropoutArgs& args) { PYGAN_DISPATCH(random_dropout)(args); }};
const RegisterKernel<PermutationKernel> permutation_cpu{
    Device::cpu, [](const PermutationArgs& args) { PYGAN_DISPATCH(random_permutation)(args); }};

void check_key(const char* op, const Array& key) {
  if (key.dtype() != DType::i64) throw_dtype(op, "the key must be int64, got " + key.str());
  if (!(key.shape() == Shape{3}))
    throw_shape(op, "the key must have shape (3,): seed, stream, draw; got " + key.str());
  const Array values = to_host(key);
  const char* const what[] = {"seed", "stream id", "draw"};
  for (int i = 1; i < 3; ++i) {
    const int64_t value = values.ptr<int64_t>()[i];
    if (value < 0 || value > UINT32_MAX)
      throw ConfigError(std::string(op) + ": the " + what[i] + " " + std::to_string(value) +
                        " in the key is not in [0, 2^32)");
  }
}

// u < p for the uniforms u, which are multiples of 2^-24, exactly when u < threshold(p).
float threshold(double p) { return static_cast<float>(std::ceil(std::ldexp(p, 24)) * 0x1p-24); }

class Random final : public Op {
 public:
  Random(const char* name, Draw draw, const Shape& shape, DType dtype, double p = 0)
      : name_(name), draw_(draw), shape_(shape), dtype_(dtype), p_(p) {
    if (!is_float(dtype))
      throw_dtype(name, std::string("draws float32 or float64, not ") + pygan::name(dtype));
    if (!(p >= 0 && p <= 1))
      throw ConfigError(std::string(name) + ": p must be in [0, 1], got " + number(p));
  }

  const char* name() const override { return name_; }
  bool differentiable() const override { return false; }
  Saves saves() const override { return {0, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array& key = in[0];
    check_key(name_, key);
    check_dtype_on(name_, dtype_, key.device());
    Array y = Array::empty(shape_, dtype_, key.device());
    kernel<RandomKernel>(key.device())({.key = key.ptr<int64_t>(),
                                        .y = y.mutable_data(),
                                        .n = y.size(),
                                        .draw = draw_,
                                        .p = threshold(p_),
                                        .f64 = dtype_ == DType::f64});
    return {y};
  }

 private:
  const char* name_;
  Draw draw_;
  Shape shape_;
  DType dtype_;
  double p_;
};
PYGAN_REGISTER_OP(uniform, false, false)
PYGAN_REGISTER_OP(normal, false, false)
PYGAN_REGISTER_OP(bernoulli, false, false)

class Permutation final : public Op {
 public:
  explicit Permutation(int64_t n) : n_(n) {
    if (n < 0) throw_shape(name(), "n must not be negative, got " + std::to_string(n));
  }

  const char* name() const override { return "permutation"; }
  bool differentiable() const override { return false; }
  Saves saves() const override { return {0, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array& key = in[0];
    check_key(name(), key);
    Array y = Array::empty({n_}, DType::i64, key.device());
    if (n_ == 0) return {y};
    Array workspace = Array::empty({n_, kSortWorkspace}, DType::u8, key.device());
    kernel<PermutationKernel>(key.device())({.key = key.ptr<int64_t>(),
                                             .y = y.mutable_ptr<int64_t>(),
                                             .workspace = workspace.mutable_data(),
                                             .n = n_});
    return {y};
  }

 private:
  int64_t n_;
};
PYGAN_REGISTER_OP(permutation, false, false)

class Dropout final : public Op {
 public:
  explicit Dropout(double p) : p_(p) {
    if (!(p >= 0 && p < 1))
      throw ConfigError(std::string(name()) + ": p must be in [0, 1), got " + number(p));
  }

  const char* name() const override { return "dropout"; }
  bool per_sample() const override { return true; }  // an element's fate is its place's
  Jacobian jacobian() const override { return Jacobian::constant; }
  Saves saves() const override { return {1u << 1, 0}; }  // the key

  Arrays eval(const Arrays& in) const override {
    const Array &x = in[0], &key = in[1];
    check_float(name(), x);
    check_key(name(), key);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<DropoutKernel>(x.device())({.key = key.ptr<int64_t>(),
                                       .x = x.data(),
                                       .y = y.mutable_data(),
                                       .n = x.size(),
                                       .p = threshold(p_),
                                       .scale = 1 / (1 - p_),
                                       .f64 = x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::dropout(dout[0], in[1], p_), Tensor()};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    if (!tx[0].defined()) return {Tensor()};
    return {ops::dropout(tx[0], in[1], p_)};
  }

 private:
  double p_;
};
PYGAN_REGISTER_OP(dropout, true, false)

}  // namespace

namespace ops {

Tensor uniform(const Tensor& key, const Shape& shape, DType dtype) {
  return apply_op<Random>({key}, "uniform", Draw::uniform, shape, dtype)[0];
}
Tensor normal(const Tensor& key, const Shape& shape, DType dtype) {
  return apply_op<Random>({key}, "normal", Draw::normal, shape, dtype)[0];
}
Tensor bernoulli(const Tensor& key, double p, const Shape& shape, DType dtype) {
  return apply_op<Random>({key}, "bernoulli", Draw::bernoulli, shape, dtype, p)[0];
}
Tensor permutation(const Tensor& key, int64_t n) { return apply_op<Permutation>({key}, n)[0]; }
Tensor dropout(const Tensor& x, const Tensor& key, double p) {
  return apply_op<Dropout>({x, key}, p)[0];
}

}  // namespace ops
}  // namespace pygan
