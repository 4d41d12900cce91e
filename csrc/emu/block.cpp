#include "emu/block.h"

#include <cstdlib>
#include <cstring>

namespace pygan::emu {

// ---- shared memory ---------------------------------------------------------------------------------

void Arena::clear() {
  const Unobserved fill;
  if (kThreadSanitizer && base_) retired_.push_back(std::move(base_));
  if (!base_) {
    base_.reset(static_cast<uint8_t*>(std::aligned_alloc(kRedZone, kCapacity)));
    if (!base_) throw OutOfMemoryError("the emulator's shared memory: out of memory");
  }
  arrays_.clear();
  allow(base_.get(), kCapacity);
  std::memset(base_.get(), kRedByte, kRedZone);
  forbid(base_.get(), kRedZone);
  used_ = kRedZone;
}

void* Arena::add(size_t bytes, const char* name, const void* tag, Site site) {
  const size_t room = (bytes + kRedZone - 1) / kRedZone * kRedZone + kRedZone;
  if (used_ + room > kCapacity) return nullptr;
  const Unobserved fill;
  uint8_t* const p = base_.get() + used_;
  std::memset(p, kFreshByte, bytes);
  std::memset(p + bytes, kRedByte, room - bytes);
  forbid(p + bytes, room - bytes);
  arrays_.push_back({used_, bytes, name, tag, site});
  used_ += room;
  return p;
}

const SharedArray* Arena::overrun() const {
  if (kAddressSanitizer) return nullptr;  // it has stopped at the access
  size_t at = 0;
  for (size_t i = 0; i <= arrays_.size(); ++i) {
    const size_t end = i < arrays_.size() ? arrays_[i].begin : used_;
    for (; at < end; ++at)
      if (base_.get()[at] != kRedByte) {
        const bool nearer_next = i < arrays_.size() && (i == 0 || end - at <= kRedZone / 2);
        return &arrays_[nearer_next || i == 0 ? i : i - 1];
      }
    if (i < arrays_.size()) at = end + arrays_[i].bytes;
  }
  return nullptr;
}

void* shared_array(size_t bytes, const char* name, const void* tag, Site site) {
  for (const SharedArray& a : block->shared.arrays())
    if (a.tag == tag) return block->shared.base() + a.begin;
  size_t total = block->launch->dynamic_shared + bytes, fixed = bytes;
  for (const SharedArray& a : block->shared.arrays()) {
    if (block->shared.base() + a.begin == block->dynamic) continue;
    total += a.bytes;
    fixed += a.bytes;
  }
  void* const p = block->shared.add(bytes, name, tag, site);
  if (!p || fixed > kMaxStaticShared || total > kMaxShared)
    fail("shared memory over the limit at " + where(site) + ": " + std::to_string(total) +
         " bytes with '" + name + "'; at most " + std::to_string(kMaxStaticShared) + " declared, " +
         std::to_string(kMaxShared) + " in all");
  if (Observer* o = active_observer()) o->shared_declared(p, bytes, name, site);
  return p;
}

void* dynamic_shared(Site site) {
  if (!block->dynamic) {
    block->dynamic =
        block->shared.add(block->launch->dynamic_shared, "dynamic shared memory", nullptr, site);
    if (Observer* o = active_observer())
      o->shared_declared(block->dynamic, block->launch->dynamic_shared, "dynamic shared memory",
                         site);
  }
  return block->dynamic;
}

// ---- a block's life --------------------------------------------------------------------------------

namespace {

// Where a thread that leaves has been
std::string last_site(const Thread& t) {
  return t.site.file ? "it was last at " + where(t.site) : "it has come to no barrier";
}

// A thread's whole life, on its own stack.
void thread_main(void*) {
  block->body(block->argument);
  Thread& t = block->thread(block->running);
  if (block->waiting)
    fail("leaves the kernel (" + last_site(t) + ") while " + thread_name(block->first) +
         " waits at the barrier at " + where(block->thread(block->first).site));
  const int lane = block->running % kWarp, first = block->running - lane;
  for (int i = first; i < first + kWarp && i < block->count; ++i) {
    const Thread& u = block->thread(i);
    if (u.state == Thread::State::at_collective && u.mask >> lane & 1)
      fail("leaves the kernel (" + last_site(t) + ") while " + thread_name(i) +
           " waits for it in " + name(u.op) + " at " + where(u.site));
  }
  if (!t.copies.empty())
    fail("leaves the kernel with cp.async copies in flight, issued at " + where(t.copies[0].site));
  t.state = Thread::State::gone;
  block->left += 1;
  order_release(block);  // the launch's end comes after it
  t.fiber->leave(true);
}

}  // namespace

void Block::begin_launch(const Launch& l, void (*b)(void*), void* a) {
  launch = &l;
  body = b;
  argument = a;
  error.reset();
  if (kThreadSanitizer) {
    shared.forget_retired();
    fibers_.clear();
  }
  free_.clear();  // a launch that failed left threads behind
  for (const auto& f : fibers_) free_.push_back(f.get());
  count = static_cast<int>(l.block.x * l.block.y * l.block.z);
  while (threads_.size() < static_cast<size_t>(count))
    threads_.push_back(std::make_unique<Thread>());
}

void Block::begin(int64_t n) {
  number = n;
  const auto rest = static_cast<uint64_t>(n);
  index = {static_cast<unsigned>(rest % launch->grid.x),
           static_cast<unsigned>(rest / launch->grid.x % launch->grid.y),
           static_cast<unsigned>(rest / launch->grid.x / launch->grid.y)};
  shared.clear();
  dynamic = nullptr;
  left = waiting = barriers = 0;
  ready.clear();
  for (int i = 0; i < count; ++i) {
    Thread& t = thread(i);
    const unsigned u = static_cast<unsigned>(i);
    t.index = {u % launch->block.x, u / launch->block.x % launch->block.y,
               u / launch->block.x / launch->block.y};
    t.state = Thread::State::ready;
    t.site = {};
    t.groups = 0;
    t.copies.clear();
    t.fiber = nullptr;
    ready.add(i);
  }
}

int Block::stack_owner(uintptr_t address) const {
  for (int i = 0; i < count; ++i)
    if (const Fiber* f = threads_[static_cast<size_t>(i)]->fiber)
      if (address - f->low() < kStackBytes) return i;
  return -1;
}

void Block::wait() { thread(running).fiber->leave(); }

void Block::make_ready(int i) {
  thread(i).state = Thread::State::ready;
  ready.add(i);
}

void Block::run(int i) {
  Thread& t = thread(i);
  running = i;
  if (!t.fiber) {
    if (free_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>());
      free_.push_back(fibers_.back().get());
    }
    t.fiber = free_.back();
    free_.pop_back();
    t.fiber->start(thread_main, nullptr);
  }
  running_stack.store(t.fiber->low(), std::memory_order_relaxed);
  t.fiber->enter();
  running_stack.store(0, std::memory_order_relaxed);
  if (t.state == Thread::State::gone) {
    if (kThreadSanitizer)
      t.fiber->forget();
    else
      free_.push_back(t.fiber);
  }
}

