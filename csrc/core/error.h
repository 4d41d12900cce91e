// Typed errors. Each becomes the Python class of the same name in pygan/errors.py. The message
// names the op, the shapes and what to do.
#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>

namespace pygan {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
  virtual const char* python_name() const { return "Error"; }
};

#define PYGAN_ERROR_CLASS(Name)                                \
  struct Name : Error {                                        \
    using Error::Error;                                        \
    const char* python_name() const override { return #Name; } \
  };
PYGAN_ERROR_CLASS(ShapeError)
PYGAN_ERROR_CLASS(DTypeError)
PYGAN_ERROR_CLASS(DeviceError)
PYGAN_ERROR_CLASS(EmulatorError)  // a mistake of a kernel, found by device emu
PYGAN_ERROR_CLASS(OutOfMemoryError)
PYGAN_ERROR_CLASS(NonFiniteError)
PYGAN_ERROR_CLASS(ConfigError)
#undef PYGAN_ERROR_CLASS

// A number as a message shows it: 0.1, 1e+300.
inline std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

}  // namespace pygan
