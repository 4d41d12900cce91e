// interim
#include <cstddef>
#define H __attribute__((visibility("hidden")))
extern "C" {
H void __tsan_init() {}
H void __tsan_func_entry(void*) {}
H void __tsan_func_exit() {}
#define A(n)                                \
  H void __tsan_read##n(void*) {}           \
  H void __tsan_write##n(void*) {}          \
  H void __tsan_unaligned_read##n(void*) {} \
  H void __tsan_unaligned_write##n(void*) {}
A(1) A(2) A(4) A(8) A(16) H void __tsan_read_range(void*, size_t) {}
H void __tsan_write_range(void*, size_t) {}
H void __tsan_vptr_update(void**, void*) {}
H void __tsan_vptr_read(void**) {}
}
