// Ops whose Jacobians are diagonal: a member of a family names its functor, what it saves and its
// derivative, once for vjp and jvp.
#pragma once

#include <memory>

#include "core/autograd.h"
#include "ops/elementwise/elementwise.h"
#include "ops/ops.h"

namespace pygan {

constexpr Saves kNothing{0, 0}, kX{1, 0}, kY{0, 1}, kXY{1, 1}, kOperands{3, 0};

// One instance serves every call of an op without hyper-parameters.
template <class O>
Tensor apply_shared(const Tensors& in) {
  static const auto op = std::make_shared<const O>();
  return pygan::apply(op, in)[0];
}

// y = f(x): one of the functors of Kernel, whose Fn takes MapArgs<Member>
template <class Kernel, class Member>
class UnaryOp : public Op {
 public:
  UnaryOp(const char* name, Member op, Saves saves, double a = 0)
      : name_(name), op_(op), saves_(saves), a_(a) {}

  // f'(x) d; undefined where it is 0 everywhere
  virtual Tensor derivative(const Tensor& x, const Tensor& y, const Tensor& d) const = 0;

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }
  Saves saves() const final { return saves_; }
  // Neither operands nor result are read by the derivative: it is the same everywhere.
  Jacobian jacobian() const final {
    return saves_.inputs || saves_.outputs ? Jacobian::general : Jacobian::constant;
  }

  Arrays eval(const Arrays& in) const final {
    const Array& x = in[0];
    check_float(name_, x);
    Array y = Array::empty(x.shape(), x.dtype(), x.device());
    kernel<Kernel>(x.device())({.x = x.data(),
                                .y = y.mutable_data(),
                                .n = x.size(),
                                .a = a_,
                                .op = op_,
                                .f64 = x.dtype() == DType::f64});
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs&) const final {
    return {derivative(in[0], out[0], dout[0])};
  }
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const final {
    return {derivative(in[0], out[0], tx[0])};
  }

 protected:
  double a() const { return a_; }

 private:
  const char* name_;
  Member op_;
  Saves saves_;
  double a_;
};

// A member of Base, which takes (name, functor, saves, a): its functor, what it saves, f'(x) d
#define PYGAN_UNARY(Class, Base, Member, op, saves, formula)                              \
  struct Class final : Base {                                                             \
    explicit Class(double a = 0) : Base(#op, Member::op, saves, a) {}                     \
    Tensor derivative([[maybe_unused]] const Tensor& x, [[maybe_unused]] const Tensor& y, \
                      const Tensor& d) const override {                                   \
      using namespace ops;                                                                \
      return formula;                                                                     \
    }                                                                                     \
  };                                                                                      \
  PYGAN_REGISTER_OP(op, true, false)

// y = f(a, b), broadcast
class BinaryOp : public Op {
 public:
  BinaryOp(const char* name, Binary op, Saves saves) : name_(name), op_(op), saves_(saves) {}

  // Gradients of the operands, before the sum over broadcast axes. `d` has y's shape.
  virtual Tensor da(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& d) const = 0;
  virtual Tensor db(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& d) const = 0;

  const char* name() const final { return name_; }
  bool per_sample() const final { return true; }
  Saves saves() const final { return saves_; }
  Jacobian jacobian() const final {
    return saves_.inputs || saves_.outputs ? Jacobian::general : Jacobian::constant;
  }
  Pointwise pointwise() const final {
    return {op_ == Binary::add ? Pointwise::Kind::add : Pointwise::Kind::none, 0};
  }

  Arrays eval(const Arrays& in) const final;
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs& needs) const final;
  // The operands' gradients are products with a diagonal, so they serve tangents as well.
  Tensors jvp(const Tensors& in, const Tensors& out, const Tensors& tx) const final;

 private:
  const char* name_;
  Binary op_;
  Saves saves_;
};

#define PYGAN_BINARY(Class, op, saves, da_formula, db_formula)                  \
  struct Class final : BinaryOp {                                               \
    Class() : BinaryOp(#op, Binary::op, saves) {}                               \
    using T = const Tensor&;                                                    \
    Tensor da([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T y, \
              T d) const override {                                             \
      using namespace ops;                                                      \
      return da_formula;                                                        \
    }                                                                           \
    Tensor db([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T y, \
              T d) const override {                                             \
      using namespace ops;                                                      \
      return db_formula;                                                        \
    }                                                                           \
  };                                                                            \
  PYGAN_REGISTER_OP(op, true, false)

}  // namespace pygan
