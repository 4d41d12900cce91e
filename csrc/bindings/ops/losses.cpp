// pygan.ops: losses.
#include "bindings/ops/bind.h"
#include "core/error.h"

namespace pygan::bindings {

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
        if (reduction != "mean" && reduction != "sum" && reduction != "none")
          throw ConfigError(
              "binary_cross_entropy_with_logits: reduction must be \"mean\", \"sum\" or \"none\", "
              "got \"" +
              reduction + "\"");
        return released([&] {
          const Tensor y = ops::bce_with_logits(x, t);
          return reduction == "none"  ? y
                 : reduction == "sum" ? ops::sum(y, {}, false)
                                      : ops::mean(y, {}, false);
        });
      },
      py::arg("logits"), py::arg("targets"), py::arg("reduction") = "mean",
      "bce_with_logits, reduced by \"mean\" (default), \"sum\" or \"none\".");
}

}  // namespace pygan::bindings
