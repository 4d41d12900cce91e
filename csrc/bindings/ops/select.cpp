// pygan.ops: extrema of two, bounds, comparisons, where.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_select(py::module_& m) {
  bind_binary(m, "maximum", &ops::maximum,
              "The larger of a and b, elementwise with NumPy's broadcasting; NaN wins; ties: the "
              "gradient goes to a.");
  bind_binary(m, "minimum", &ops::minimum,
              "The smaller of a and b, elementwise with NumPy's broadcasting; NaN wins; ties: the "
              "gradient goes to a.");
  m.def(
      "clip",
      [](const Tensor& x, std::optional<double> low, std::optional<double> high) {
        return released([&] { return ops::clip(x, low, high); });
      },
      py::arg("x"), py::arg("low") = py::none(), py::arg("high") = py::none(),
      "x, but low below it and high above (None: no bound); the gradient passes at the bounds.");
  m.def(
      "clip_grad",
      [](const Tensor& dy, const Tensor& x, std::optional<double> low, std::optional<double> high) {
        return released([&] { return ops::clip_grad(dy, x, low, high); });
      },
      py::arg("dy"), py::arg("x"), py::arg("low") = py::none(), py::arg("high") = py::none(),
      "dy where low <= x <= high, else 0: the derivative of clip, linear in dy.");

  bind_comparison(m, "equal", &ops::equal, "a = b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "not_equal", &ops::not_equal,
                  "Not a = b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "less", &ops::less, "a < b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "less_equal", &ops::less_equal,
                  "a <= b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "greater", &ops::greater,
                  "a > b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "greater_equal", &ops::greater_equal,
                  "a >= b, elementwise with NumPy's broadcasting: bool.");
  bind_comparison(m, "logical_and", &ops::logical_and, "a and b, of bool; broadcasts.");
  bind_comparison(m, "logical_or", &ops::logical_or, "a or b, of bool; broadcasts.");
  bind_unary(m, "logical_not", &ops::logical_not, "Not x, of bool.");

  m.def(
      "where",
      [](const Tensor& condition, const py::object& a, const py::object& b) {
        const auto [ta, tb] = to_exact_operands("where", a, b);
        return released([&, &ta = ta, &tb = tb] { return ops::where(condition, ta, tb); });
      },
      py::arg("condition"), py::arg("a"), py::arg("b"),
      "a where condition (bool), else b; all three broadcast; a and b of any one dtype.");
}

}  // namespace pygan::bindings
