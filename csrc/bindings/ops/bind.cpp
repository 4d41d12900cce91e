#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_ops(py::module_& parent) {
  py::module_ m = parent.def_submodule("ops", "Every operation of the engine.");
  bind_elementwise(m);
  bind_reduce(m);
  bind_shape(m);
  bind_index(m);
  bind_order(m);
  bind_matrix(m);
  bind_images(m);
  bind_norms(m);
  bind_losses(m);
  bind_random(m);
}

}  // namespace pygan::bindings
