#include "emu/runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "emu/block.h"
#include "emu/collectives.h"
#include "emu/guard.h"

namespace pygan::emu {
namespace {

std::mutex launching;
Observer* observer = nullptr;

struct Schedule {
  enum Kind { forward, reverse, random } kind = forward;
  uint64_t seed = 0;
  std::string text = "forward";
};

Schedule parse(const std::string& text) {
  Schedule s;
  s.text = text;
  if (text == "forward") return s;
  if (text == "reverse") {
    s.kind = Schedule::reverse;
    return s;
  }
  const std::string prefix = "random:";
  char* end = nullptr;
  if (text.rfind(prefix, 0) == 0 && text.size() > prefix.size() &&
      std::isdigit(text[prefix.size()])) {
    s.kind = Schedule::random;
    s.seed = std::strtoull(text.c_str() + prefix.size(), &end, 10);
    if (*end == 0) return s;
  }
  throw ConfigError("PYGAN_EMU_SCHEDULE: '" + text + "' is not forward, reverse or random:SEED");
}

Schedule& current_schedule() {
  static Schedule s = [] {
    const char* text = std::getenv("PYGAN_EMU_SCHEDULE");
    return text && *text ? parse(text) : Schedule{};
  }();
  return s;
}

unsigned checked_blocks(int64_t n, const std::string& text) {
  if (n < 1 || n > int64_t{kMostBlocks})
    throw ConfigError("PYGAN_EMU_BLOCKS: '" + text + "' is not a number from 1 to 2048");
  return static_cast<unsigned>(n);
}
std::atomic<unsigned>& current_most_blocks() {
  static std::atomic<unsigned> most = [] {
    const char* text = std::getenv("PYGAN_EMU_BLOCKS");
    if (!text || !*text) return kMostBlocks;
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    return checked_blocks(*end ? 0 : n, text);
  }();
  return most;
}

// splitmix64: which ready thread runs next
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void refuse(const Launch& l, const std::string& what) {
  throw ConfigError(where(l.site) + ": a GPU refuses this launch: " + what);
}

void check_launch(const Launch& l) {
  const auto text = [](Dim3 d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) +
           ")";
  };
  const uint64_t threads = uint64_t{l.block.x} * l.block.y * l.block.z;
  if (threads == 0 || threads > kMaxThreads || l.block.z > 64)
    refuse(l, "block " + text(l.block) + ": 1 to 1024 threads, at most 64 along z");
  if (l.grid.x == 0 || l.grid.y == 0 || l.grid.z == 0 || l.grid.x > 0x7fffffff ||
      l.grid.y > 65535 || l.grid.z > 65535)
    refuse(l, "grid " + text(l.grid) + ": 1 to 2^31 - 1 blocks along x, 65535 along y and z");
  if (l.dynamic_shared > kMaxShared)
    refuse(l, std::to_string(l.dynamic_shared) + " bytes of shared memory, at most " +
                  std::to_string(kMaxShared));
}

int pick(const ReadySet& ready, const Schedule& schedule, uint64_t& random) {
  switch (schedule.kind) {
    case Schedule::forward:
      return ready.first();
    case Schedule::reverse:
      return ready.last();
    case Schedule::random:
      break;
  }
  return ready.nth(static_cast<int>(next_random(random) % static_cast<uint64_t>(ready.size())));
}

// Lets the block's threads run until all have left.
void run_threads(Block& block, const Schedule& schedule, uint64_t& random) {
  while (block.left < block.count) {
    if (block.error) return;
    if (block.ready.size() == 0) {
      block.error = std::make_unique<EmulatorError>(block.deadlock());
      return;
    }
    const int next = pick(block.ready, schedule, random);
    block.ready.remove(next);
    block.run(next);
  }
}

}  // namespace

Block* block = nullptr;  // the running one
std::atomic<uintptr_t> running_stack{0};

Observer* active_observer() { return block && block->launch->checked ? observer : nullptr; }
void set_observer(Observer* o) { observer = o; }
void set_schedule(const std::string& text) {
  std::lock_guard lock(launching);
  current_schedule() = parse(text);
}
std::string schedule() { return current_schedule().text; }
void set_most_blocks(int64_t n) { current_most_blocks() = checked_blocks(n, std::to_string(n)); }
unsigned most_blocks() { return current_most_blocks(); }

void launch(const Launch& l, void (*body)(void*), void* argument) {
  std::lock_guard lock(launching);
  check_launch(l);
  const OpenMemory open;
  static Block* const storage = new Block;  // its stacks are kept between launches
  storage->begin_launch(l, body, argument);
  const Schedule& schedule = current_schedule();
  uint64_t random = schedule.seed;
  const uint64_t blocks = uint64_t{l.grid.x} * l.grid.y * l.grid.z;
  std::vector<uint64_t> order;
  if (schedule.kind == Schedule::random) {
    order.resize(blocks);
    for (uint64_t i = 0; i < blocks; ++i) order[i] = i;
    for (uint64_t i = blocks; i-- > 1;) std::swap(order[i], order[next_random(random) % (i + 1)]);
  }
  block = storage;
  Observer* const listener = active_observer();
  if (listener) listener->launch_begins(l);
  for (uint64_t i = 0; i < blocks && !block->error; ++i) {
    const uint64_t number = schedule.kind == Schedule::forward   ? i
                            : schedule.kind == Schedule::reverse ? blocks - 1 - i
                                                                 : order[i];
    block->begin(static_cast<int64_t>(number));
    if (listener) listener->block_begins(block->number);
    run_threads(*block, schedule, random);
    if (!block->error) block->check_red_zones();
    if (listener && !block->error) listener->block_ends();
  }
  order_acquire(block);
  std::string what = block->error ? block->error->what() : "";
  const bool failed = block->error != nullptr;
  if (listener) {
    const std::string found = listener->launch_ends();
    what += what.empty() || found.empty() ? found : "\n" + found;
  }
  block = nullptr;
  if (failed || !what.empty()) throw EmulatorError(what);
}

