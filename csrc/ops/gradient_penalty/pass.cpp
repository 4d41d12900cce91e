#include "ops/gradient_penalty/pass.h"

#include <algorithm>
#include <utility>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/gradient_penalty/program.h"
#include "ops/ops.h"

namespace pygan {
namespace {

using penalty::Program;
using Flags = std::vector<bool>;

void accumulate(Tensor& sum, const Tensor& term) {
  if (term.defined()) sum = sum.defined() ? ops::add(sum, term) : term;
}

bool any_defined(const Tensors& ts) {
  return std::any_of(ts.begin(), ts.end(), [](const Tensor& t) { return t.defined(); });
}

bool any(const Flags& flags) {
  return std::any_of(flags.begin(), flags.end(), [](bool b) { return b; });
}

Tensor filled(const Array& spec, double value) {
  return Tensor(Array::full(spec.shape(), value, spec.dtype(), spec.device()));
}

// c (N) times x, whose rows are N equal blocks
Tensor scale_samples(const Tensor& c, const Tensor& x) {
  const Tensor blocks = ops::reshape(x, {c.size(), x.size() / c.size()});
  return ops::reshape(ops::mul(ops::reshape(c, {c.size(), 1}), blocks), x.shape());
}

// inputs: x, what enters, saved values -> P, D(x) where it is shared, coefficient, g, and s where the
// gradient needs it
class FusedPenalty final : public FusedOp {
 public:
  FusedPenalty(Program program, PenaltyCost cost, double weight, bool share)
      : program_(std::move(program)), cost_(cost), weight_(weight), share_(share) {
    const auto& calls = program_.calls;
    const bool smooth = std::any_of(calls.begin(), calls.end(), [](const Program::Call& c) {
      return c.op->jacobian() == Jacobian::general;
    });
    const int64_t samples = program_.slots[0].spec.dim(0);
    scale_s_ = share && !smooth && program_.slots[at(program_.out)].spec.size() == samples;
    s_output_.resize(program_.slots.size(), -1);
    int next = kFirstS;
    for (const Program::Call& c : calls)
      if (c.op->jacobian() != Jacobian::constant || (scale_s_ && something_enters(c)))
        for (const int slot : c.out) s_output_[at(slot)] = next++;
    outputs_ = at(next);
  }

  const char* name() const override { return "gradient_penalty"; }
  Saves saves() const override { return {kAll, kAll}; }
  uint32_t differentiable_outputs() const override { return share_ ? 0b11 : 0b01; }
  double flops(const Arrays&, const Arrays&) const override { return 0; }  // its parts have them

  Arrays eval(const Arrays& in) const override {
    RecordGuard record(false);
    Tensors inputs(in.begin(), in.end()), s(program_.slots.size());
    Arrays result(outputs_);
    s[at(program_.out)] = filled(program_.slots[at(program_.out)].spec, 1);
    for (auto c = program_.calls.rbegin(); c != program_.calls.rend(); ++c) {
      const Tensors dout = of(s, c->out);
      if (!any_defined(dout)) continue;
      add_vjp(*c, values(inputs, c->in), values(inputs, c->out), dout, c->from_x, s);
      for (const int slot : c->out) {
        if (s_output_[at(slot)] >= 0) result[at(s_output_[at(slot)])] = s[at(slot)].array();
        s[at(slot)] = Tensor();
      }
    }
    const Tensor g = s[0].defined() ? s[0] : filled(program_.slots[0].spec, 0);
    const auto [value, coefficient] = ops::norm_penalty(g, cost_, weight_);
    result[kValue] = value.array();
    if (share_) result[kOut] = in[at(program_.slots[at(program_.out)].input)];
    result[kCoefficient] = coefficient.array();
    result[kG] = g.array();
    return result;
  }

  Tensors reference(const Tensors& in) const override {
    RecordGuard record(true);
    Tensor x = in[0];
    if (!x.requires_grad()) {
      x = x.detach();
      x.set_requires_grad(true);
    }
    Tensors v(program_.slots.size());
    for (size_t i = 0; i < v.size(); ++i)
      if (const int input = program_.slots[i].input; input >= 0 && input < program_.entering)
        v[i] = in[at(input)];
    v[0] = x;
    for (const Program::Call& c : program_.calls) {
      const Tensors y = pygan::apply(c.op, of(v, c.in));
      for (size_t j = 0; j < y.size(); ++j) v[at(c.out[j])] = y[j];
    }
    const Tensor& out = v[at(program_.out)];
    const Tensors g = pygan::grad({out}, {x}, {filled(out.array(), 1)}, true, true, Unused::zero);
    return {ops::norm_penalty(g[0], cost_, weight_).first, share_ ? out : Tensor()};
  }

  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& dout,
              const Needs& needs) const override {
    if (recording()) return FusedOp::vjp(in, out, dout, needs);
    const Flags wanted = lead_to_wanted(needs), met = tangents_met(wanted);
    Tensors d(program_.slots.size());  // q of what comes from x, gradients of what enters
    if (dout[kValue].defined()) tangents(in, out, dout[kValue], wanted, met, d);
    if (dout[kOut].defined()) {
      if (scale_s_ && !wanted[0])
        scaled(in, out, ops::reshape(dout[kOut], {dout[kOut].size()}), wanted, d);
      else
        accumulate(d[at(program_.out)], dout[kOut]);
    }
    for (auto c = program_.calls.rbegin(); c != program_.calls.rend(); ++c) {
      const Tensors q = of(d, c->out);
      if (const Flags w = of(wanted, c->in); any_defined(q) && any(w))
        add_vjp(*c, values(in, c->in), values(in, c->out), q, w, d);
    }
    Tensors dx(in.size());
    for (size_t i = 0; i < d.size(); ++i)
      if (const int input = program_.slots[i].input; input >= 0 && input < program_.entering)
        if (needs[at(input)]) dx[at(input)] = d[i];
    return dx;
  }

