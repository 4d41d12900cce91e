// The emulator's own state: the running block, its threads and its shared memory.
#pragma once

#include <memory>
#include <vector>

#include "emu/fiber.h"
#include "emu/runtime.h"

namespace pygan::emu {

struct AsyncCopy {
  void* shared;
  const void* global;
  size_t bytes;
  int group;
  Site site;
};

// Linear thread indices that may run
class ReadySet {
 public:
  void clear() { *this = {}; }
  void add(int i) { words_[i / 64] |= uint64_t{1} << i % 64, ++size_; }
  void remove(int i) { words_[i / 64] &= ~(uint64_t{1} << i % 64), --size_; }
  int size() const { return size_; }
  int first() const;
  int last() const;
  int nth(int n) const;  // the n-th in ascending order

 private:
  uint64_t words_[kMaxThreads / 64] = {};
  int size_ = 0;
};

struct Thread {
  enum class State : uint8_t { ready, at_barrier, at_collective, gone };
  Fiber* fiber = nullptr;  // from its first run until it is gone
  Dim3 index;
  State state = State::ready;
  Site site;          // the last barrier or collective it came to
  uint32_t mask = 0;  // of the collective
  Collective op = Collective::sync;
  LaneArgs args;        // what it brought to the collective
  uint64_t result = 0;  // what it gets
  int barrier_result = 0;
  int groups = 0;  // of cp.async, committed
  std::vector<AsyncCopy> copies;
  char arrival, departure;  // for ThreadSanitizer, of collectives that order memory
};

struct SharedArray {
  size_t begin, bytes;  // offset in the arena
  const char* name;
  const void* tag;  // of its declaration
  Site site;
};

// The shared memory of one block. Arrays are kRedZone apart; `fresh` bytes are NaN.
class Arena {
 public:
  static constexpr size_t kRedZone = 64;
  static constexpr size_t kCapacity = 256 << 10;
  static constexpr uint8_t kRedByte = 0xfd, kFreshByte = 0xff;

  void clear();  // a new block: no arrays
  void* add(size_t bytes, const char* name, const void* tag, Site);
  const std::vector<SharedArray>& arrays() const { return arrays_; }
  uint8_t* base() const { return base_.get(); }
  size_t used() const { return used_; }
  // The array before or after which a red zone was written to, or null
  const SharedArray* overrun() const;
  void forget_retired() { retired_.clear(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> base_;
  std::vector<std::unique_ptr<uint8_t, Free>> retired_;  // earlier blocks', for ThreadSanitizer
  size_t used_ = 0;
  std::vector<SharedArray> arrays_;
};

struct Block {
  const Launch* launch = nullptr;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
  Dim3 index;
  int64_t number = 0;
  int count = 0;    // threads
  int running = 0;  // the one that has the processor
  int left = 0;     // threads that are gone
  ReadySet ready;
  std::unique_ptr<EmulatorError> error;
  Arena shared;
  void* dynamic = nullptr;

  int waiting = 0;   // at the barrier
  int barriers = 0;  // that all have passed
  // For ThreadSanitizer: in turn, since a thread may come to the next barrier before another has
  // gone on from this one.
  char order[2];
  Barrier kind = Barrier::plain;
  int first = 0;  // who came first
  int predicates = 0;

  Thread& thread(int i) { return *threads_[static_cast<size_t>(i)]; }
  void begin_launch(const Launch&, void (*)(void*), void*);
  void begin(int64_t number);
  void check_red_zones();                    // EmulatorError in `error`
  std::string deadlock();                    // who waits where
  int stack_owner(uintptr_t address) const;  // the thread, or -1
  void wait();                               // the running thread gives way until it is made ready
  void make_ready(int thread);
  void run(int thread);  // until it waits or is gone

 private:
  std::vector<std::unique_ptr<Thread>> threads_;
  // A thread that never waits leaves its stack, still in the cache, to the next one.
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
};

extern Block* block;  // the running one
Observer* active_observer();

}  // namespace pygan::emu
