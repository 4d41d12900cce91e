#include "bindings/convert.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

// The classes live in pygan/errors.py, where they are documented and can share Python's own bases.
void raise(const char* python_name, const char* message) {
  const py::object cls = py::module_::import("pygan.errors").attr(python_name);
  PyErr_SetString(cls.ptr(), message);
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const Error& e) {
      raise(e.python_name(), e.what());
    } catch (const std::bad_alloc&) {
      raise("OutOfMemoryError", "out of memory");
    }
  });
}

}  // namespace pygan::bindings
