// Between Python objects and Arrays, Shapes, Axes and Pairs.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>

#include "core/array.h"
#include "core/tensor.h"
#include "ops/ops.h"

namespace pygan::bindings {

namespace py = pybind11;

// Runs f without the GIL. Everything Python must be converted before and after.
template <class F>
auto released(F f) {
  py::gil_scoped_release release;
  return f();
}

// On `device`; nullopt: where a Tensor is, else the CPU.
Array copy_in(const py::object& value, const std::optional<std::string>& dtype,
              std::optional<Device> device);
// A copy of an array with __cuda_array_interface__; nullopt: on cuda.
Array copy_from_cuda(const py::object& x, std::optional<Device> device);
Array alias_in(const py::array& a);  // copies where the array is not dense and aligned
// Read-only, keeps the memory alive; of another device, a copy on the CPU.
py::array view_out(const Array& a);
py::object numpy_dtype(DType dtype);
DType to_dtype(const py::object& dtype);  // "float32", np.float32, np.dtype(...)
bool is_scalar(const py::handle& x);      // a Python or NumPy number

Shape to_shape(const py::object& shape);                    // an int or a sequence
ops::Axes to_axes(const char* op, const py::object& axis);  // None (all), an int or a sequence
ops::Pair to_pair(const char* op, const char* what, const py::object& v);  // an int or two
py::tuple from_shape(const Shape& s);

// Raises within the vjp or jvp of a user's op, where a value read out would cut the graph.
void check_export(const char* what);

// A Tensor, or a number as a zero-axis tensor of `like`'s dtype.
Tensor to_operand(const char* op, const py::handle& x, const Tensor& like);
// The same where rounding would change what is meant (x < 0.5 of integers): DTypeError for a number
// that an integer or bool dtype does not hold.
Tensor to_exact_operand(const char* op, const py::handle& x, const Tensor& like);
// Two operands, one of which must be a Tensor.
std::pair<Tensor, Tensor> to_operands(const char* op, const py::object& a, const py::object& b);
std::pair<Tensor, Tensor> to_exact_operands(const char* op, const py::object& a,
                                            const py::object& b);

void bind_errors(py::module_& m);
void bind_tensor(py::module_& m);
void bind_interop(py::module_& m);
void bind_autograd(py::module_& m);
void bind_ops(py::module_& m);
void bind_runtime(py::module_& m);
void bind_recording(py::module_& m);
void bind_user_op(py::module_& m);
void bind_emulator(py::module_& m);
void bind_arguments(py::module_& m);

}  // namespace pygan::bindings
