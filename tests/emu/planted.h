// Small kernels with a planted mistake each, and some without: run by planted.cpp, judged by
// test_checker.py. A comment `// [mark]` names a line that a message must name.
#pragma once

#include <vector>

#include "device/device.h"
#include "device/mma.h"
#include "emu/memory.h"

namespace pygan::planted {

struct Case {
  const char* name;
  float (*run)();  // a value that the kernel computed, or 0
};
std::vector<Case>& cases();
struct Register {
  Register(const char* name, float (*run)()) { cases().push_back({name, run}); }
};
#define PLANTED(name)                                                   \
  float run_##name();                                                   \
  const ::pygan::planted::Register register_##name{#name, &run_##name}; \
  float run_##name()

// Global memory of n elements that nobody has written; with a value, all of it written by the host.
template <class T>
class Global {
 public:
  explicit Global(size_t n) : n_(n), data_(static_cast<T*>(emu::allocate(n * sizeof(T)))) {}
  Global(size_t n, T value) : Global(n) {
    const std::vector<T> host(n, value);
    emu::copy_in(data_, host.data(), n * sizeof(T));
  }
  Global(const Global&) = delete;
  ~Global() { emu::release(data_, n_ * sizeof(T)); }
  operator T*() { return data_; }

 private:
  size_t n_;
  T* data_;
};

}  // namespace pygan::planted
