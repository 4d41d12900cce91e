// What a debugger asks: docs/emulator.md shows how.
#include "emu/runtime.h"

extern "C" {

// (gdb) break softmax_cuda.cu:41 if pygan_emu_at(2,0,0, 5,0,0)
// Does thread (tx, ty, tz) of block (bx, by, bz) run?
__attribute__((used, noinline)) bool pygan_emu_at(unsigned bx, unsigned by, unsigned bz,
                                                  unsigned tx, unsigned ty, unsigned tz) {
  using namespace pygan::emu;
  if (!running_stack) return false;  // between launches, and in the emulator itself
  const Dim3 b = block_index(), t = thread_index();
  return b.x == bx && b.y == by && b.z == bz && t.x == tx && t.y == ty && t.z == tz;
}

// (gdb) print pygan_emu_who()
// "thread (5,0,0) of block (2,0,0)"
__attribute__((used, noinline)) const char* pygan_emu_who() {
  static std::string text;
  text = pygan::emu::running_stack ? pygan::emu::thread_name() : "no thread";
  return text.c_str();
}
}
