// pygan.ops: normalisation.
#include "bindings/ops/bind.h"

namespace pygan::bindings {
namespace {

Tensor optional(const std::optional<Tensor>& t) { return t.value_or(Tensor()); }

}  // namespace

void bind_norms(py::module_& m) {
  m.def(
      "batch_norm",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        const ops::BatchNormOut o = released([&] { return ops::batch_norm(x, w, b, eps); });
        return py::make_tuple(o.y, o.mean, o.var);
      },
      py::arg("x"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5,
      R"(Batch normalisation with the batch's own statistics (Ioffe and Szegedy 2015), over all axes but the last.

y = (x - mean) / sqrt(var + eps) weight + bias;  x (..., C), weight, bias (C,) or None -> (y, mean, var), var biased.
mean and var carry no gradient of their own; y's goes through both.)");
  m.def(
      "batch_norm_grad",
      [](const Tensor& x, const std::optional<Tensor>& weight, const Tensor& dy, const Tensor& mean,
         const Tensor& var, double eps) {
        const Tensor w = optional(weight);
        return released([&] { return ops::batch_norm_grad(x, w, dy, mean, var, eps); });
      },
      py::arg("x"), py::arg("weight"), py::arg("dy"), py::arg("mean"), py::arg("var"),
      py::arg("eps") = 1e-5,
      "(dx, dweight, dbias) of batch_norm, fused. mean and var: what batch_norm returned for this "
      "x.");
  m.def(
      "batch_norm_eval",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         const Tensor& mean, const Tensor& var, double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] { return ops::batch_norm_eval(x, w, b, mean, var, eps); });
      },
      py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("mean"), py::arg("var"),
      py::arg("eps") = 1e-5,
      "y = (x - mean) / sqrt(var + eps) weight + bias with given mean and var (C,); differentiable "
      "in all five.");
}

}  // namespace pygan::bindings
