#include "ops/gradient_penalty/program.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace pygan::penalty {
namespace {

class Builder {
 public:
  Builder(const std::vector<Capture::Call>& calls, const Tensor& x) : calls_(calls), x_(x) {
    for (size_t k = 0; k < calls.size(); ++k) position_.emplace(calls[k].node.get(), k);
    slots_of_.resize(calls.size());
    enter(x.detach());
  }

  Captured build(const Tensor& out, bool keep_out) {
    const Edge& end = out.edge();
    if (!from_x(end))
      return refuse("D's output does not depend on its input, or not by recorded operations");
    std::vector<bool> reached = reach(end);
    for (size_t k = 0; k < calls_.size(); ++k) {
      if (!reached[k]) continue;
      std::string why = refusal(calls_[k]);
      if (!why.empty()) return refuse(std::move(why));
      add(k);
    }
    program_.entering = static_cast<int>(inputs_.size());
    for (size_t k = 0; k < calls_.size(); ++k)
      if (reached[k]) keep_values(k);
    if (keep_out) keep(slot_of(end), out.array());
    for (const Tensor& t : inputs_)
      if (t.defined() && t.device() != x_.device()) return refuse("D uses two devices");
    program_.out = slot_of(end);
    return {std::move(program_), std::move(inputs_), ""};
  }

 private:
  static Captured refuse(std::string why) { return {{}, {}, std::move(why)}; }

  bool from_x(const Edge& e) const {
    if (e.node && e.node == x_.edge().node) return true;
    const auto it = e.node ? position_.find(e.node.get()) : position_.end();
    return it != position_.end() &&
           e.node->op->depends(static_cast<size_t>(e.index), calls_[it->second].from_x);
  }

  // The calls that the end of `e` depends on.
  std::vector<bool> reach(const Edge& e) const {
    std::vector<bool> reached(calls_.size(), false);
    const auto mark = [&](const Node* n) {
      if (const auto it = position_.find(n); it != position_.end()) reached[it->second] = true;
    };
    mark(e.node.get());
    for (size_t k = calls_.size(); k-- > 0;) {
      if (!reached[k]) continue;
      for (size_t i = 0; i < calls_[k].from_x.size(); ++i)
        if (calls_[k].from_x[i]) mark(calls_[k].node->edges[i].node.get());
    }
    return reached;
  }

  std::string refusal(const Capture::Call& call) const {
    const Node& n = *call.node;
    const std::string name = n.op->name();
    if (n.released) return "D differentiated through its own " + name;
    for (size_t i = 0; i < call.from_x.size(); ++i) {
      if (call.from_x[i] && !from_x(n.edges[i])) return "D set its input anew";
      if (!call.from_x[i] && call.others[i].defined() && hidden(call.others[i].edge()))
        return "D ran operations on x in another thread";
    }
    for (size_t i = 0; i < call.others.size(); ++i)
      if (const Array& a = call.others[i].array(); a.has_data() && a.version() != call.versions[i])
        return "D changed an input of its " + name + " in place";
    for (const auto* list : {&n.inputs, &n.outputs})
      for (const Saved& s : *list)
        if (s.changed()) return "D changed a value of its " + name + " in place";
    if (x_.dim(0) == 1) return "";
    Arrays in, out;
    for (const Saved& s : n.inputs) in.push_back(s.array);
    for (const Saved& s : n.outputs) out.push_back(s.array);
    if (!n.op->keeps_samples(in, call.from_x, out, x_.dim(0))) return name + " may mix samples";
    return "";
  }

  // Does x reach `e` by operations that the capture did not see? What is older than x does not count.
  bool hidden(const Edge& e) const {
    const Node* x = x_.edge().node.get();
    std::vector<const Node*> todo;
    std::unordered_set<const Node*> seen;
    const auto visit = [&](const Edge& f) {
      const Node* n = f.node.get();
      if (n && !position_.count(n) && n->sequence > x->sequence && seen.insert(n).second)
        todo.push_back(n);
    };
    visit(e);
    while (!todo.empty()) {
      const Node* n = todo.back();
      todo.pop_back();
      for (const Edge& f : n->edges) {
        if (from_x(f)) return true;
        visit(f);
      }
    }
    return false;
  }

  int add_slot(const Array& a, int input = -1) {
    program_.slots.push_back({a.defined() ? a.as_spec() : Array(), input});
    return static_cast<int>(program_.slots.size()) - 1;
  }

  // A tensor from outside; one that enters twice is one input, with one gradient. It is never x^, not
  // even where it holds the same values (x.detach() inside D): no tangent reaches it.
  int enter(const Tensor& t) {
    for (size_t i = 1; i < inputs_.size(); ++i) {
      const Tensor& known = inputs_[i];
      const bool same_edge =
          known.edge().node == t.edge().node && known.edge().index == t.edge().index;
      const bool same_memory = known.array().data() == t.array().data() &&
                               known.shape() == t.shape() && known.dtype() == t.dtype();
      if (same_edge && (t.edge().node || same_memory)) return slot_of_input_[i];
    }
    inputs_.push_back(t);
    slot_of_input_.push_back(add_slot(t.array(), static_cast<int>(inputs_.size()) - 1));
    return slot_of_input_.back();
  }

  int slot_of(const Edge& e) const {
    if (e.node == x_.edge().node) return 0;
    return slots_of_[position_.at(e.node.get())][static_cast<size_t>(e.index)];
  }

  void add(size_t k) {
    const Capture::Call& call = calls_[k];
    const Node& n = *call.node;
    Program::Call c{n.op, {}, {}, call.from_x};
    for (size_t i = 0; i < call.from_x.size(); ++i) {
      if (call.from_x[i])
        c.in.push_back(slot_of(n.edges[i]));
      else
        c.in.push_back(call.others[i].defined() ? enter(call.others[i]) : -1);
    }
    for (const Saved& s : n.outputs) c.out.push_back(add_slot(s.array));
    slots_of_[k] = c.out;
    program_.calls.push_back(std::move(c));
  }

  // What the node saved of values that come from x.
  void keep_values(size_t k) {
    const Node& n = *calls_[k].node;
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (calls_[k].from_x[i]) keep(slot_of(n.edges[i]), n.inputs[i].array);
    for (size_t j = 0; j < n.outputs.size(); ++j) keep(slots_of_[k][j], n.outputs[j].array);
  }

  void keep(int slot, const Array& a) {
    Program::Slot& s = program_.slots[static_cast<size_t>(slot)];
    if (s.input >= 0 || !a.has_data()) return;
    s.input = static_cast<int>(inputs_.size());
    inputs_.emplace_back(a);
  }

  const std::vector<Capture::Call>& calls_;
  const Tensor& x_;
  std::unordered_map<const Node*, size_t> position_;  // in calls_
  std::vector<std::vector<int>> slots_of_;            // of a call's outputs
  Program program_;
  Tensors inputs_;
  std::vector<int> slot_of_input_;
};

}  // namespace

Captured make_program(const std::vector<Capture::Call>& calls, const Tensor& x, const Tensor& out,
                      bool keep_out) {
  return Builder(calls, x).build(out, keep_out);
}

}  // namespace pygan::penalty
