#include "ops/random/random.h"

#include <string>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<RandomKernel> random_cpu{
    Device::cpu, [](const RandomArgs& args) { PYGAN_DISPATCH(fill_random)(args); }};

class Random final : public Op {
 public:
  Random(const char* name, bool normal, const Shape& shape, DType dtype)
      : name_(name), normal_(normal), shape_(shape), dtype_(dtype) {
    if (!is_float(dtype))
      throw_dtype(name, std::string("draws float32 or float64, not ") + pygan::name(dtype));
  }

  const char* name() const override { return name_; }
  bool differentiable() const override { return false; }
  Saves saves() const override { return {0, 0}; }

  Arrays eval(const Arrays& in) const override {
    const Array& key = in[0];
    if (key.dtype() != DType::i64) throw_dtype(name_, "the key must be int64, got " + key.str());
    if (!(key.shape() == Shape{3}))
      throw_shape(name_, "the key must have shape (3,): seed, stream, draw; got " + key.str());
    if (key.device() == Device::cpu) {
      check_word(key, 1, "stream id");
      check_word(key, 2, "draw");
    }
    Array y = Array::empty(shape_, dtype_, key.device());
    kernel<RandomKernel>(key.device())({.key = key.ptr<int64_t>(),
                                        .y = y.mutable_data(),
                                        .n = y.size(),
                                        .normal = normal_,
                                        .f64 = dtype_ == DType::f64});
    return {y};
  }

 private:
  void check_word(const Array& key, int i, const char* what) const {
    const int64_t value = key.ptr<int64_t>()[i];
    if (value < 0 || value > UINT32_MAX)
      throw ConfigError(std::string(name_) + ": the " + what + " " + std::to_string(value) +
                        " in the key is not in [0, 2^32)");
  }

  const char* name_;
  bool normal_;
  Shape shape_;
  DType dtype_;
};
PYGAN_REGISTER_OP(uniform, false, false)
PYGAN_REGISTER_OP(normal, false, false)

}  // namespace

namespace ops {

Tensor uniform(const Tensor& key, const Shape& shape, DType dtype) {
  return apply_op<Random>({key}, "uniform", false, shape, dtype)[0];
}
Tensor normal(const Tensor& key, const Shape& shape, DType dtype) {
  return apply_op<Random>({key}, "normal", true, shape, dtype)[0];
}

}  // namespace ops
}  // namespace pygan