 private:
  enum : size_t { kValue, kOut, kCoefficient, kG, kFirstS };

  static size_t at(int i) { return static_cast<size_t>(i); }

  template <class T>
  static std::vector<T> of(const std::vector<T>& all, const std::vector<int>& slots) {
    std::vector<T> some;
    for (const int i : slots) some.push_back(i < 0 ? T() : T(all[at(i)]));
    return some;
  }

  // What an op reads: values where they were saved, else shapes.
  Tensors values(const Tensors& inputs, const std::vector<int>& slots) const {
    Tensors v;
    for (const int i : slots) {
      if (i < 0) {
        v.emplace_back();
        continue;
      }
      const Program::Slot& s = program_.slots[at(i)];
      v.push_back(s.input >= 0 ? inputs[at(s.input)].detach() : Tensor(s.spec));
    }
    return v;
  }

  // d += vjp of one call
  static void add_vjp(const Program::Call& c, const Tensors& in, const Tensors& out,
                      const Tensors& dout, const Flags& needs, Tensors& d) {
    DerivativeOf scope(*c.op);
    const Tensors dx = c.op->vjp(in, out, dout, needs);
    for (size_t i = 0; i < c.in.size(); ++i) {
      if (!needs[i] || !dx[i].defined()) continue;
      check_cotangent(*c.op, i, dx[i], in[i].array());
      accumulate(d[at(c.in[i])], dx[i]);
    }
  }

  // Per slot: is it, or does something that it was computed from have, a gradient to be returned?
  Flags lead_to_wanted(const Needs& needs) const {
    Flags leads(program_.slots.size(), false);
    for (size_t i = 0; i < leads.size(); ++i)
      if (const int input = program_.slots[i].input; input >= 0 && input < program_.entering)
        leads[i] = needs[at(input)];
    for (const Program::Call& c : program_.calls)
      if (any(of(leads, c.in)))
        for (const int slot : c.out) leads[at(slot)] = true;
    return leads;
  }

  // Per slot: does its tangent meet an s? The last layer's does not.
  Flags tangents_met(const Flags& wanted) const {
    Flags met(program_.slots.size(), false);
    for (auto c = program_.calls.rbegin(); c != program_.calls.rend(); ++c) {
      const bool onwards = any(of(met, c->out));
      const Flags w = of(wanted, c->in);
      const auto count = std::count(w.begin(), w.end(), true);
      for (size_t i = 0; i < c->in.size(); ++i) {
        if (!c->from_x[i]) continue;
        bool here = false;
        if (c->op->jacobian() == Jacobian::multilinear) here = count > (w[i] ? 1 : 0);
        if (c->op->jacobian() == Jacobian::general) here = count > 0;
        if (onwards || here) met[at(c->in[i])] = true;
      }
    }
    return met;
  }

  // The gradients of <dout, D(x)>, dout (N): D gives one number a sample, no sample acts on another and
  // no activation bends, so the cotangents are those of the seed 1, scaled.
  void scaled(const Tensors& in, const Tensors& out, const Tensor& dout, const Flags& wanted,
              Tensors& d) const {
    for (const Program::Call& c : program_.calls) {
      Flags w = of(wanted, c.in);
      for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] && !c.from_x[i];
      if (!any(w)) continue;
      Tensors sy(c.out.size());
      for (size_t j = 0; j < sy.size(); ++j)
        if (const Tensor& s = out[at(s_output_[at(c.out[j])])]; s.defined())
          sy[j] = scale_samples(dout, s);
      if (any_defined(sy)) add_vjp(c, values(in, c.in), values(in, c.out), sy, w, d);
    }
  }

  static bool something_enters(const Program::Call& c) {
    for (size_t i = 0; i < c.in.size(); ++i)
      if (c.in[i] >= 0 && !c.from_x[i]) return true;
    return false;
  }

