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
  m.def(
      "bernoulli",
      [](const Tensor& key, double p, const py::object& shape, const py::object& dtype) {
        const Shape s = to_shape(shape);
        const DType d = to_dtype(dtype);
        return released([&] { return ops::bernoulli(key, p, s, d); });
      },
      py::arg("key"), py::arg("p"), py::arg("shape"), py::arg("dtype") = "float32",
      "1 with probability p, else 0: where uniform with the same key is below p.");
  m.def(
      "permutation",
      [](const Tensor& key, int64_t n) {
        return released([&] { return ops::permutation(key, n); });
      },
      py::arg("key"), py::arg("n"),
      "0 to n - 1 in random order, int64 (n,): the stable order of n numbers of 64 bits.");
  m.def(
      "dropout",
      [](const Tensor& x, const Tensor& key, double p) {
        return released([&] { return ops::dropout(x, key, p); });
      },
      py::arg("x"), py::arg("key"), py::arg("p") = 0.5,
      "0 with probability p in [0, 1), else x / (1 - p), elementwise (Srivastava et al. 2014). The "
      "mask is that of bernoulli(key, p, x.shape), so the derivative is dropout with the same "
      "key.");
}

}  // namespace pygan::bindings
