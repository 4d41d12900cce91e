#include "core/autograd.h"

#include <algorithm>
#include <unordered_map>

#include "core/capture.h"
#include "core/error.h"
#include "core/node.h"
#include "ops/ops.h"

namespace pygan {
namespace {

Saved save(const Array& a, bool value) {
  if (!a.defined()) return {};
  if (!value || !a.has_data()) return {a.as_spec(), 0};
  return {a, a.version()};
}

// Is input i read by the derivative in any of the inputs that have one? An op that is linear in each
// input has, in input j, a derivative that the others alone decide.
bool is_read(const Op& op, size_t i, const Tensors& inputs) {
  if (op.jacobian() != Jacobian::multilinear) return true;
  for (size_t j = 0; j < inputs.size(); ++j)
    if (j != i && inputs[j].requires_grad()) return true;
  return false;
}

// What the traversal knows of a node.
struct Visit {
  std::shared_ptr<Node> node;
  Tensors dout;        // cotangent of each output, so far
  bool leads = false;  // it, or something it was computed from, is wanted
};

using Visits = std::unordered_map<const Node*, Visit>;

// All nodes that `roots` were computed from, no older than `oldest`, newest first.
std::vector<Visit*> collect(const Tensors& roots, uint64_t oldest, Visits& visits) {
  std::vector<Visit*> order;
  std::vector<std::shared_ptr<Node>> stack;
  auto visit = [&](const std::shared_ptr<Node>& n) {
    if (!n || n->sequence < oldest) return;
    auto [it, fresh] = visits.try_emplace(n.get());
    if (!fresh) return;
    it->second.node = n;
    it->second.dout.resize(n->op ? n->outputs.size() : 1);
    order.push_back(&it->second);
    stack.push_back(n);
  };
  for (const Tensor& r : roots) visit(r.edge().node);
  while (!stack.empty()) {
    const std::shared_ptr<Node> n = std::move(stack.back());
    stack.pop_back();
    for (const Edge& e : n->edges) visit(e.node);
  }
  std::sort(order.begin(), order.end(),
            [](const Visit* a, const Visit* b) { return a->node->sequence > b->node->sequence; });
  return order;
}

void accumulate(Tensor& sum, const Tensor& term) {
  sum = sum.defined() ? ops::add(sum, term) : term;
}

void seed(const Tensors& outputs, const Tensors& cotangents, Visits& visits) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    if (!is_float(y.dtype()))
      throw DTypeError("grad: output " + std::to_string(i) + ", " + y.array().str() +
                       ", has no derivative: only float32 and float64 have");
    Tensor dy = i < cotangents.size() ? cotangents[i] : Tensor();
    if (!dy.defined()) {
      if (y.size() != 1)
        throw ShapeError("grad: output " + std::to_string(i) + " is " + y.array().str() +
                         ", not a scalar: pass a cotangent of its shape");
      dy = Tensor(Array::full(y.shape(), 1.0, y.dtype(), y.device()));
    }
    if (dy.dtype() != y.dtype())
      throw DTypeError("grad: the cotangent of output " + std::to_string(i) + " is " +
                       dy.array().str() + ", the output is " + y.array().str());
    if (!(dy.shape() == y.shape()))
      throw ShapeError("grad: the cotangent of output " + std::to_string(i) + " is " +
                       dy.array().str() + ", the output is " + y.array().str());
    if (!y.requires_grad()) continue;
    const auto it = visits.find(y.edge().node.get());
    if (it != visits.end()) accumulate(it->second.dout[static_cast<size_t>(y.edge().index)], dy);
  }
}

thread_local const char* current_vjp = "";

// Runs one node's vjp and hands the results to its inputs' visits.
void propagate(Visit& v, bool create_graph, bool retain_graph, Visits& visits) {
  Node& n = *v.node;
  std::vector<Visit*> targets(n.edges.size(), nullptr);
  Needs needs(n.edges.size(), false);
  bool any = false;
  for (size_t i = 0; i < n.edges.size(); ++i) {
    if (!n.edges[i].node) continue;
    const auto it = visits.find(n.edges[i].node.get());
    if (it == visits.end() || !it->second.leads) continue;
    targets[i] = &it->second;
    needs[i] = any = true;
  }
  if (!any) return;
  if (n.released)
    throw Error(std::string(n.op->name()) +
                ": its saved values were released by an earlier grad or backward: pass "
                "retain_graph=True there");
  DerivativeOf scope(*n.op);
  const Tensors dx = n.op->vjp(n.input_tensors(create_graph),
                               n.output_tensors(v.node, create_graph), v.dout, needs);
  if (!retain_graph) n.release();
  for (size_t i = 0; i < n.edges.size(); ++i) {
    if (!targets[i] || !dx[i].defined()) continue;
    check_cotangent(*n.op, i, dx[i], n.inputs[i].array);
    accumulate(targets[i]->dout[static_cast<size_t>(n.edges[i].index)], dx[i]);
  }
}

