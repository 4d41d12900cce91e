// One kernel source, three instruction sets.
//
// A file named *_cpu.cpp is compiled once for each path, with -DPYGAN_ISA=portable, avx2 or avx512.
// A small header declares its entry points, the kernel file defines them, ordinary code calls them:
//
//   // relu.h
//   struct ReluArgs { const float* x /* (n) */; float* y /* (n) */; int64_t n; };
//   namespace pygan { PYGAN_DECLARE_ISA(void, relu_f32, (const ReluArgs& args)) }
//
//   // relu_cpu.cpp
//   namespace pygan::PYGAN_ISA {
//   namespace { ... helpers, templates: internal linkage ... }
//   void relu_f32(const ReluArgs& args) { ... }
//   }
//
//   // relu.cpp
//   PYGAN_DISPATCH(relu_f32)(args);
//
// A kernel file takes plain structs and raw pointers, and uses no inline function or template with
// external linkage (so no std:: algorithms, containers or math overloads; __builtin_sqrtf is fine).
// The linker keeps one copy of such a function for the whole program: were it the AVX-512 one, the
// portable path would die of an illegal instruction. tools/check_isa_objects.sh looks for leaks.
#pragma once

#include "core/cpu_isa.h"

#if defined(__x86_64__)
#define PYGAN_DECLARE_ISA(result, function, parameters) \
  namespace portable {                                  \
  result function parameters;                           \
  }                                                     \
  namespace avx2 {                                      \
  result function parameters;                           \
  }                                                     \
  namespace avx512 {                                    \
  result function parameters;                           \
  }
#define PYGAN_DISPATCH(function)                                             \
  (::pygan::pick_isa(&::pygan::portable::function, &::pygan::avx2::function, \
                     &::pygan::avx512::function))
#else
#define PYGAN_DECLARE_ISA(result, function, parameters) \
  namespace portable {                                  \
  result function parameters;                           \
  }
#define PYGAN_DISPATCH(function) (&::pygan::portable::function)
#endif

#ifdef PYGAN_ISA  // inside a kernel file: PYGAN_ISA_LEVEL is 0 (portable), 1 (avx2) or 2 (avx512)

#define PYGAN_ISA_LEVEL_portable 0
#define PYGAN_ISA_LEVEL_avx2 1
#define PYGAN_ISA_LEVEL_avx512 2
#define PYGAN_ISA_JOIN_(a, b) a##b
#define PYGAN_ISA_JOIN(a, b) PYGAN_ISA_JOIN_(a, b)
#define PYGAN_ISA_LEVEL PYGAN_ISA_JOIN(PYGAN_ISA_LEVEL_, PYGAN_ISA)
#define PYGAN_VECTOR_BYTES (16 << PYGAN_ISA_LEVEL)

#else

namespace pygan {

template <class Function>
Function* pick_isa(Function* portable, Function* avx2, Function* avx512) {
  switch (cpu_isa()) {
    case CpuIsa::avx512:
      return avx512;
    case CpuIsa::avx2:
      return avx2;
    case CpuIsa::portable:
      break;
  }
  return portable;
}

}  // namespace pygan

#endif
