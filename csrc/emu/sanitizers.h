// What ThreadSanitizer and AddressSanitizer must be told of fibers, barriers and red zones. Empty in
// an ordinary build (tools/sanitize_kernels.py makes the others).
//
// ThreadSanitizer: kernels are instrumented, the emulator is not (its own state is shared among
// fibers on purpose). Each CUDA thread is a fiber of the tool's, and switching orders nothing;
// barriers and __syncwarp do, by acquire and release.
#pragma once

#include <cstddef>

#if defined(PYGAN_EMU_TSAN)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void*);
void __tsan_switch_to_fiber(void*, unsigned flags);
void __tsan_acquire(void*);
void __tsan_release(void*);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define PYGAN_EMU_ASAN 1
#endif

namespace pygan::emu {

// All that came before a release of an object happens before what follows an acquire of it.
inline void order_release([[maybe_unused]] void* object) {
#ifdef PYGAN_EMU_TSAN
  __tsan_release(object);
#endif
}
inline void order_acquire([[maybe_unused]] void* object) {
#ifdef PYGAN_EMU_TSAN
  __tsan_acquire(object);
#endif
}

// ThreadSanitizer follows addresses: what one block, or thread, leaves to the next must not have the
// same ones, since nothing orders them.
#ifdef PYGAN_EMU_TSAN
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
// While one lives, what the emulator writes is not taken for the running thread's.
struct Unobserved {
  Unobserved() {
#ifdef PYGAN_EMU_TSAN
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
  }
  ~Unobserved() {
#ifdef PYGAN_EMU_TSAN
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
#endif
  }
};

#ifdef PYGAN_EMU_ASAN
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif
// Red zones: AddressSanitizer stops at the access itself.
inline void forbid([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#ifdef PYGAN_EMU_ASAN
  __asan_poison_memory_region(p, bytes);
#endif
}
inline void allow([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#ifdef PYGAN_EMU_ASAN
  __asan_unpoison_memory_region(p, bytes);
#endif
}

}  // namespace pygan::emu
