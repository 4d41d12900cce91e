// pygan.ops: random numbers.
#include "bindings/ops/bind.h"

namespace pygan::bindings {

void bind_random(py::module_& m) {
  using Random = Tensor (*)(const Tensor&, const Shape&, DType);
  const auto random = [&m](const char* name, Random f, const char* doc) {
    m.def(
        name,
        [f](const Tensor& key, const py::object& shape, const py::object& dtype) {
          const Shape s = to_shape(shape);
          const DType d = to_dtype(dtype);
          return released([&] { return f(key, s, d); });
        },
        py::arg("key"), py::arg("shape"), py::arg("dtype") = "float32", doc);
  };
  random("uniform", &ops::uniform,
         "Uniform numbers in [0, 1) by Philox4x32-10 (Salmon et al. 2011). key: int64 (3,): seed, "
         "stream id, draw number.");
  random("normal", &ops::normal,
         "Standard normal numbers by Philox4x32-10 and Box-Muller. key: int64 (3,): seed, stream "
         "id, draw number.");
}

}  // namespace pygan::bindings
