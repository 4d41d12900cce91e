// What the compiler calls before each access (-fsanitize=thread), and where an index is beyond an array
// whose size it knows (-fsanitize=bounds), with our own bodies instead of the sanitizers' libraries.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "emu/block.h"
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

// ---- indices: arrays of registers, of structs, of one dimension of an array in shared memory -------
// The argument is laid out as in UndefinedBehaviorSanitizer's runtime interface.

namespace pygan::emu {
namespace {

struct Type {
  uint16_t kind;  // 0: an integer
  uint16_t info;  // of an integer: bit 0 says signed, the others log2 of its bits
  char name[1];   // "'float [4]'", ends with 0
};
struct OutOfBounds {
  const char* file;
  uint32_t line, column;
  const Type* array;
  const Type* index;
};

int64_t value_of(const Type& type, uintptr_t index) {
  const int bits = 1 << (type.info >> 1);
  if (bits >= 64) return static_cast<int64_t>(index);
  const int unused = 64 - bits;
  const uint64_t high = static_cast<uint64_t>(index) << unused;
  return type.info & 1 ? static_cast<int64_t>(high) >> unused
                       : static_cast<int64_t>(high >> unused);
}

}  // namespace
}  // namespace pygan::emu

extern "C" PYGAN_HERE void __ubsan_handle_out_of_bounds(const pygan::emu::OutOfBounds* what,
                                                        uintptr_t index) {
  using namespace pygan::emu;
  const std::string text = "index " + std::to_string(value_of(*what->index, index)) +
                           " is outside of the array of type " + what->array->name + " at " +
                           where({what->file, static_cast<int>(what->line)});
  if (block) fail(text);
  std::fprintf(stderr, "pygan: %s\n", text.c_str());  // host code of a kernel file
  std::abort();
}
