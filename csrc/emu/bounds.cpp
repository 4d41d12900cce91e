// Indices beyond arrays whose size the compiler knows: of registers, of structs, of one dimension of
// an array in shared memory. Checked kernels are compiled with -fsanitize=bounds, which calls this
// before such an access; the layout of its argument is that of UndefinedBehaviorSanitizer's runtime
// interface.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "emu/block.h"

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

extern "C" void __ubsan_handle_out_of_bounds(const pygan::emu::OutOfBounds* what, uintptr_t index) {
  using namespace pygan::emu;
  const std::string text = "index " + std::to_string(value_of(*what->index, index)) +
                           " is outside of the array of type " + what->array->name + " at " +
                           where({what->file, static_cast<int>(what->line)});
  if (block) fail(text);
  std::fprintf(stderr, "pygan: %s\n", text.c_str());  // host code of a kernel file
  std::abort();
}