// Reverse sweep over `order`; `take` sees each wanted node with its finished cotangents.
template <class Take>
void sweep(const std::vector<Visit*>& order, Visits& visits, bool create_graph, bool retain_graph,
           Take take) {
  for (auto it = order.rbegin(); it != order.rend(); ++it)
    for (const Edge& e : (*it)->node->edges) {
      if ((*it)->leads) break;
      const auto up = e.node ? visits.find(e.node.get()) : visits.end();
      if (up != visits.end() && up->second.leads) (*it)->leads = true;
    }
  RecordGuard record(create_graph);
  for (Visit* v : order) {
    if (!v->leads) continue;
    if (std::none_of(v->dout.begin(), v->dout.end(), [](const Tensor& t) { return t.defined(); }))
      continue;
    take(*v);
    if (v->node->op) propagate(*v, create_graph, retain_graph, visits);
    v->dout.clear();  // a cotangent lives no longer than it is needed
  }
}

thread_local bool recording_on = true;
thread_local bool check_finite_on = false;
thread_local TraceSink trace_sink;

}  // namespace

bool recording() { return recording_on; }
bool set_recording(bool on) { return std::exchange(recording_on, on); }
bool set_check_finite(bool on) { return std::exchange(check_finite_on, on); }
bool checking_finite() { return check_finite_on; }
const char* running_vjp() { return current_vjp; }
TraceSink set_trace_sink(TraceSink sink) { return std::exchange(trace_sink, std::move(sink)); }
const TraceSink& current_trace_sink() { return trace_sink; }

DerivativeOf::DerivativeOf(const Op& op) : before_(std::exchange(current_vjp, op.name())) {}
DerivativeOf::~DerivativeOf() { current_vjp = before_; }

void check_cotangent(const Op& op, size_t i, const Tensor& dx, const Array& x) {
  if (!(dx.shape() == x.shape()) || dx.dtype() != x.dtype())
    throw Error("vjp of " + std::string(op.name()) + " returned " + dx.array().str() +
                " for input " + std::to_string(i) + ", " + x.str());
}

RecordGuard::RecordGuard(bool on) : before_(set_recording(on)) {}
RecordGuard::~RecordGuard() { recording_on = before_; }
CheckFiniteGuard::CheckFiniteGuard(bool on) : before_(set_check_finite(on)) {}
CheckFiniteGuard::~CheckFiniteGuard() { check_finite_on = before_; }

Tensors apply(const std::shared_ptr<const Op>& op, const Tensors& inputs) {
  Arrays in;
  in.reserve(inputs.size());
  bool record = false;
  for (const Tensor& t : inputs) {
    in.push_back(t.array());
    record |= t.requires_grad();
  }
  record &= recording_on && op->differentiable();
  const Arrays out = evaluate(*op, in);
  Tensors result;
  result.reserve(out.size());
  if (!record) {
    for (const Array& a : out) result.emplace_back(a);
    return result;
  }
  auto node = std::make_shared<Node>(op);
  const Saves saves = op->saves();
  const uint32_t differentiable = op->differentiable_outputs();
  for (size_t i = 0; i < in.size(); ++i) {
    node->edges.push_back(inputs[i].requires_grad() ? inputs[i].edge() : Edge{});
    node->inputs.push_back(save(in[i], has_bit(saves.inputs, i) && is_read(*op, i, inputs)));
  }
  for (size_t i = 0; i < out.size(); ++i) {
    node->outputs.push_back(save(out[i], has_bit(saves.outputs, i)));
    const bool connected = has_bit(differentiable, i) && is_float(out[i].dtype());
    result.emplace_back(out[i], connected ? Edge{node, static_cast<int>(i)} : Edge{});
  }
  Capture::record(node, inputs);
  return result;
}

Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& cotangents,
             bool create_graph, bool retain_graph, Unused unused) {
  if (!cotangents.empty() && cotangents.size() != outputs.size())
    throw ShapeError("grad: " + std::to_string(outputs.size()) + " outputs but " +
                     std::to_string(cotangents.size()) + " cotangents");
  uint64_t oldest = ~uint64_t{0};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad())
      throw Error("grad: input " + std::to_string(i) + ", " + inputs[i].array().str() +
                  ", does not require a gradient: set requires_grad before it is used");
    oldest = std::min(oldest, inputs[i].edge().node->sequence);
  }
  Visits visits;
  const std::vector<Visit*> order = collect(outputs, oldest, visits);
  for (const Tensor& x : inputs)
    if (const auto it = visits.find(x.edge().node.get()); it != visits.end())
      it->second.leads = true;
  seed(outputs, cotangents, visits);

  Tensors result(inputs.size());
  std::unordered_map<const Node*, std::vector<size_t>> wanted;
  for (size_t i = 0; i < inputs.size(); ++i) wanted[inputs[i].edge().node.get()].push_back(i);
  sweep(order, visits, create_graph, retain_graph, [&](Visit& v) {
    if (const auto it = wanted.find(v.node.get()); it != wanted.end())
      for (size_t i : it->second) result[i] = v.dout[static_cast<size_t>(inputs[i].edge().index)];
  });
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (result[i].defined() || unused == Unused::none) continue;
    if (unused == Unused::raise)
      throw Error("grad: the outputs do not depend on input " + std::to_string(i) + ", " +
                  inputs[i].array().str() + ": pass unused=\"zero\" or \"none\" if that is meant");
    result[i] = Tensor(Array::zeros(inputs[i].shape(), inputs[i].dtype(), inputs[i].device()));
  }
  return result;
}