int ReadySet::first() const {
  int i = 0;
  while (!words_[i]) ++i;
  return 64 * i + __builtin_ctzll(words_[i]);
}
int ReadySet::last() const {
  int i = kMaxThreads / 64 - 1;
  while (!words_[i]) --i;
  return 64 * i + 63 - __builtin_clzll(words_[i]);
}
int ReadySet::nth(int n) const {
  int i = 0;
  for (int count; n >= (count = __builtin_popcountll(words_[i])); ++i) n -= count;
  uint64_t word = words_[i];
  while (n--) word &= word - 1;
  return 64 * i + __builtin_ctzll(word);
}

void Block::check_red_zones() {
  if (const SharedArray* a = shared.overrun())
    error = std::make_unique<EmulatorError>(
        where(launch->site) + ": block (" + std::to_string(index.x) + "," +
        std::to_string(index.y) + "," + std::to_string(index.z) +
        ") wrote outside its shared array '" + a->name + "' declared at " + where(a->site));
}

std::string Block::deadlock() {
  std::string text = where(launch->site) + ": deadlock:";
  std::vector<Site> seen;
  for (int i = 0; i < count; ++i) {
    const Thread& t = thread(i);
    if (t.state == Thread::State::gone) continue;
    bool known = false;
    for (const Site& s : seen) known |= s.line == t.site.line && s.file == t.site.file;
    if (known) continue;
    text += (seen.empty() ? " " : "; ") + thread_name(i) + " waits at " + where(t.site) +
            (t.state == Thread::State::at_collective ? std::string(" in ") + name(t.op) : "");
    seen.push_back(t.site);
  }
  return text;
}

// ---- barriers --------------------------------------------------------------------------------------

int barrier(Barrier kind, int predicate, Site site) {
  Block& b = *block;
  Thread& t = b.thread(b.running);
  t.site = site;
  if (b.left) {
    int gone = 0;
    while (b.thread(gone).state != Thread::State::gone) ++gone;
    fail("waits at the barrier at " + where(site) + ", but " + thread_name(gone) +
         " has left the kernel (" + last_site(b.thread(gone)) + ")");
  }
  if (!b.waiting) {
    b.kind = kind;
    b.first = b.running;
    b.predicates = 0;
  } else {
    const Site other = b.thread(b.first).site;
    if (other.line != site.line || std::strcmp(other.file, site.file) || kind != b.kind)
      fail("waits at the barrier at " + where(site) + " while " + thread_name(b.first) +
           " waits at another at " + where(other));
  }
  order_release(&b.order[b.barriers % 2]);
  b.waiting += 1;
  b.predicates += predicate != 0;
  if (b.waiting < b.count) {
    t.state = Thread::State::at_barrier;
    const int turn = b.barriers % 2;
    b.wait();
    order_acquire(&b.order[turn]);
    return t.barrier_result;
  }
  b.waiting = 0;
  order_acquire(&b.order[b.barriers % 2]);
  b.barriers += 1;
  const int result = kind == Barrier::any     ? b.predicates > 0
                     : kind == Barrier::all   ? b.predicates == b.count
                     : kind == Barrier::count ? b.predicates
                                              : 0;
  if (Observer* o = active_observer()) o->block_barrier(site);
  for (int i = 0; i < b.count; ++i) {
    b.thread(i).barrier_result = result;
    if (i != b.running) b.make_ready(i);
  }
  return result;
}

}  // namespace pygan::emu
