#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_unary(py::module_& m, const char* name, Unary f, const char* doc) {
  m.def(name, [f](const Tensor& x) { return released([&] { return f(x); }); }, py::arg("x"), doc);
}

void bind_binary(py::module_& m, const char* name, Binary f, const char* doc) {
  m.def(
      name,
      [name, f](const py::object& a, const py::object& b) {
        const auto [ta, tb] = to_operands(name, a, b);
        return released([&, &ta = ta, &tb = tb] { return f(ta, tb); });
      },
      py::arg("a"), py::arg("b"), doc);
}

void bind_comparison(py::module_& m, const char* name, Binary f, const char* doc) {
  m.def(
      name,
      [name, f](const py::object& a, const py::object& b) {
        const auto [ta, tb] = to_exact_operands(name, a, b);
        return released([&, &ta = ta, &tb = tb] { return f(ta, tb); });
      },
      py::arg("a"), py::arg("b"), doc);
}

void bind_ops(py::module_& parent) {
  py::module_ m = parent.def_submodule("ops", "Every operation of the engine.");
  bind_elementwise(m);
  bind_functions(m);
  bind_select(m);
  bind_reduce(m);
  bind_shape(m);
  bind_index(m);
  bind_order(m);
  bind_matrix(m);
  bind_images(m);
  bind_norms(m);
  bind_losses(m);
  bind_gradient_penalty(m, parent);
  bind_random(m);
}

}  // namespace pygan::bindings
