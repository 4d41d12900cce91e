// Fibers: one stack and one saved stack pointer each. A CUDA thread is a fiber (block.h).
//
// The switch saves the callee-saved registers of the platform's C convention and nothing else: a
// few nanoseconds, where ucontext needs two system calls. ucontext serves the other platforms.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/sanitizers.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
#define PYGAN_EMU_UCONTEXT 1
#include <ucontext.h>
#endif

namespace pygan::emu {

constexpr size_t kStackBytes = 128 << 10;  // and a guard page below

class Fiber {
 public:
  using Entry = void (*)(void* argument);

  Fiber() = default;
  Fiber(const Fiber&) = delete;
  ~Fiber();

  // Makes the fiber ready to run entry(argument) from its start. The stack is kept between starts.
  void start(Entry entry, void* argument);
  // Runs this fiber until it calls leave(). Called from the scheduler's stack.
  void enter();
  // Back to the scheduler. Called on this fiber's stack. An entry never returns: it leaves, for the
  // last time with `for_good`.
  void leave(bool for_good = false);

  void forget();                          // what ThreadSanitizer knows of it: its thread is gone
  uintptr_t low() const { return low_; }  // of the stack

 private:
  void allocate();

  uintptr_t low_ = 0;  // the stack is [low, low + kStackBytes)
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
#ifdef PYGAN_EMU_UCONTEXT
  ucontext_t fiber_, scheduler_;
#else
  void* fiber_ = nullptr;  // stack pointers
  void* scheduler_ = nullptr;
#endif
#if defined(PYGAN_EMU_TSAN)
  void* tool_fiber_ = nullptr;
  void* tool_scheduler_ = nullptr;
#elif defined(PYGAN_EMU_ASAN)
  void* fake_stack_ = nullptr;
  const void* scheduler_low_ = nullptr;
  size_t scheduler_bytes_ = 0;
#endif

  friend void fiber_main(Fiber*);
};

}  // namespace pygan::emu
