// pygan.ops: one definition an operation, one file a family. Formulas and derivatives stand in
// csrc/ops/<room>/<room>.h, NumPy in pygan/reference.
#pragma once

#include <utility>

#include "bindings/convert.h"
#include "ops/ops.h"

namespace pygan::bindings {

using ops::Axes;
using ops::Pair;

// f(x), and f(a, b) with a number on either side
using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
void bind_unary(py::module_& m, const char* name, Unary f, const char* doc);
void bind_binary(py::module_& m, const char* name, Binary f, const char* doc);
// likewise, of any dtype: a number must be one that the tensor's dtype holds
void bind_comparison(py::module_& m, const char* name, Binary f, const char* doc);

void bind_elementwise(py::module_& m);
void bind_functions(py::module_& m);
void bind_select(py::module_& m);
void bind_reduce(py::module_& m);
void bind_shape(py::module_& m);
void bind_index(py::module_& m);
void bind_order(py::module_& m);
void bind_matrix(py::module_& m);
void bind_images(py::module_& m);
void bind_norms(py::module_& m);
void bind_losses(py::module_& m);
void bind_gradient_penalty(py::module_& ops, py::module_& m);
void bind_random(py::module_& m);

}  // namespace pygan::bindings
