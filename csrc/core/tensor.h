// Tensor: an Array and its place in the graph. A vjp sees Tensors only, so it cannot reach for a
// kernel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/array.h"

namespace pygan {

class Op;
struct Node;

// Output `index` of `node`; a leaf (a variable that a user made) is output 0 of a node without an
// op.
struct Edge {
  std::shared_ptr<Node> node;
  int index = 0;
};

class Tensor {
 public:
  Tensor() = default;  // undefined: zero
  explicit Tensor(Array a) : array_(std::move(a)) {}
  Tensor(Array a, Edge e) : array_(std::move(a)), edge_(std::move(e)) {}

  bool defined() const { return array_.defined(); }
  const Array& array() const { return array_; }
  const Shape& shape() const { return array_.shape(); }
  int rank() const { return array_.rank(); }
  int64_t dim(int i) const { return array_.dim(i); }
  int64_t size() const { return array_.size(); }
  DType dtype() const { return array_.dtype(); }
  Device device() const { return array_.device(); }

  const Edge& edge() const { return edge_; }
  bool requires_grad() const;                       // computed from a variable, or one itself
  bool is_leaf() const;                             // no op made it
  void set_requires_grad(bool);                     // of a leaf; Error otherwise
  Tensor detach() const { return Tensor(array_); }  // same memory, no history
  const Tensor& grad() const;  // of a leaf: what backward() accumulated; may be undefined
  void set_grad(Tensor) const;

 private:
  Array array_;
  Edge edge_;
};

using Tensors = std::vector<Tensor>;

}  // namespace pygan