void backward(const Tensors& outputs, const Tensors& cotangents, bool create_graph,
              bool retain_graph) {
  if (std::none_of(outputs.begin(), outputs.end(),
                   [](const Tensor& t) { return t.requires_grad(); }))
    throw Error(
        "backward: nothing that this tensor was computed from requires a gradient (made under "
        "no_grad?)");
  Visits visits;
  const std::vector<Visit*> order = collect(outputs, 0, visits);
  for (Visit* v : order) v->leads = !v->node->op && v->node->variable;
  seed(outputs, cotangents, visits);
  // Gradients are stored after the sweep has succeeded: an error leaves every .grad as it was.
  std::vector<std::pair<std::shared_ptr<Node>, Tensor>> leaves;
  sweep(order, visits, create_graph, retain_graph, [&](Visit& v) {
    if (!v.node->op) leaves.emplace_back(v.node, v.dout[0]);
  });
  RecordGuard record(create_graph);
  for (auto& [leaf, g] : leaves) {
    // A gradient may be another's memory, or the caller's cotangent: .grad is a leaf's own.
    if (!leaf->grad.defined() && g.array().storage().use_count() > 1) g = ops::scale(g, 1.0);
    accumulate(leaf->grad, g);
  }
}

Tensors jvp(const Tensors& outputs, const Tensors& inputs, const Tensors& tangents) {
  if (inputs.size() != tangents.size())
    throw ShapeError("jvp: " + std::to_string(inputs.size()) + " inputs but " +
                     std::to_string(tangents.size()) + " tangents");
  uint64_t oldest = ~uint64_t{0};
  for (const Tensor& x : inputs) {
    if (!x.requires_grad())
      throw Error("jvp: input " + x.array().str() + " does not require a gradient");
    oldest = std::min(oldest, x.edge().node->sequence);
  }
  Visits visits;  // .dout holds tangents here
  const std::vector<Visit*> order = collect(outputs, oldest, visits);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor &x = inputs[i], &t = tangents[i];
    if (!(t.shape() == x.shape()) || t.dtype() != x.dtype())
      throw ShapeError("jvp: the tangent of " + x.array().str() + " is " + t.array().str());
    if (const auto it = visits.find(x.edge().node.get()); it != visits.end())
      accumulate(it->second.dout[static_cast<size_t>(x.edge().index)], t);
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const Node& n = *(*it)->node;
    if (!n.op) continue;
    Tensors tx(n.edges.size());
    bool any = false;
    for (size_t i = 0; i < n.edges.size(); ++i) {
      const auto up = n.edges[i].node ? visits.find(n.edges[i].node.get()) : visits.end();
      if (up == visits.end()) continue;
      tx[i] = up->second.dout[static_cast<size_t>(n.edges[i].index)];
      any |= tx[i].defined();
    }
    if (!any) continue;
    if (n.released)
      throw Error(std::string(n.op->name()) +
                  ": its saved values were released by an earlier grad or "
                  "backward: pass retain_graph=True there");
    const Tensors ty = n.op->jvp(n.input_tensors(true), n.output_tensors((*it)->node, true), tx);
    for (size_t i = 0; i < ty.size(); ++i)
      if (ty[i].defined()) accumulate((*it)->dout[i], ty[i]);
  }
  Tensors result;
  for (const Tensor& y : outputs) {
    const auto it = y.edge().node ? visits.find(y.edge().node.get()) : visits.end();
    Tensor t = it == visits.end() ? Tensor() : it->second.dout[static_cast<size_t>(y.edge().index)];
    result.push_back(t.defined() ? t : Tensor(Array::zeros(y.shape(), y.dtype(), y.device())));
  }
  return result;
}

}  // namespace pygan
