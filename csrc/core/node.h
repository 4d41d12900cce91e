// Node: one recorded operation, or a leaf. It keeps edges to its inputs' nodes and only the Arrays
// its Op declares it needs; a kept output is an Array, never a Tensor, so recording makes no cycles.
#pragma once

#include <memory>
#include <vector>

#include "core/op.h"
#include "core/tensor.h"

namespace pygan {

// A value that the backward pass will read, and its storage's version then.
struct Saved {
  Array array;  // without data where the op does not need the value
  uint64_t version = 0;
  bool changed() const { return array.has_data() && array.version() != version; }
};

struct Node {
  explicit Node(std::shared_ptr<const Op> op);
  ~Node();  // iterative: a chain of 100,000 nodes must not recurse
  Node(const Node&) = delete;

  // Rewraps the saved values; with `history`, connected to the graph again so that vjp's can be
  // recorded.
  Tensors input_tensors(bool history) const;
  Tensors output_tensors(const std::shared_ptr<Node>& self, bool history) const;
  void release();  // drops the saved values; a later use raises

  std::shared_ptr<const Op> op;  // null: a leaf
  std::vector<Edge> edges;       // per input; node null: constant
  std::vector<Saved> inputs, outputs;
  uint64_t sequence;  // grows along every edge from input to consumer: descending order is a
                      // topological order
  bool released = false;
  // Of a leaf: whether it is a variable now, and what backward() accumulated. A gradient recorded with
  // create_graph owns the graph that owns this leaf: the one cycle there is; clear .grad to break it.
  bool variable = true;
  Tensor grad;
};

// Error where a vjp's result for input i does not have the input's shape and dtype.
void check_cotangent(const Op& op, size_t i, const Tensor& dx, const Array& x);

// What runs in this scope is work for the derivative of `op`: in traces and in errors.
class DerivativeOf {
 public:
  explicit DerivativeOf(const Op& op);
  ~DerivativeOf();
  DerivativeOf(const DerivativeOf&) = delete;

 private:
  const char* before_;
};

}  // namespace pygan
