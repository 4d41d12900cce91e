#include "core/node.h"

#include <atomic>

#include "core/autograd.h"
#include "core/error.h"

namespace pygan {
namespace {

std::atomic<uint64_t> next_sequence{0};
std::atomic<int64_t> node_count{0};

// Nodes whose last owner is a dying node wait here instead of being destroyed inside its
// destructor.
thread_local std::vector<std::shared_ptr<Node>>* graveyard = nullptr;

Tensor rewrap(const Op& op, const Saved& s, Edge edge) {
  if (s.changed())
    throw Error(std::string(op.name()) + ": the value " + s.array.str() +
                " that its derivative needs was changed in place (assign_) after the forward pass");
  return Tensor(s.array, std::move(edge));
}

}  // namespace

Node::Node(std::shared_ptr<const Op> o) : op(std::move(o)), sequence(next_sequence++) {
  ++node_count;
}

Node::~Node() {
  --node_count;
  std::vector<std::shared_ptr<Node>> mine;
  const bool outermost = graveyard == nullptr;
  if (outermost) graveyard = &mine;
  for (Edge& e : edges)
    if (e.node && e.node.use_count() == 1) graveyard->push_back(std::move(e.node));
  if (grad.edge().node) grad = Tensor();  // may own nodes as well
  if (!outermost) return;
  while (!mine.empty()) {
    std::shared_ptr<Node> n = std::move(mine.back());
    mine.pop_back();
    n.reset();
  }
  graveyard = nullptr;
}

Tensors Node::input_tensors(bool history) const {
  Tensors t;
  t.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    t.push_back(rewrap(*op, inputs[i], history ? edges[i] : Edge{}));
  return t;
}

Tensors Node::output_tensors(const std::shared_ptr<Node>& self, bool history) const {
  Tensors t;
  t.reserve(outputs.size());
  const uint32_t differentiable = op->differentiable_outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const bool connected =
        history && has_bit(differentiable, i) && is_float(outputs[i].array.dtype());
    t.push_back(rewrap(*op, outputs[i], connected ? Edge{self, static_cast<int>(i)} : Edge{}));
  }
  return t;
}

void Node::release() {
  for (auto* list : {&inputs, &outputs})
    for (Saved& s : *list)
      if (s.array.has_data()) s.array = s.array.as_spec();
  released = true;
}

int64_t live_nodes() { return node_count; }

bool Tensor::requires_grad() const {
  return edge_.node && (edge_.node->op || edge_.node->variable);
}

bool Tensor::is_leaf() const { return !edge_.node || !edge_.node->op; }

void Tensor::set_requires_grad(bool on) {
  if (!is_leaf())
    throw Error("requires_grad can be set on a leaf only: this tensor was made by " +
                std::string(edge_.node->op->name()) + "; detach() it first");
  if (on && !is_float(dtype()))
    throw DTypeError("only float32 and float64 tensors can require a gradient, this one is " +
                     array_.str());
  if (edge_.node)
    edge_.node->variable = on;  // the same variable as before, with its .grad and its graphs
  else if (on)
    edge_ = Edge{std::make_shared<Node>(nullptr), 0};
}

const Tensor& Tensor::grad() const {
  static const Tensor none;
  return edge_.node && !edge_.node->op ? edge_.node->grad : none;
}

void Tensor::set_grad(Tensor g) const {
  if (!g.defined() && !edge_.node) return;  // a constant has none
  if (!edge_.node || edge_.node->op) throw Error("only a leaf that requires a gradient has .grad");
  if (g.defined() && !(g.shape() == shape() && g.dtype() == dtype() && g.device() == device()))
    throw ShapeError("grad of " + array_.str() + " cannot be " + g.array().str());
  edge_.node->grad = std::move(g);
}

}  // namespace pygan
