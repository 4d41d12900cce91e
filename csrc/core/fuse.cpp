// A recorded step's products take over what follows them elementwise: bias, leaky_relu, or the
// leaky_relu's derivative of the layer before. The result is written once instead of read and written
// again and again; its bits are those of the ops one by one.
#include "core/recording.h"

namespace pygan {
namespace {

constexpr int64_t kColumns = 16;  // fewer are not worth a loop of their own

// `product`, then what its After says. inputs: the product's; the bias, if any; the mask, if any.
class Fused final : public Op {
 public:
  Fused(std::shared_ptr<const Op> product, size_t inputs) : product_(product), inputs_(inputs) {}
  const char* name() const override { return product_->name(); }
  Arrays eval(const Arrays& in) const override {
    After after{{}, then, {}};
    size_t next = inputs_;
    if (bias) after.bias = in[next++];
    if (then.kind == Pointwise::Kind::leaky_relu_grad) after.mask = in[next];
    return product_->eval_then(
        Arrays(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(inputs_)), after);
  }
  double flops(const Arrays& in, const Arrays& out) const override {
    return product_->flops(in, out);
  }

  bool bias = false;
  Pointwise then;

 private:
  std::shared_ptr<const Op> product_;
  size_t inputs_;
};

}  // namespace

void StepRecording::fuse() {
  const size_t none = calls_.size();
  std::vector<int> uses(slots_.size(), 0);        // by calls, and as a result of the step
  std::vector<size_t> user(slots_.size(), none);  // the last of them
  std::vector<size_t> maker(slots_.size(), 0);    // the call that makes it; 0: known before
  std::vector<bool> late(slots_.size(), false);   // an input that comes after the check
  for (size_t i = 0; i < calls_.size(); ++i) {
    for (const int s : calls_[i].in)
      if (s >= 0) ++uses[static_cast<size_t>(s)], user[static_cast<size_t>(s)] = i;
    for (const int s : calls_[i].out)
      if (s >= 0) maker[static_cast<size_t>(s)] = i;
  }
  for (const int s : outputs_)
    if (s >= 0) ++uses[static_cast<size_t>(s)];
  for (size_t i = before_check_; i < inputs_.size(); ++i)
    late[static_cast<size_t>(inputs_[i])] = true;

  std::vector<bool> gone(calls_.size(), false);
  for (size_t i = 0; i < calls_.size(); ++i) {
    Call& c = calls_[i];
    if (c.kind != Call::Kind::op || !c.op->fuses() || c.out[0] < 0) continue;
    const Array& y = slots_[static_cast<size_t>(c.out[0])].array;
    if (y.device() != Device::cpu || y.rank() < 1 || y.shape().back() < kColumns) continue;
    auto fused = std::make_shared<Fused>(c.op, c.in.size());
    bool any = false;
    // The next op on the result, if it is the only one, and its other operand was there before.
    const auto next = [&]() -> Call* {
      const size_t slot = static_cast<size_t>(c.out[0]);
      const size_t at = user[slot];
      if (uses[slot] != 1 || at == none) return nullptr;
      Call& n = calls_[at];
      if (n.kind != Call::Kind::op || n.in[0] != c.out[0]) return nullptr;
      for (size_t k = i + 1; k < at; ++k)
        if (calls_[k].kind == Call::Kind::update || calls_[k].kind == Call::Kind::check)
          return nullptr;
      if (n.in.size() > 1) {
        const size_t other = static_cast<size_t>(n.in[1]);
        if (n.in[1] < 0 || n.in[1] == c.out[0] || maker[other] > i || late[other]) return nullptr;
      }
      return &n;
    };
    const auto take = [&](Call& n) {
      c.in.insert(c.in.end(), n.in.begin() + 1, n.in.end());
      c.out = n.out;
      n.out.clear();
      gone[static_cast<size_t>(&n - calls_.data())] = any = true;
    };
    if (Call* n = next();
        n && n->op->pointwise().kind == Pointwise::Kind::add &&
        slots_[static_cast<size_t>(n->in[1])].array.shape() == Shape{y.shape().back()}) {
      fused->bias = true;
      take(*n);
    }
    if (Call* n = next(); n) {
      const Pointwise then = n->op->pointwise();
      if (then.kind == Pointwise::Kind::leaky_relu ||
          (then.kind == Pointwise::Kind::leaky_relu_grad &&
           slots_[static_cast<size_t>(n->in[1])].array.shape() == y.shape())) {
        fused->then = then;
        take(*n);
      }
    }
    if (any) c.op = std::move(fused);
  }
  std::vector<Call> kept;
  for (size_t i = 0; i < calls_.size(); ++i)
    if (!gone[i]) kept.push_back(std::move(calls_[i]));
  calls_ = std::move(kept);
}

}  // namespace pygan
