// apply records, grad differentiates. Formulas: reverse mode, dx_i = sum over paths of vjp's; every
// vjp is made of ops, so with create_graph the result can be differentiated again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/op.h"
#include "core/tensor.h"

namespace pygan {

// The only place that records a node: evaluates `op`, and keeps an edge to each input's node when
// recording is on, some input requires a gradient and the op is differentiable.
Tensors apply(const std::shared_ptr<const Op>& op, const Tensors& inputs);

// eval without a graph, with the tracing, finite-checking and device checks that apply shares.
Arrays evaluate(const Op& op, const Arrays& inputs);

template <class O, class... Args>
Tensors apply_op(const Tensors& inputs, Args&&... args) {
  return pygan::apply(std::make_shared<const O>(std::forward<Args>(args)...), inputs);
}

enum class Unused { zero, none, raise };

// d(sum_i <outputs_i, cotangents_i>) / d inputs. An undefined cotangent is 1 and only for a
// one-element output. create_graph: the result is recorded itself. retain_graph false releases
// saved arrays as the traversal passes them.
Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& cotangents,
             bool create_graph, bool retain_graph, Unused unused);

// Accumulates into .grad of every leaf that `output` depends on.
void backward(const Tensors& outputs, const Tensors& cotangents, bool create_graph,
              bool retain_graph);

// J t: tangents of the outputs for tangents of the inputs, forward along the recorded nodes, whose
// saved values it reads and keeps.
Tensors jvp(const Tensors& outputs, const Tensors& inputs, const Tensors& tangents);

bool recording();    // of this thread
class RecordGuard {  // sets recording for this scope
 public:
  explicit RecordGuard(bool on);
  ~RecordGuard();
  RecordGuard(const RecordGuard&) = delete;

 private:
  bool before_;
};

// Every evaluate of this thread is checked: the first op that makes (or is given) a NaN or Inf
// raises NonFiniteError by name.
class CheckFiniteGuard {
 public:
  explicit CheckFiniteGuard(bool on);
  ~CheckFiniteGuard();
  CheckFiniteGuard(const CheckFiniteGuard&) = delete;

 private:
  bool before_;
};
bool set_check_finite(bool on);  // returns the setting before
bool set_recording(bool on);

// One line of a trace: what `evaluate` saw.
struct TraceEvent {
  std::string op, parent;                    // parent: the op whose vjp ran this one, or ""
  std::vector<std::string> inputs, outputs;  // "float32 (2, 3) on cpu"
  double flops = 0, bytes = 0, seconds = 0;
};
// Events of this thread go to `sink` until it is removed with an empty function. Returns the sink
// before.
using TraceSink = std::function<void(const TraceEvent&)>;
TraceSink set_trace_sink(TraceSink sink);

// Live graph nodes of the process: constant over training steps, or something leaks.
int64_t live_nodes();

}  // namespace pygan
