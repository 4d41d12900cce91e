// Capture: the operations that a thread records between one tensor and what is computed from it.
//
//     Capture capture(x);
//     Tensor y = f(x);               // any function: what it applies to x's descendants is noted
//     capture.calls()                // in the order of their evaluation, a topological one
//
// A node keeps the values that its derivative needs. A call keeps the other inputs too, as far as
// they do not come from x (constants, weights, what was computed from weights): with them the same
// function can be evaluated again.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/node.h"

namespace pygan {

class Capture {
 public:
  struct Call {
    std::shared_ptr<Node> node;
    std::vector<bool> from_x;        // per input: computed from x
    Tensors others;                  // per input: the tensor where it is not, else undefined
    std::vector<uint64_t> versions;  // of the others, at the call
  };

  explicit Capture(const Tensor& x);  // starts; x must require a gradient
  ~Capture();                         // stops, on the thread that started; captures nest
  Capture(const Capture&) = delete;

  const std::vector<Call>& calls() const { return calls_; }
  std::vector<Call> take() { return std::move(calls_); }

  // Called by apply for every node that it records.
  static void record(const std::shared_ptr<Node>& node, const Tensors& inputs);

 private:
  void note(const std::shared_ptr<Node>& node, const Tensors& inputs);

  std::shared_ptr<Node> x_;
  std::unordered_map<const Node*, size_t> position_;  // in calls_
  std::vector<Call> calls_;
  Capture* outer_;
};

}  // namespace pygan
