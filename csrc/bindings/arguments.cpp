// A call whose arguments do not fit its signature: one line that names the argument, where pybind11
// would print the signature, then every value of every tensor.
#include "bindings/convert.h"

namespace pygan::bindings {
namespace {

// pybind11's dispatcher, the same for every function: by its calling convention (new, before 3.1).
using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
Fast fast_dispatch = nullptr;
PyCFunctionWithKeywords dispatch = nullptr;

// Replaces pybind11's TypeError, where the arguments did not fit, by pygan's.
void explain(const py::tuple& args, const py::dict& named) {
  try {
    const py::error_already_set e;  // takes the error that is set
    const py::str message(e.value());
    if (message.cast<std::string>().find("(): incompatible ") == std::string::npos) {
      py::error_already_set(e).restore();
      return;
    }
    const auto mismatch = py::module_::import("pygan._arguments").attr("mismatch");
    const py::object error = mismatch(message, args, named);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  } catch (py::error_already_set& e) {
    e.restore();
  }
}

PyObject* checked_fast(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* result = fast_dispatch(self, args, count, names);
  if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result;
  const auto positional = static_cast<size_t>(PyVectorcall_NARGS(static_cast<size_t>(count)));
  py::tuple values(positional);
  for (size_t i = 0; i < positional; ++i) values[i] = py::handle(args[i]);
  py::dict named;
  if (names)
    for (size_t i = 0; i < static_cast<size_t>(PyTuple_GET_SIZE(names)); ++i)
      named[py::handle(PyTuple_GET_ITEM(names, static_cast<Py_ssize_t>(i)))] =
          py::handle(args[positional + i]);
  explain(values, named);
  return nullptr;
}

PyObject* checked(PyObject* self, PyObject* args, PyObject* named) {
  PyObject* result = dispatch(self, args, named);
  if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result;
  explain(py::reinterpret_borrow<py::tuple>(args),
          named ? py::reinterpret_borrow<py::dict>(named) : py::dict());
  return nullptr;
}

template <class To, class From>
To as(From f) {  // through void (*)(): what every function pointer may be cast to
  return reinterpret_cast<To>(reinterpret_cast<void (*)()>(f));
}

// Functions, methods and setters that pybind11 made.
void check(py::handle f) {
  if (PyInstanceMethod_Check(f.ptr())) f = PyInstanceMethod_GET_FUNCTION(f.ptr());
  if (PyObject_TypeCheck(f.ptr(), &PyProperty_Type)) {
    for (const char* part : {"fget", "fset"}) check(f.attr(part));
    return;
  }
  if (!PyCFunction_Check(f.ptr())) return;
  PyMethodDef* def = reinterpret_cast<PyCFunctionObject*>(f.ptr())->m_ml;
  if (def->ml_flags == (METH_FASTCALL | METH_KEYWORDS) && as<Fast>(def->ml_meth) != checked_fast) {
    fast_dispatch = as<Fast>(def->ml_meth);
    def->ml_meth = as<PyCFunction>(checked_fast);
  } else if (def->ml_flags == (METH_VARARGS | METH_KEYWORDS) &&
             as<PyCFunctionWithKeywords>(def->ml_meth) != checked) {
    dispatch = as<PyCFunctionWithKeywords>(def->ml_meth);
    def->ml_meth = as<PyCFunction>(checked);
  }
}

}  // namespace

void bind_arguments(py::module_& m) {
  const py::object places[] = {m, m.attr("ops"), m.attr("Tensor")};
  for (const py::object& place : places)
    for (const auto& [name, value] : py::dict(place.attr("__dict__"))) check(value);
}

}  // namespace pygan::bindings
