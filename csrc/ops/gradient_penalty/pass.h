// The gradient penalty as one op that holds the critic's recorded subgraph.
//
// For the calls h+ = f(h; W) between x^ and the critic's output, J the Jacobian in h:
//
//   eval   s = J^T s+, from s = 1 at the output       backward-data: sums all outputs of a sample
//          g = s at x^,  P = cost(g),  v = dP/dg
//   vjp    u+ = J u, from u = v dP at x^               tangents
//          dW += d<s+, J(W) u>/dW                     r = d<s+, J(h) u>/dh, where f is not linear
//          q = r + J^T q+,  dW += f's own vjp at q+    only where there is an r
//
// since dP/dW = d<v, J^T 1>/dW = d<1, J v>/dW with v held. P needs the forward pass, which is the
// recording itself, and s; its gradient two more passes for piecewise linear activations, four for
// smooth ones. A generic double backward reads the same values and takes more.
//
// All that an op must bring is a jvp made of ops: <s+, J u> is differentiated on a graph of that one
// node. Where Op::jacobian() says that f is linear in each input, one factor is replaced instead and
// nothing is evaluated twice; where J is constant there is no term.
//
// Shared with a loss of the same out (R1, R2: the penalty is at the samples themselves), the forward
// pass is one. The loss's cotangent joins q, so where that pass runs anyway it costs nothing. Where D
// is piecewise linear and gives one number a sample, its cotangents are s scaled by one number a sample:
// weight gradients are all that the loss adds.
//
// The op holds no values: x^, every tensor that enters (weights, which may have been computed), and
// what the forward pass saved are its inputs, s its outputs. So a weight changed in place, or saved
// values released, raise as for any op. Being recorded itself (create_graph), its vjp differentiates
// the generic form instead, which evaluates the calls again in plain ops.
//
// Source: the derivation is Pearlmutter 1994, "Fast exact multiplication by the Hessian", applied to
// the gradient in the input; the penalty is Gulrajani et al. 2017, equation 3.
#pragma once

#include <string>
#include <vector>

#include "core/capture.h"
#include "ops/gradient_penalty/gradient_penalty.h"

namespace pygan {

struct PenaltyResult {
  Tensor value;     // (), or undefined where the pass cannot be built
  Tensor out;       // where it is shared
  std::string why;  // why not
};

// weight mean_b cost(|d sum out_b / d x_b|) of what was captured from x to out. share: the same op gives
// out too, to the loss at the same points.
PenaltyResult fused_penalty(const std::vector<Capture::Call>& calls, const Tensor& x,
                            const Tensor& out, PenaltyCost cost, double weight, bool share);

}  // namespace pygan
