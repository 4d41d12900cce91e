// logistic_loss: the cross-entropy of sigmoid(x) against one constant target t, the mean of all logits.
// What a discriminator pays for the samples of one class, in one pass each way.
//
//   y  = 1/n sum_i softplus(x_i) - t x_i                      x (...), n >= 1 logits; y ()
//   dx = dy/n ((1 - t) sigmoid(x) - t sigmoid(-x))            logistic_loss_grad; for t = 0 or 1 no
//                                                             digit of a small slope is lost, which
//                                                             sigmoid(x) - t would cancel
//
// logistic_loss_grad is differentiable itself: its reference is that formula in plain ops.
//
// Errors: ShapeError for no logits, or a dy that is not (); DTypeError; ConfigError for a target that is
// not finite.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

// Logits whose sum is one partial sum: by their number alone, never by the threads.
constexpr int64_t kLogisticChunk = 4096;

struct LogisticLossArgs {
  int64_t n;
  double target;
  const void* x;    // (n)
  double* partial;  // (ceil(n / kLogisticChunk)), work
  void* y;          // ()
  bool f64;
};

struct LogisticLossGradArgs {
  int64_t n;
  double target;
  const void* x;   // (n)
  const void* dy;  // ()
  void* dx;        // (n)
  bool f64;
};

PYGAN_DECLARE_ISA(void, logistic_loss, (const LogisticLossArgs& args))
PYGAN_DECLARE_ISA(void, logistic_loss_grad, (const LogisticLossGradArgs& args))

struct LogisticLossKernel {
  static constexpr const char* name = "logistic_loss";
  using Fn = void (*)(const LogisticLossArgs&);
};
struct LogisticLossGradKernel {
  static constexpr const char* name = "logistic_loss_grad";
  using Fn = void (*)(const LogisticLossGradArgs&);
};

}  // namespace pygan
