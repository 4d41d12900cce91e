// What the compiler calls before each access (-fsanitize=thread), with our own bodies instead of
// ThreadSanitizer's library.
#include <cstddef>

#include "emu/check.h"

using pygan::emu::accessed;

extern "C" {
#define PYGAN_HERE __attribute__((visibility("hidden"), noinline))
#define PYGAN_FROM __builtin_return_address(0)
PYGAN_HERE void __tsan_init() {}
PYGAN_HERE void __tsan_func_entry(void*) {}
PYGAN_HERE void __tsan_func_exit() {}
PYGAN_HERE void __tsan_vptr_update(void**, void*) {}
PYGAN_HERE void __tsan_vptr_read(void**) {}
#define PYGAN_ACCESS(n)                                                                           \
  PYGAN_HERE void __tsan_read##n(void* p) { accessed(p, n, false, true, PYGAN_FROM); }            \
  PYGAN_HERE void __tsan_write##n(void* p) { accessed(p, n, true, true, PYGAN_FROM); }            \
  PYGAN_HERE void __tsan_unaligned_read##n(void* p) { accessed(p, n, false, false, PYGAN_FROM); } \
  PYGAN_HERE void __tsan_unaligned_write##n(void* p) { accessed(p, n, true, false, PYGAN_FROM); }
PYGAN_ACCESS(1)
PYGAN_ACCESS(2)
PYGAN_ACCESS(4)
PYGAN_ACCESS(8)
PYGAN_ACCESS(16)
PYGAN_HERE void __tsan_read_range(void* p, size_t n) { accessed(p, n, false, false, PYGAN_FROM); }
PYGAN_HERE void __tsan_write_range(void* p, size_t n) { accessed(p, n, true, false, PYGAN_FROM); }
}
