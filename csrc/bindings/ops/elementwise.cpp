// pygan.ops: functions of each element, rectifiers among them.
#include "bindings/ops/bind.h"
#include "core/error.h"

namespace pygan::bindings {

void bind_elementwise(py::module_& m) {
  using Unary = Tensor (*)(const Tensor&);
  const auto unary = [&m](const char* name, Unary f, const char* doc) {
    m.def(name, [f](const Tensor& x) { return released([&] { return f(x); }); }, py::arg("x"), doc);
  };
  unary("neg", &ops::neg, "y = -x, elementwise.");
  unary("exp", &ops::exp, "y = e^x, elementwise.");
  unary("log", &ops::log, "y = ln x, elementwise; -inf at 0, NaN below.");
  unary("sqrt", &ops::sqrt, "y = x^(1/2), elementwise; NaN below 0.");
  unary("square", &ops::square, "y = x^2, elementwise.");
  unary("tanh", &ops::tanh, "y = tanh x, elementwise.");
  unary("sigmoid", &ops::sigmoid, "y = 1 / (1 + e^-x), elementwise.");
  unary("softplus", &ops::softplus, "y = log(1 + e^x), elementwise, without overflow.");
  unary("relu", &ops::relu, "y = max(x, 0), elementwise; dy/dx = [x > 0]; NaN stays NaN.");

  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  const auto binary = [&m](const char* name, Binary f, const char* doc) {
    m.def(
        name,
        [name, f](const py::object& a, const py::object& b) {
          const bool left = py::isinstance<Tensor>(a);
          if (!left && !py::isinstance<Tensor>(b))
            throw DTypeError(std::string(name) +
                             ": one operand must be a Tensor: wrap arrays with pygan.tensor");
          const Tensor like = (left ? a : b).cast<Tensor>();
          const Tensor ta = to_operand(name, a, like), tb = to_operand(name, b, like);
          return released([&] { return f(ta, tb); });
        },
        py::arg("a"), py::arg("b"), doc);
  };
  binary("add", &ops::add,
         "y = a + b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("sub", &ops::sub,
         "y = a - b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("mul", &ops::mul,
         "y = a b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("div", &ops::div,
         "y = a / b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("divide_no_nan", &ops::divide_no_nan,
         "y = a / b, and 0 where b = 0, derivatives too; broadcasts.");

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
  m.def(
      "scale", [](const Tensor& x, double a) { return released([&] { return ops::scale(x, a); }); },
      py::arg("x"), py::arg("a"), "y = a x for a number a.");
  m.def(
      "shift", [](const Tensor& x, double a) { return released([&] { return ops::shift(x, a); }); },
      py::arg("x"), py::arg("a"), "y = x + a for a number a.");
  m.def(
      "astype",
      [](const Tensor& x, const py::object& dtype) {
        const DType d = to_dtype(dtype);
        return released([&] { return ops::astype(x, d); });
      },
      py::arg("x"), py::arg("dtype"),
      "x in another dtype; gradients flow between float32 and float64.");
}

}  // namespace pygan::bindings
