// The checker: what kernels that were compiled with a callback at every memory access do wrong. It
// finds, deterministically and in every schedule,
//
//   races        two threads, one of them writing, without a barrier between; two blocks, without
//                atomics on both sides
//   overruns     accesses outside shared arrays, blocks of global memory, the thread's own stack and
//                the module's constants; misaligned ones. They end the launch before they happen
//   unwritten    reads of shared or global memory that nobody wrote, or of the target of a cp.async
//                that has not been waited for
//
// and counts sectors and bank conflicts (traffic.h). What it finds is thrown as one EmulatorError at
// the end of the launch. Names come with both lines, both threads, and the array.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pygan::emu {

// Check launches of checked kernels from now on. Calls may be nested; traffic is counted while
// anybody asked for it. Global memory that is there already counts as written.
void begin_check(bool traffic);
void end_check(bool traffic);
bool checking();

// callbacks.cpp: the running thread is about to access memory, at the call that returns to `from`.
// `aligned`: as the type promises.
void accessed(void* address, size_t bytes, bool write, bool aligned, const void* from);

struct ReportRow {
  std::string kernel, file, kind,
      space;  // kind: read, write, atomic, async copy, barrier, warp sync
  int line = 0;
  // accesses of warps and of threads, bytes; global: 32-byte sectors; shared: passes over the banks
  uint64_t warps = 0, lanes = 0, bytes = 0;
  uint64_t sectors = 0, ideal_sectors = 0, wavefronts = 0, ideal_wavefronts = 0;
};
struct KernelRow {
  std::string kernel;
  uint64_t launches = 0, blocks = 0, threads = 0;
};
// All that was counted in this process.
std::vector<ReportRow> report_rows();
std::vector<KernelRow> report_kernels();
std::string report_trouble();  // why rows have no lines; "" where they have

}  // namespace pygan::emu
