#include "emu/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace pygan::emu {

#ifndef PYGAN_EMU_UCONTEXT
extern "C" {
// Saves the callee-saved registers on this stack, stores its pointer in *from, goes on at `to`.
__attribute__((visibility("hidden"))) void pygan_emu_switch(void** from, void* to);
// Where a new fiber begins: hands the Fiber, kept in a callee-saved register, to fiber_main.
__attribute__((visibility("hidden"))) void pygan_emu_begin();
__attribute__((visibility("hidden"), used)) void pygan_emu_main(Fiber* fiber) { fiber_main(fiber); }
}
#endif

#if defined(__x86_64__)
asm(R"(
.text
.globl pygan_emu_switch
.hidden pygan_emu_switch
.type pygan_emu_switch, @function
pygan_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pygan_emu_switch, .-pygan_emu_switch
.globl pygan_emu_begin
.hidden pygan_emu_begin
.type pygan_emu_begin, @function
pygan_emu_begin:
  movq %rbx, %rdi
  call pygan_emu_main
  ud2
.size pygan_emu_begin, .-pygan_emu_begin
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl pygan_emu_switch
.hidden pygan_emu_switch
.type pygan_emu_switch, %function
pygan_emu_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size pygan_emu_switch, .-pygan_emu_switch
.globl pygan_emu_begin
.hidden pygan_emu_begin
.type pygan_emu_begin, %function
pygan_emu_begin:
  mov x0, x19
  bl pygan_emu_main
  brk #1
.size pygan_emu_begin, .-pygan_emu_begin
)");
#endif

void fiber_main(Fiber* fiber) {
#if defined(PYGAN_EMU_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &fiber->scheduler_low_, &fiber->scheduler_bytes_);
#endif
  fiber->entry_(fiber->argument_);
  __builtin_trap();  // an entry leaves for good
}

void Fiber::allocate() {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* block = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  mprotect(block, page, PROT_NONE);  // an overflowing stack faults here
  low_ = reinterpret_cast<uintptr_t>(block) + page;
}

void Fiber::forget() {
#if defined(PYGAN_EMU_TSAN)
  if (tool_fiber_) __tsan_destroy_fiber(tool_fiber_);
  tool_fiber_ = nullptr;
#endif
}

Fiber::~Fiber() {
  if (!low_) return;
  forget();
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  munmap(reinterpret_cast<void*>(low_ - page), kStackBytes + page);
}

void Fiber::start(Entry entry, void* argument) {
  if (!low_) allocate();
  entry_ = entry;
  argument_ = argument;
#if defined(PYGAN_EMU_TSAN)
  forget();
  tool_fiber_ = __tsan_create_fiber(0);  // after all that the scheduler has done
#elif defined(PYGAN_EMU_ASAN)
  allow(reinterpret_cast<void*>(low_), kStackBytes);  // an earlier thread was left in mid-call
  fake_stack_ = nullptr;
#endif
#ifdef PYGAN_EMU_UCONTEXT
  getcontext(&fiber_);
  fiber_.uc_stack.ss_sp = reinterpret_cast<void*>(low_);
  fiber_.uc_stack.ss_size = kStackBytes;
  fiber_.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);  // makecontext passes ints only
  makecontext(&fiber_, reinterpret_cast<void (*)()>(+[](unsigned high, unsigned low) {
    fiber_main(reinterpret_cast<Fiber*>(uintptr_t{high} << 16 << 16 | low));
  }),
              2, static_cast<unsigned>(self >> 16 >> 16), static_cast<unsigned>(self));
#elif defined(__x86_64__)
  // as pygan_emu_switch leaves a stack: r15 r14 r13 r12 rbx rbp, return address; then 16-aligned
  void** top = reinterpret_cast<void**>(low_ + kStackBytes) - 2;
  *--top = reinterpret_cast<void*>(&pygan_emu_begin);
  *--top = nullptr;  // rbp
  *--top = this;     // rbx
  for (int i = 0; i < 4; ++i) *--top = nullptr;
  fiber_ = top;
#else
  void** frame = reinterpret_cast<void**>(low_ + kStackBytes) - 20;
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  frame[0] = this;                                        // x19
  frame[11] = reinterpret_cast<void*>(&pygan_emu_begin);  // x30
  fiber_ = frame;
#endif
}

void Fiber::enter() {
#if defined(PYGAN_EMU_TSAN)
  tool_scheduler_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tool_fiber_, 1);  // 1: orders nothing
#elif defined(PYGAN_EMU_ASAN)
  void* own = nullptr;
  __sanitizer_start_switch_fiber(&own, reinterpret_cast<void*>(low_), kStackBytes);
#endif
#ifdef PYGAN_EMU_UCONTEXT
  swapcontext(&scheduler_, &fiber_);
#else
  pygan_emu_switch(&scheduler_, fiber_);
#endif
#if defined(PYGAN_EMU_ASAN)
  __sanitizer_finish_switch_fiber(own, nullptr, nullptr);
#endif
}

void Fiber::leave([[maybe_unused]] bool for_good) {
#if defined(PYGAN_EMU_TSAN)
  __tsan_switch_to_fiber(tool_scheduler_, 1);
#elif defined(PYGAN_EMU_ASAN)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, scheduler_low_,
                                 scheduler_bytes_);
#endif
#ifdef PYGAN_EMU_UCONTEXT
  swapcontext(&fiber_, &scheduler_);
#else
  pygan_emu_switch(&fiber_, scheduler_);
#endif
#if defined(PYGAN_EMU_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack_, &scheduler_low_, &scheduler_bytes_);
#endif
}

}  // namespace pygan::emu
