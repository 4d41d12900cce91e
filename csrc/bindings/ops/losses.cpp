// pygan.ops: losses.
#include "bindings/ops/bind.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

ops::Reduction to_reduction(const char* op, const std::string& name) {
  if (name == "mean") return ops::Reduction::mean;
  if (name == "sum") return ops::Reduction::sum;
  if (name == "none") return ops::Reduction::none;
  throw ConfigError(std::string(op) + ": reduction must be \"mean\", \"sum\" or \"none\", got \"" +
                    name + "\"");
}

}  // namespace

void bind_losses(py::module_& m) {
  m.def(
      "bce_with_logits",
      [](const Tensor& x, const Tensor& t) {
        return released([&] { return ops::bce_with_logits(x, t); });
      },
      py::arg("logits"), py::arg("targets"),
      "softplus(x) - t x, elementwise: binary cross-entropy of a logit, stable for any x.");
  m.def(
      "binary_cross_entropy_with_logits",
      [](const Tensor& x, const Tensor& t, const std::string& reduction) {
        const ops::Reduction r = to_reduction("binary_cross_entropy_with_logits", reduction);
        return released([&] {
          const Tensor y = ops::bce_with_logits(x, t);
          return r == ops::Reduction::none  ? y
                 : r == ops::Reduction::sum ? ops::sum(y, {}, false)
                                            : ops::mean(y, {}, false);
        });
      },
      py::arg("logits"), py::arg("targets"), py::arg("reduction") = "mean",
      "bce_with_logits, reduced by \"mean\" (default), \"sum\" or \"none\".");
  m.def(
      "logistic_loss",
      [](const Tensor& x, double target) {
        return released([&] { return ops::logistic_loss(x, target); });
      },
      py::arg("logits"), py::arg("target"),
      R"(mean(softplus(x) - t x): the cross-entropy of sigmoid(x) against one constant target t, fused both ways.

logits: of any shape, at least one -> a scalar. Gradient: ((1 - t) sigmoid(x) - t sigmoid(-x)) / n.)");
  m.def(
      "logistic_loss_grad",
      [](const Tensor& x, const Tensor& dy, double target) {
        return released([&] { return ops::logistic_loss_grad(x, dy, target); });
      },
      py::arg("logits"), py::arg("dy"), py::arg("target"),
      "The gradient of logistic_loss in its logits; dy a scalar.");
  m.def(
      "softmax",
      [](const Tensor& x, int axis) { return released([&] { return ops::softmax(x, axis); }); },
      py::arg("x"), py::arg("axis") = -1,
      "e^x / sum e^x along one axis, for x of any size; 0 where x is -inf.");
  m.def(
      "log_softmax",
      [](const Tensor& x, int axis) { return released([&] { return ops::log_softmax(x, axis); }); },
      py::arg("x"), py::arg("axis") = -1,
      "x - log sum e^x along one axis, for x of any size; -inf where x is.");
  m.def(
      "softmax_cross_entropy",
      [](const Tensor& x, const Tensor& t) {
        return released([&] { return ops::softmax_cross_entropy(x, t); });
      },
      py::arg("logits"), py::arg("targets"),
      "cross_entropy_with_logits of each row, not reduced: logits (N, K) -> (N,).");
  m.def(
      "softmax_cross_entropy_grad",
      [](const Tensor& x, const Tensor& t, const Tensor& dy) {
        return released([&] { return ops::softmax_cross_entropy_grad(x, t, dy); });
      },
      py::arg("logits"), py::arg("targets"), py::arg("dy"),
      "dy (softmax(logits) sum t - t): the gradient of softmax_cross_entropy in its logits, dy "
      "(N,).");
  m.def(
      "cross_entropy_with_logits",
      [](const Tensor& x, const Tensor& t, const std::string& reduction, double smoothing) {
        const ops::Reduction r = to_reduction("cross_entropy_with_logits", reduction);
        return released([&] { return ops::cross_entropy_with_logits(x, t, r, smoothing); });
      },
      py::arg("logits"), py::arg("targets"), py::arg("reduction") = "mean",
      py::arg("label_smoothing") = 0.0,
      R"(-sum_k t_k log softmax(logits)_k of each row, reduced by "mean" (default), "sum" or "none".

logits (N, K); targets: int64 classes (N,), or probabilities (N, K) in the logits' dtype.
label_smoothing a: (1 - a) t + a / K takes t's place (Szegedy et al. 2016).
ShapeError names the first class that is not in [0, K).)");
}

}  // namespace pygan::bindings
