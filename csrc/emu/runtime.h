// The emulator: runs CUDA kernels on the host. A launch runs its blocks one after another; a block's
// threads are fibers (fiber.h) that give way at barriers and warp collectives only. Any mistake that
// a kernel makes ends the launch with an EmulatorError that names the thread and the source line.
//
// Kernels see this through device/emu_device.h, which turns CUDA's names into these calls.
//
// One launch runs at a time. Weak memory orders and speed are out of scope.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace pygan::emu {

constexpr int kWarp = 32;
constexpr int kMaxThreads = 1024;              // of a block
constexpr size_t kMaxStaticShared = 48 << 10;  // bytes of a block
constexpr size_t kMaxShared = 99 << 10;        // with dynamic memory: what 8.6, 8.9 and 12.0 have

struct Dim3 {
  unsigned x, y, z;
  constexpr Dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct SharedArray;  // block.h

// Where a call stands in a kernel's source.
struct Site {
  const char* file = nullptr;
  int line = 0;
};

struct Launch {
  const void* function = nullptr;  // the kernel
  Site site;                       // of the launch: it stands for the kernel in messages
  Dim3 grid, block;
  size_t dynamic_shared = 0;  // bytes
  bool checked = false;       // compiled with callbacks at every access (check.h)
};

// Copies from the host: what a launch reads afterwards counts as written.
void copy_in(void* device, const void* host, size_t bytes);
void copy_out(void* host, const void* device, size_t bytes);

// Runs body(argument) once for each thread. EmulatorError for a mistake; ConfigError for a launch
// that a GPU would refuse.
void launch(const Launch&, void (*body)(void*), void* argument);

// ---- what a running thread asks for --------------------------------------------------------------
// Constant while a thread lives, so the compiler may call them once.

[[gnu::const]] Dim3 thread_index();
[[gnu::const]] Dim3 block_index();
[[gnu::const]] Dim3 block_dim();
[[gnu::const]] Dim3 grid_dim();

// The block's array that a PYGAN_SHARED line declares: 16-byte aligned, red zones around it, filled
// with NaN (bytes 0xff) when the block starts.
// `tag`: one address for each declaration and each instantiation of the function around it.
void* shared_array(size_t bytes, const char* name, const void* tag, Site);
void* dynamic_shared(Site);  // as long as the launch says

enum class Barrier : uint8_t { plain, any, all, count };
int barrier(Barrier, int predicate, Site);  // __syncthreads, _or, _and, _count

enum class Collective : uint8_t {
  sync,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  ballot,
  any,
  all,
  match_any,
  mma_tf32_16x8x8,
  mma_bf16_16x8x16,
  ldmatrix  // device/mma.h
};
const char* name(Collective);
// What a lane brings and gets. Shuffles: `value` in and out, `lane` the source, distance or mask.
struct LaneArgs {
  uint64_t value = 0;
  int lane = 0;
  int width = kWarp;
  void* fragment = nullptr;  // of mma and ldmatrix: the lane's registers
};
// Meets the other lanes of `mask` and returns the lane's result.
uint64_t collective(Collective, uint32_t mask, const LaneArgs&, Site);

enum class Atomic : uint8_t { add, min, max, exchange, bit_or, bit_and, compare_swap };
// T: int32_t, uint32_t, int64_t, uint64_t. Returns the old value.
template <class T>
T atomic(Atomic, T* address, T value, T compare, Site);

// A wide access through a helper of device.h: EmulatorError where it is not aligned.
void check_alignment(const void* address, size_t bytes, Site);
void begin_vector_load(const void* address, size_t bytes, Site);  // all bytes of which count

// cp.async: `issue` fills the target with NaN; the copy happens at the wait.
void cp_async(void* shared, const void* global, size_t bytes, Site);
void cp_async_commit();
void cp_async_wait(int groups_in_flight, Site);

// device/mma.h: d, a, b, c as there; d (count) registers of ldmatrix, `row` in shared memory
void mma(Collective, float* d, const uint32_t* a, const uint32_t* b, const float* c, Site);
void ldmatrix(uint32_t* d, int count, bool transposed, const void* row, Site);

// A mistake of the running thread: ends the launch. `what` is prefixed with kernel, block, thread.
[[noreturn]] void fail(const std::string& what);
// Ends the launch for a mistake that the observer will tell when it ends.
[[noreturn]] void fail_observed();
std::string where(Site);              // "file:line"
std::string thread_name();            // "thread (5,0,0) of block (2,0,0)" of the running thread
std::string thread_name(int thread);  // of the running block, by linear index
std::string thread_name(int thread, int64_t block);
int thread_number();                                                // linear index in its block
int64_t block_number();                                             // linear index in the grid
const SharedArray* shared_arrays(size_t* count, uintptr_t* arena);  // of the running block
size_t arena_bytes();
// The running thread's own stack, [low, low + kStackBytes); 0 while none runs.
extern std::atomic<uintptr_t> running_stack;
const Launch& running();

// ---- schedules -----------------------------------------------------------------------------------
// In which order blocks and ready threads run: "forward", "reverse" or "random:SEED". The first
// comes from PYGAN_EMU_SCHEDULE; ConfigError for anything else. Results must not depend on it.
void set_schedule(const std::string&);
std::string schedule();

// ---- launches that stride --------------------------------------------------------------------------
// The most blocks that a launch by blocks_for has; kernels stride over the rest, and 1 makes them do so
// on a few elements. The first number comes from PYGAN_EMU_BLOCKS; ConfigError for anything that is
// not 1 to 2048. Results must not depend on it.
constexpr unsigned kMostBlocks = 2048;
void set_most_blocks(int64_t);
unsigned most_blocks();

// ---- observers -----------------------------------------------------------------------------------
// The checker (check.h) and the tests listen. Called on the running thread's fiber, or between them.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void launch_begins(const Launch&) {}
  virtual std::string launch_ends() = 0;  // what was wrong, "" for nothing: thrown
  virtual void block_begins(int64_t /*block*/) {}
  virtual void block_ends() {}
  virtual void shared_declared(void*, size_t /*bytes*/, const char* /*name*/, Site) {}
  virtual void block_barrier(Site) {}  // all threads have arrived
  virtual void warp_sync(int /*warp*/, uint32_t /*mask*/, Collective, Site) {}  // all have arrived
  virtual void atomic_access(void*, size_t /*bytes*/, Site) {}                  // before it
  virtual void vector_load(const void*, size_t /*bytes*/, Site) {}              // before it
  virtual void matrix_row(const void*, size_t /*bytes*/, Site) {}  // that ldmatrix reads
  virtual void host_wrote(void*, size_t /*bytes*/) {}              // between launches
  // cp.async, before its target is filled with NaN, and before the copy
  virtual void async_issued(void* /*shared*/, const void* /*global*/, size_t /*bytes*/, Site) {}
  virtual void async_copied(void* /*shared*/, const void* /*global*/, size_t /*bytes*/, Site) {}
};
void set_observer(Observer*);  // of checked launches; nullptr: none

}  // namespace pygan::emu
