// pygan.ops: one definition an operation, one file a family. Formulas and derivatives stand in
// csrc/ops/<room>/<room>.h, NumPy in pygan/reference.
#pragma once

#include "bindings/convert.h"
#include "ops/ops.h"

namespace pygan::bindings {

using ops::Axes;
using ops::Pair;

void bind_elementwise(py::module_& m);
void bind_reduce(py::module_& m);
void bind_shape(py::module_& m);
void bind_index(py::module_& m);
void bind_order(py::module_& m);
void bind_matrix(py::module_& m);
void bind_images(py::module_& m);
void bind_norms(py::module_& m);
void bind_losses(py::module_& m);
void bind_random(py::module_& m);

}  // namespace pygan::bindings