  // u forward from v dP; d += d<s+, J u> of each call
  void tangents(const Tensors& in, const Tensors& out, const Tensor& dvalue, const Flags& wanted,
                const Flags& met, Tensors& d) const {
    if (!met[0]) return;
    Shape column = program_.slots[0].spec.shape();
    for (int i = 1; i < column.rank(); ++i) column[i] = 1;
    Tensors u(program_.slots.size()), s(program_.slots.size());
    u[0] = ops::mul(ops::reshape(ops::mul(out[kCoefficient], dvalue), column), out[kG]);
    for (size_t i = 0; i < s.size(); ++i)
      if (s_output_[i] >= 0) s[i] = out[at(s_output_[i])];
    for (const Program::Call& c : program_.calls) {
      const Tensors ux = of(u, c.in), sy = of(s, c.out);
      if (!any_defined(ux)) continue;
      const Flags w = of(wanted, c.in);
      const bool onwards = any(of(met, c.out)), second = any(w) && any_defined(sy);
      Tensors uy(c.out.size());
      {
        DerivativeOf scope(*c.op);
        if (c.op->jacobian() == Jacobian::general && second) {
          uy = general(c, values(in, c.in), values(in, c.out), ux, sy, w, d);
        } else {
          const Tensors x = values(in, c.in), y = values(in, c.out);
          if (c.op->jacobian() == Jacobian::multilinear && second)
            replace_factors(c, x, y, ux, sy, w, d);
          if (onwards) uy = c.op->jvp(x, y, ux);
        }
      }
      for (size_t j = 0; j < c.out.size(); ++j)
        if (onwards && met[at(c.out[j])]) u[at(c.out[j])] = uy[j];
    }
  }

  // J u is the sum over the factors of the op with that one replaced by its tangent.
  static void replace_factors(const Program::Call& c, const Tensors& x, const Tensors& y,
                              const Tensors& ux, const Tensors& sy, const Flags& wanted,
                              Tensors& d) {
    for (size_t i = 0; i < x.size(); ++i) {
      if (!ux[i].defined()) continue;
      Flags others = wanted;
      others[i] = false;
      if (!any(others)) continue;
      Tensors replaced = x;
      replaced[i] = ux[i];
      add_vjp(c, replaced, y, sy, others, d);
    }
  }

  // u+ = J u on a graph of this one node, and the derivatives of <s+, u+> in its inputs
  static Tensors general(const Program::Call& c, const Tensors& x, const Tensors& y,
                         const Tensors& ux, const Tensors& sy, const Flags& wanted, Tensors& d) {
    RecordGuard record(true);
    Tensors leaves(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      if (wanted[i]) {
        leaves[i] = x[i].detach();
        leaves[i].set_requires_grad(true);
      }
    const auto node = std::make_shared<Node>(c.op);
    const auto save = [](const Tensor& t) {
      return Saved{t.array(), t.array().has_data() ? t.array().version() : 0};
    };
    for (size_t i = 0; i < x.size(); ++i) {
      node->edges.push_back(leaves[i].edge());
      node->inputs.push_back(save(x[i]));
    }
    for (const Tensor& t : y) node->outputs.push_back(save(t));
    const Tensors uy = c.op->jvp(node->input_tensors(true), node->output_tensors(node, true), ux);
    Tensors ends, seeds, wrt;
    for (size_t j = 0; j < uy.size(); ++j)
      if (uy[j].defined() && uy[j].requires_grad() && sy[j].defined()) {
        ends.push_back(uy[j]);
        seeds.push_back(sy[j]);
      }
    for (const Tensor& leaf : leaves)
      if (leaf.defined()) wrt.push_back(leaf);
    const Tensors r = pygan::grad(ends, wrt, seeds, false, false, Unused::none);
    for (size_t i = 0, k = 0; i < x.size(); ++i)
      if (wanted[i]) accumulate(d[at(c.in[i])], r[k++]);
    Tensors tangents;
    for (const Tensor& t : uy) tangents.push_back(t.defined() ? t.detach() : t);
    return tangents;
  }

  Program program_;
  PenaltyCost cost_;
  double weight_;
  bool share_, scale_s_;
  std::vector<int> s_output_;  // per slot: the output that keeps its s, or -1
  size_t outputs_ = 0;
};

}  // namespace

PenaltyResult fused_penalty(const std::vector<Capture::Call>& calls, const Tensor& x,
                            const Tensor& out, PenaltyCost cost, double weight, bool share) {
  penalty::Captured captured = penalty::make_program(calls, x, out, share);
  if (!captured.why.empty()) return {Tensor(), Tensor(), captured.why};
  const Tensors y =
      apply_op<FusedPenalty>(captured.inputs, std::move(captured.program), cost, weight, share);
  return {y[0], y[1], ""};
}

}  // namespace pygan