// ---- the running thread ----------------------------------------------------------------------------

Dim3 thread_index() { return block->thread(block->running).index; }
Dim3 block_index() { return block->index; }
Dim3 block_dim() { return block->launch->block; }
Dim3 grid_dim() { return block->launch->grid; }
int thread_number() { return block->running; }
int64_t block_number() { return block->number; }
const Launch& running() { return *block->launch; }
const SharedArray* shared_arrays(size_t* count, uintptr_t* arena) {
  *count = block->shared.arrays().size();
  *arena = reinterpret_cast<uintptr_t>(block->shared.base());
  return block->shared.arrays().data();
}
size_t arena_bytes() { return Arena::kCapacity; }

std::string where(Site site) {
  if (!site.file) return "an unknown line";
  const char* name = std::strrchr(site.file, '/');
  return std::string(name ? name + 1 : site.file) + ":" + std::to_string(site.line);
}

std::string thread_name(int thread, int64_t number) {
  const auto text = [](uint64_t i, Dim3 d) {
    return "(" + std::to_string(i % d.x) + "," + std::to_string(i / d.x % d.y) + "," +
           std::to_string(i / d.x / d.y) + ")";
  };
  return "thread " + text(static_cast<uint64_t>(thread), block->launch->block) + " of block " +
         text(static_cast<uint64_t>(number), block->launch->grid);
}
std::string thread_name(int thread) { return thread_name(thread, block->number); }
std::string thread_name() { return thread_name(block->running); }

void fail(const std::string& what) {
  block->error = std::make_unique<EmulatorError>(where(block->launch->site) + ": " + thread_name() +
                                                 ": " + what);
  block->thread(block->running).fiber->leave();
  __builtin_unreachable();  // a failed launch enters no fiber again
}

void fail_observed() {
  block->error = std::make_unique<EmulatorError>("");
  block->thread(block->running).fiber->leave();
  __builtin_unreachable();
}

void check_alignment(const void* address, size_t bytes, Site site) {
  if (reinterpret_cast<uintptr_t>(address) % bytes)
    fail("misaligned access of " + std::to_string(bytes) + " bytes at " + where(site));
}

void begin_vector_load(const void* address, size_t bytes, Site site) {
  check_alignment(address, bytes, site);
  if (Observer* o = active_observer()) o->vector_load(address, bytes, site);
}

template <class T>
T atomic(Atomic op, T* address, T value, T compare, Site site) {
  check_alignment(address, sizeof(T), site);
  if (Observer* o = active_observer()) o->atomic_access(address, sizeof(T), site);
  const T old = *address;
  switch (op) {
    case Atomic::add:
      *address = static_cast<T>(static_cast<std::make_unsigned_t<T>>(old) +
                                static_cast<std::make_unsigned_t<T>>(value));
      break;
    case Atomic::min:
      *address = std::min(old, value);
      break;
    case Atomic::max:
      *address = std::max(old, value);
      break;
    case Atomic::exchange:
      *address = value;
      break;
    case Atomic::bit_or:
      *address = old | value;
      break;
    case Atomic::bit_and:
      *address = old & value;
      break;
    case Atomic::compare_swap:
      if (old == compare) *address = value;
      break;
  }
  return old;
}
template int32_t atomic(Atomic, int32_t*, int32_t, int32_t, Site);
template uint32_t atomic(Atomic, uint32_t*, uint32_t, uint32_t, Site);
template int64_t atomic(Atomic, int64_t*, int64_t, int64_t, Site);
template uint64_t atomic(Atomic, uint64_t*, uint64_t, uint64_t, Site);

void copy_in(void* device, const void* host, size_t bytes) {
  const OpenMemory open;
  std::memmove(device, host, bytes);
  if (observer) observer->host_wrote(device, bytes);
}
void copy_out(void* host, const void* device, size_t bytes) {
  const OpenMemory open;
  std::memcpy(host, device, bytes);
}

// ---- cp.async --------------------------------------------------------------------------------------

void cp_async(void* shared, const void* global, size_t bytes, Site site) {
  if (bytes != 4 && bytes != 8 && bytes != 16)
    fail("cp.async of " + std::to_string(bytes) + " bytes at " + where(site) + ": 4, 8 or 16");
  check_alignment(shared, bytes, site);
  check_alignment(global, bytes, site);
  if (Observer* o = active_observer()) o->async_issued(shared, global, bytes, site);
  std::memset(shared, 0xff, bytes);
  Thread& t = block->thread(block->running);
  t.copies.push_back({shared, global, bytes, t.groups, site});
}
void cp_async_commit() { block->thread(block->running).groups += 1; }
void cp_async_wait(int groups_in_flight, Site) {
  Thread& t = block->thread(block->running);
  size_t kept = 0;
  for (const AsyncCopy& c : t.copies) {
    if (c.group >= t.groups - groups_in_flight) {  // still in flight, or not committed
      t.copies[kept++] = c;
      continue;
    }
    if (Observer* o = active_observer()) o->async_copied(c.shared, c.global, c.bytes, c.site);
    std::memcpy(c.shared, c.global, c.bytes);
  }
  t.copies.resize(kept);
}

}  // namespace pygan::emu
