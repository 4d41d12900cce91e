#include "bindings/convert.h"

PYBIND11_MODULE(_core, m) {
  using namespace pygan::bindings;
  m.doc() = "The native core of pygan: tensors, operations, derivatives.";
  bind_errors(m);
  bind_tensor(m);
  bind_interop(m);
  bind_autograd(m);
  bind_ops(m);
  bind_user_op(m);
  bind_runtime(m);
  bind_emulator(m);
  bind_recording(m);
  bind_arguments(m);
}
