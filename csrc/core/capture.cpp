#include "core/capture.h"

#include <algorithm>
#include <utility>

namespace pygan {
namespace {

thread_local Capture* innermost = nullptr;

}  // namespace

Capture::Capture(const Tensor& x) : x_(x.edge().node), outer_(std::exchange(innermost, this)) {}
Capture::~Capture() { innermost = outer_; }

void Capture::record(const std::shared_ptr<Node>& node, const Tensors& inputs) {
  for (Capture* c = innermost; c; c = c->outer_) c->note(node, inputs);
}

void Capture::note(const std::shared_ptr<Node>& node, const Tensors& inputs) {
  Call call{node, {}, {}, {}};
  for (const Tensor& t : inputs) {
    const Edge& e = t.edge();
    const auto it = e.node ? position_.find(e.node.get()) : position_.end();
    bool from_x = e.node && e.node == x_;
    if (it != position_.end()) {
      const Call& producer = calls_[it->second];
      from_x = producer.node->op->depends(static_cast<size_t>(e.index), producer.from_x);
    }
    call.from_x.push_back(from_x);
    call.others.push_back(from_x ? Tensor() : t);
    call.versions.push_back(!from_x && t.array().has_data() ? t.array().version() : 0);
  }
  if (std::none_of(call.from_x.begin(), call.from_x.end(), [](bool b) { return b; })) return;
  position_.emplace(node.get(), calls_.size());
  calls_.push_back(std::move(call));
}

}  // namespace pygan
