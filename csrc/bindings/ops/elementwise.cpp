// pygan.ops: arithmetic of each element.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_elementwise(py::module_& m) {
  bind_unary(m, "neg", &ops::neg, "y = -x, elementwise.");
  bind_unary(m, "abs", &ops::abs, "y = |x|, elementwise; its derivative at 0 is 0.");
  bind_unary(m, "sign", &ops::sign,
             "-1, 0 or 1, elementwise; NaN stays NaN. Not differentiable: gradients stop here.");
  bind_unary(m, "sqrt", &ops::sqrt, "y = x^(1/2), elementwise; NaN below 0.");
  bind_unary(m, "square", &ops::square, "y = x^2, elementwise.");

  bind_binary(m, "add", &ops::add,
              "y = a + b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  bind_binary(m, "sub", &ops::sub,
              "y = a - b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  bind_binary(m, "mul", &ops::mul,
              "y = a b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  bind_binary(m, "div", &ops::div,
              "y = a / b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  bind_binary(m, "divide_no_nan", &ops::divide_no_nan,
              "y = a / b, and 0 where b = 0, derivatives too; broadcasts.");

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
