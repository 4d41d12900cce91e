// pygan.ops: functions of each element, powers, activations.
#include "bindings/ops/bind.h"
#include "core/error.h"

namespace pygan::bindings {

void bind_functions(py::module_& m) {
  bind_unary(m, "exp", &ops::exp, "y = e^x, elementwise.");
  bind_unary(m, "log", &ops::log, "y = ln x, elementwise; -inf at 0, NaN below.");
  bind_unary(m, "tanh", &ops::tanh, "y = tanh x, elementwise.");
  bind_unary(m, "sigmoid", &ops::sigmoid, "y = 1 / (1 + e^-x), elementwise.");
  bind_unary(m, "softplus", &ops::softplus, "y = log(1 + e^x), elementwise, without overflow.");
  bind_unary(m, "sin", &ops::sin, "y = sin x, elementwise; NaN beyond 1e4 (float64: 1e6).");
  bind_unary(m, "cos", &ops::cos, "y = cos x, elementwise; NaN beyond 1e4 (float64: 1e6).");
  bind_unary(m, "erf", &ops::erf, "y = 2/sqrt(pi) int_0^x e^(-t^2) dt, elementwise.");
  bind_unary(m, "silu", &ops::silu, "y = x sigmoid(x), elementwise (Hendrycks and Gimpel 2016).");
  bind_unary(m, "relu", &ops::relu, "y = max(x, 0), elementwise; dy/dx = [x > 0]; NaN stays NaN.");

  m.def(
      "pow",
      [](const py::object& a, const py::object& b) {
        if (py::isinstance<Tensor>(a) && is_scalar(b)) {
          const Tensor x = a.cast<Tensor>();
          const double n = py::float_(b).cast<double>();
          return released([&] { return ops::power(x, n); });
        }
        const auto [ta, tb] = to_operands("pow", a, b);
        return released([&, &ta = ta, &tb = tb] { return ops::pow(ta, tb); });
      },
      py::arg("a"), py::arg("b"),
      "y = a^b, elementwise with NumPy's broadcasting and its special values: x^0 = 1, NaN for a "
      "negative base and a fractional exponent.");
  m.def(
      "gelu",
      [](const Tensor& x, const std::string& approximate) {
        if (approximate != "none" && approximate != "tanh")
          throw ConfigError("gelu: approximate must be \"none\" or \"tanh\", got \"" + approximate +
                            "\"");
        return released([&] { return approximate == "tanh" ? ops::gelu_tanh(x) : ops::gelu(x); });
      },
      py::arg("x"), py::arg("approximate") = "none",
      "y = x Phi(x), Phi the normal distribution function; approximate=\"tanh\": x (1 + tanh("
      "sqrt(2/pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016).");
  m.def(
      "elu",
      [](const Tensor& x, double alpha) { return released([&] { return ops::elu(x, alpha); }); },
      py::arg("x"), py::arg("alpha") = 1.0,
      "y = x where x > 0, else alpha (e^x - 1), elementwise (Clevert et al. 2016).");
  m.def(
      "leaky_relu",
      [](const Tensor& x, double s) { return released([&] { return ops::leaky_relu(x, s); }); },
      py::arg("x"), py::arg("negative_slope") = 0.01,
      "y = x where x > 0, else negative_slope x, elementwise (Maas et al. 2013).");
  m.def(
      "leaky_relu_grad",
      [](const Tensor& dy, const Tensor& x, double s) {
        return released([&] { return ops::leaky_relu_grad(dy, x, s); });
      },
      py::arg("dy"), py::arg("x"), py::arg("negative_slope") = 0.01,
      "dy where x > 0, else negative_slope dy: the derivative of leaky_relu, linear in dy.");
}

}  // namespace pygan::bindings
