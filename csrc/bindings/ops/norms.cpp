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
         double eps, int64_t parts) {
        const Tensor w = optional(weight), b = optional(bias);
        const ops::BatchNormOut o = released([&] { return ops::batch_norm(x, w, b, eps, parts); });
        return py::make_tuple(o.y, o.mean, o.var);
      },
      py::arg("x"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5, py::arg("parts") = 1,
      R"(Batch normalisation with the batch's own statistics (Ioffe and Szegedy 2015), over all axes but the last.

y = (x - mean) / sqrt(var + eps) weight + bias;  x (..., C), weight, bias (C,) or None -> (y, mean, var), var biased.
mean and var carry no gradient of their own; y's goes through both.
parts > 1: x is so many batches of one size, one after the other, each with its own statistics; mean and var (parts, C).)");
  m.def(
      "batch_norm_grad",
      [](const Tensor& x, const std::optional<Tensor>& weight, const Tensor& dy, const Tensor& mean,
         const Tensor& var, double eps, int64_t parts) {
        const Tensor w = optional(weight);
        return released([&] { return ops::batch_norm_grad(x, w, dy, mean, var, eps, parts); });
      },
      py::arg("x"), py::arg("weight"), py::arg("dy"), py::arg("mean"), py::arg("var"),
      py::arg("eps") = 1e-5, py::arg("parts") = 1,
      "(dx, dweight, dbias) of batch_norm, fused. mean and var: what batch_norm returned for this "
      "x. parts > 1: dweight and dbias are (parts, C).");
  m.def(
      "batch_norm_leaky_relu",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         double negative_slope, double eps, int64_t parts) {
        const Tensor w = optional(weight), b = optional(bias);
        const ops::BatchNormOut o = released(
            [&] { return ops::batch_norm_leaky_relu(x, w, b, negative_slope, eps, parts); });
        return py::make_tuple(o.y, o.mean, o.var);
      },
      py::arg("x"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("negative_slope") = 0.01, py::arg("eps") = 1e-5, py::arg("parts") = 1,
      R"(leaky_relu of batch_norm's y, in its passes over memory -> (y, mean, var). negative_slope >= 0; 0 is relu.

The same bits as both one after the other; the backward pass keeps x, not what is between them.
parts: as for batch_norm.)");
  m.def(
      "batch_norm_leaky_relu_grad",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         const Tensor& dy, const Tensor& mean, const Tensor& var, double negative_slope, double eps,
         int64_t parts) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] {
          return ops::batch_norm_leaky_relu_grad(x, w, b, dy, mean, var, negative_slope, eps,
                                                 parts);
        });
      },
      py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("dy"), py::arg("mean"),
      py::arg("var"), py::arg("negative_slope") = 0.01, py::arg("eps") = 1e-5, py::arg("parts") = 1,
      "(dx, dweight, dbias) of batch_norm_leaky_relu, fused. mean and var: what it returned for "
      "this x. parts > 1: dweight and dbias are (parts, C).");
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
  using Maybe = std::optional<Tensor>;
  m.def(
      "group_norm",
      [](const Tensor& x, int64_t groups, const Maybe& weight, const Maybe& bias, double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] { return ops::group_norm(x, groups, w, b, eps); });
      },
      py::arg("x"), py::arg("groups"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5,
      R"(Group normalisation (Wu and He 2018): y = (x - mean) / sqrt(var + eps) weight + bias, of each sample by itself.

mean and biased var over all positions of a sample and the C / groups channels of a group.
x, y (N, ..., C); weight, bias (C,) or None.)");
  m.def(
      "instance_norm",
      [](const Tensor& x, const Maybe& weight, const Maybe& bias, double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] { return ops::instance_norm(x, w, b, eps); });
      },
      py::arg("x"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5,
      "group_norm with one channel a group (Ulyanov et al. 2016): over the positions of x (N, ..., "
      "C), at least three axes.");
  m.def(
      "layer_norm",
      [](const Tensor& x, int axes, const Maybe& weight, const Maybe& bias, double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] { return ops::layer_norm(x, axes, w, b, eps); });
      },
      py::arg("x"), py::arg("axes") = 1, py::arg("weight") = py::none(),
      py::arg("bias") = py::none(), py::arg("eps") = 1e-5,
      "Layer normalisation (Ba et al. 2016): as group_norm, over the last `axes` axes of x, whose "
      "shape weight and bias have.");
  using Pair = std::pair<Tensor, Tensor>;
  using WithReference =
      Pair (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, double);
  const auto with_reference = [&m](const char* name, WithReference f, const char* doc) {
    m.def(
        name,
        [f](const Tensor& x, const Tensor& ref, const Maybe& weight, const Maybe& bias,
            double eps) {
          const Tensor w = optional(weight), b = optional(bias);
          return released([&] { return f(x, ref, w, b, eps); });
        },
        py::arg("x"), py::arg("ref"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
        py::arg("eps") = 1e-5, doc);
  };
  with_reference("virtual_batch_norm", &ops::virtual_batch_norm,
                 R"(Virtual batch normalisation (Salimans et al. 2016, section 3.4) -> (y, y_ref).

Each example of x (N, ..., C) is normalised by its own statistics and those of the n examples of ref
(n, ..., C), the example counting for one of n + 1; ref by its plain batch statistics:

mu = (n mu_ref + mu_x) / (n + 1)
var = (n (var_ref + (mu_ref - mu)^2) + var_x + (mu_x - mu)^2) / (n + 1)
y = (x - mu) / sqrt(var + eps) weight + bias

weight, bias (C,) or None. Gradients flow through ref's statistics and from both outputs.)");
  with_reference("reference_batch_norm", &ops::reference_batch_norm,
                 R"(Reference batch normalisation (Salimans et al. 2016) -> (y, y_ref).

Both x (N, ..., C) and ref (n, ..., C) are normalised by the mean and biased variance of ref, through
which gradients flow: y = (x - mu_ref) / sqrt(var_ref + eps) weight + bias; weight, bias (C,) or None.)");
}

}  // namespace pygan::bindings
