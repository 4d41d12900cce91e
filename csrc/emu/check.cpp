#include "emu/check.h"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "emu/block.h"
#include "emu/findings.h"
#include "emu/memory.h"
#include "emu/shadow.h"
#include "emu/traffic.h"

namespace pygan::emu {
namespace {

std::string bytes_text(uint64_t n) { return std::to_string(n) + (n == 1 ? " byte" : " bytes"); }

class Checker : public Observer {
 public:
  void start() {
    session_ += 1;
    blocks_before_ = blocks_made();
  }
  void count_traffic(bool on) { counting_ = on; }

  void launch_begins(const Launch& l) override {
    first_serial_ = serial_ + 1;
    numbers_.clear();
    findings_.clear();
    global_pool_.clear();
    for (Known& k : recent_) k = {};
    arena_ = nullptr;
    KernelCount& k = kernels_[l.function];
    k.launches += 1;
    k.blocks += uint64_t{l.grid.x} * l.grid.y * l.grid.z;
    k.threads +=
        uint64_t{l.grid.x} * l.grid.y * l.grid.z * (uint64_t{l.block.x} * l.block.y * l.block.z);
  }
  std::string launch_ends() override {
    if (findings_.empty()) return "";
    const Launch& l = running();
    return findings_.text(symbols_, where(l.site) + ": kernel " + symbols_.function(l.function));
  }
  void block_begins(int64_t number) override {
    serial_ += 1;
    numbers_.push_back(number);
    const Dim3 b = running().block;
    order_.begin_block(serial_, static_cast<int>((b.x * b.y * b.z + kWarp - 1) / kWarp));
    shared_pool_.clear();
    flights_.clear();
    if (counting_) traffic_.begin_block(running().function);
  }
  void block_ends() override {
    if (counting_) traffic_.end_block();
  }
  void shared_declared(void* p, size_t bytes, const char*, Site) override {
    size_t count;
    uintptr_t base;
    shared_arrays(&count, &base);
    if (!arena_ || arena_->base() != base)
      arena_ = std::make_unique<Shadow>(base, arena_bytes(), true);
    arena_->mark_unwritten(reinterpret_cast<uintptr_t>(p) - base, bytes);
  }
  void block_barrier(Site site) override {
    order_.barrier();
    if (counting_) traffic_.event(symbols_.place(site), Kind::barrier);
  }
  void warp_sync(int warp, uint32_t mask, Collective op, Site site) override {
    if (op != Collective::sync) return;
    order_.sync(warp, mask);
    if (counting_) traffic_.event(symbols_.place(site), Kind::warp_sync);
  }
  void atomic_access(void* p, size_t bytes, Site site) override {
    access(reinterpret_cast<uintptr_t>(p), bytes, Kind::atomic, symbols_.place(site));
  }
  void vector_load(const void* p, size_t bytes, Site site) override {
    const auto address = reinterpret_cast<uintptr_t>(p);
    if (const Target t = target(address, bytes); t.shadow)
      check_written(t, address - t.shadow->base(), bytes, symbols_.place(site));
  }
  void matrix_row(const void* p, size_t bytes, Site site) override {
    access(reinterpret_cast<uintptr_t>(p), bytes, Kind::read, symbols_.place(site));
  }
  void host_wrote(void* p, size_t bytes) override {
    if (const MemoryBlock* b = find_block(p)) {
      Shadow& s = shadow(*b);
      s.mark_written(reinterpret_cast<uintptr_t>(p) - s.base(), bytes);
    }
  }
  void async_issued(void* to, const void* from, size_t bytes, Site site) override {
    const Place place = symbols_.place(site);
    const Target source = target(reinterpret_cast<uintptr_t>(from), bytes);
    if (!source.shadow || source.space != Space::global)
      outside(reinterpret_cast<uintptr_t>(from), bytes, "reads", place);
    const auto address = reinterpret_cast<uintptr_t>(to);
    const Target t = target(address, bytes);
    if (!t.shadow || t.space != Space::shared) outside(address, bytes, "writes", place);
    access(address, bytes, Kind::write, place);  // from now on the target may change
    t.shadow->mark_unwritten(address - t.shadow->base(), bytes);
    flights_.push_back({address, bytes, place, thread_number()});
  }
  void async_copied(void* to, const void* from, size_t bytes, Site site) override {
    const Place place = symbols_.place(site);
    const auto address = reinterpret_cast<uintptr_t>(to);
    for (size_t i = 0; i < flights_.size(); ++i)
      if (flights_[i].to == address && flights_[i].thread == thread_number()) {
        flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
    if (counting_)
      traffic_.access(thread_number(), place, Space::global, Kind::async_copy,
                      reinterpret_cast<uintptr_t>(from), bytes);
    access(reinterpret_cast<uintptr_t>(from), bytes, Kind::read, place, false);
    access(address, bytes, Kind::write, place, false);
  }

  // An access of the running thread, before it happens.
  void access(uintptr_t address, size_t bytes, Kind kind, Place place, bool count = true) {
    const Target t = target(address, bytes);
    if (!t.shadow) {
      if (kind == Kind::read && symbols_.read_only(address, bytes)) return;
      outside(address, bytes, kind == Kind::read ? "reads" : "writes", place);
    }
    const size_t offset = address - t.shadow->base();
    if (count && counting_) traffic_.access(thread_number(), place, t.space, kind, address, bytes);
    if (kind != Kind::write) {
      // More than 8 bytes at once: a vector (which begin_vector_load checks) or a copy of a struct,
      // whose padding nobody need have written.
      if (bytes <= 8 || !t.shadow->any_written(offset, bytes))
        check_written(t, offset, bytes, place);
    }
    if (kind != Kind::read) t.shadow->mark_written(offset, bytes);
    const bool is_shared = t.space == Space::shared;
    Race race;
    if (t.shadow->access(offset, bytes, kind != Kind::read,
                         order_.now(thread_number(), place, kind == Kind::atomic),
                         is_shared ? serial_ : first_serial_, order_,
                         is_shared ? shared_pool_ : global_pool_, &race))
      raced(race, t, address, bytes, kind, place);
  }
  [[noreturn]] void misaligned(uintptr_t address, size_t bytes, bool write, Place place) {
    const Target t = target(address, bytes);
    findings_.add(Findings::Kind::misaligned, place, place,
                  "misaligned access: " + thread_name() + (write ? " writes " : " reads ") +
                      bytes_text(bytes) + " at $a, " + array(t, address) +
                      ", which is not a multiple of " + std::to_string(bytes));
    fail_observed();
  }

  Symbols& symbols() { return symbols_; }
  const Traffic& traffic() const { return traffic_; }
  struct KernelCount {
    uint64_t launches = 0, blocks = 0, threads = 0;
  };
  const std::map<const void*, KernelCount>& kernels() const { return kernels_; }

 private:
  struct Target {
    Shadow* shadow = nullptr;  // of the array that holds all of the access; nullptr: none does
    Space space = Space::global;
  };
  struct Known {
    uintptr_t base = 0;
    size_t size = 0;
    Shadow* shadow = nullptr;
  };
  struct Flight {  // a cp.async that was not waited for
    uintptr_t to;
    size_t bytes;
    Place place;
    int thread;
  };
  struct GlobalShadow {
    Shadow shadow;
    uint64_t session;
  };

  Shadow& shadow(const MemoryBlock& b) {
    auto* s = static_cast<GlobalShadow*>(b.shadow.get());
    if (!s) {
      const bool written = b.id <= blocks_before_;
      auto made = std::make_shared<GlobalShadow>(
          GlobalShadow{Shadow(reinterpret_cast<uintptr_t>(b.data), b.size, written), session_});
      s = made.get();
      b.shadow = made;
    }
    if (s->session != session_) {  // nobody listened for a while
      s->shadow.mark_written(0, b.size);
      s->session = session_;
    }
    return s->shadow;
  }

  Target target(uintptr_t address, size_t bytes) {
    for (const Known& k : recent_)
      if (address - k.base < k.size && address - k.base + bytes <= k.size)
        return {k.shadow, Space::global};
    size_t count;
    uintptr_t arena;
    const SharedArray* arrays = shared_arrays(&count, &arena);
    if (address - arena < arena_bytes()) {
      for (size_t i = 0; i < count; ++i) {
        const size_t at = address - arena - arrays[i].begin;
        if (at < arrays[i].bytes && at + bytes <= arrays[i].bytes)
          return {arena_.get(), Space::shared};
      }
      return {};
    }
    const MemoryBlock* b = find_block(reinterpret_cast<const void*>(address));
    if (!b) return {};
    const size_t at = address - reinterpret_cast<uintptr_t>(b->data);
    if (at >= b->size || at + bytes > b->size) return {};
    Shadow* s = &shadow(*b);
    recent_[next_recent_++ % kRecent] = {s->base(), b->size, s};
    return {s, Space::global};
  }

  // The array in which, or nearest to which, an address lies: "byte 48 of 'tile' (shared, 4096 bytes)"
  std::string array(const Target& t, uintptr_t address) {
    size_t count;
    uintptr_t arena;
    const SharedArray* arrays = shared_arrays(&count, &arena);
    const auto place = [&](uintptr_t begin, size_t size, const std::string& name) {
      if (address < begin) return bytes_text(begin - address) + " before the start of " + name;
      if (address < begin + size) return "byte " + std::to_string(address - begin) + " of " + name;
      return bytes_text(address - begin - size) + " past the end of " + name;
    };
    if (address - arena < arena_bytes()) {
      const SharedArray* nearest = nullptr;
      uintptr_t least = ~uintptr_t{0};
      for (size_t i = 0; i < count; ++i) {
        const uintptr_t begin = arena + arrays[i].begin, end = begin + arrays[i].bytes;
        const uintptr_t far = address < begin ? begin - address : address < end ? 0 : address - end;
        if (far < least) least = far, nearest = &arrays[i];
      }
      if (nearest)
        return place(arena + nearest->begin, nearest->bytes,
                     "'" + std::string(nearest->name) + "' (shared, " + bytes_text(nearest->bytes) +
                         ", declared at " + where(nearest->site) + ")");
    }
    const auto* p = reinterpret_cast<const void*>(address);
    const MemoryBlock* b = t.shadow ? find_block(p) : nearest_block(p);
    if (address < 4096) return "a null pointer";
    if (const int owner = block->stack_owner(address); owner >= 0)
      return "a variable of " + thread_name(owner);
    if (!b) return "where nothing lies";
    return place(reinterpret_cast<uintptr_t>(b->data), b->size, "global " + block_text(*b));
  }

  [[noreturn]] void outside(uintptr_t address, size_t bytes, const char* verb, Place place) {
    findings_.add(Findings::Kind::outside, place, place,
                  "access outside of any array: " + thread_name() + " " + verb + " " +
                      bytes_text(bytes) + " at $a, " + array({}, address));
    fail_observed();
  }

  void check_written(const Target& t, size_t offset, size_t bytes, Place place) {
    const int64_t at = t.shadow->first_unwritten(offset, bytes);
    if (at >= 0) unwritten(t, static_cast<size_t>(at), bytes, place);
  }
  void unwritten(const Target& t, size_t offset, size_t bytes, Place place) {
    const uintptr_t address = t.shadow->base() + offset;
    for (const Flight& f : flights_)
      if (address - f.to < f.bytes) {
        if (findings_.fresh(Findings::Kind::unwritten, place, f.place))
          findings_.add(Findings::Kind::unwritten, place, f.place,
                        "read of a cp.async's target before the wait: " + thread_name() +
                            " reads " + bytes_text(bytes) + " at $a, " + array(t, address) +
                            "; issued at $b by " + thread_name(f.thread));
        return;
      }
    if (findings_.fresh(Findings::Kind::unwritten, place, place))
      findings_.add(Findings::Kind::unwritten, place, place,
                    "read of memory that nobody has written yet: " + thread_name() + " reads " +
                        bytes_text(bytes) + " at $a, " + array(t, address));
  }

  void raced(const Race& r, const Target& t, uintptr_t address, size_t bytes, Kind kind,
             Place place) {
    if (!findings_.fresh(Findings::Kind::race, place, r.access.place)) return;
    const int64_t number = numbers_[r.access.block - first_serial_];
    const auto verb = [](bool write, bool atomic) {
      return atomic ? " updates it atomically" : write ? " writes" : " reads";
    };
    findings_.add(Findings::Kind::race, place, r.access.place,
                  "race on " + array(t, address) + ": " +
                      thread_name(r.access.warp * kWarp + r.lane, number) +
                      verb(r.write, r.access.atomic) + " at $b, " + thread_name() +
                      verb(kind != Kind::read, kind == Kind::atomic) + " at $a (" +
                      bytes_text(bytes) + ")" +
                      (r.access.block == serial_ ? ", with no barrier between"
                                                 : ", and blocks are not ordered"));
  }

  Symbols symbols_;
  Order order_;
  Findings findings_;
  Traffic traffic_;
  std::map<const void*, KernelCount> kernels_;
  bool counting_ = false;
  uint64_t session_ = 0, blocks_before_ = 0;
  uint32_t serial_ = 0, first_serial_ = 1;  // of block runs; of this launch's first
  std::vector<int64_t> numbers_;            // of the launch's blocks, in the order of their runs
  std::unique_ptr<Shadow> arena_;
  CellPool shared_pool_, global_pool_;
  std::vector<Flight> flights_;
  static constexpr size_t kRecent = 4;
  Known recent_[kRecent];
  size_t next_recent_ = 0;
};

std::mutex mutex;  // of the counts of begin_check
int users = 0, counters = 0;
std::atomic<Checker*> listening{nullptr};

Checker& checker() {
  static auto* c = new Checker;  // never destroyed: kernels may run at exit
  return *c;
}

}  // namespace

// Host code in a .cu file is instrumented too: it does not run on a fiber.
void accessed(void* address, size_t bytes, bool write, bool aligned, const void* from) {
  Checker* c = listening.load(std::memory_order_relaxed);
  const uintptr_t stack = running_stack.load(std::memory_order_relaxed);
  if (!c || !stack) return;
  if (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - stack >= kStackBytes) return;
  const auto a = reinterpret_cast<uintptr_t>(address);
  if (a - stack < kStackBytes) return;  // the thread's own variables
  const Place place = c->symbols().place(from);
  // The compiler calls a struct of 16 bytes aligned where 8 are enough for it; load4 checks more.
  if (aligned && a % (bytes < 8 ? bytes : 8)) c->misaligned(a, bytes, write, place);
  c->access(a, bytes, write ? Kind::write : Kind::read, place);
}

void begin_check(bool traffic) {
  std::lock_guard lock(mutex);
  counters += traffic;
  if (users++ == 0) {
    checker().start();
    set_observer(&checker());
    listening = &checker();
  }
  checker().count_traffic(counters > 0);
}

void end_check(bool traffic) {
  std::lock_guard lock(mutex);
  counters -= traffic;
  checker().count_traffic(counters > 0);
  if (--users) return;
  listening = nullptr;
  set_observer(nullptr);
}

bool checking() {
  std::lock_guard lock(mutex);
  return users > 0;
}

std::vector<ReportRow> report_rows() {
  Checker& c = checker();
  std::vector<Place> places;
  for (const auto& [key, count] : c.traffic().rows()) places.push_back(key.place);
  c.symbols().resolve(places);
  static const char* const kinds[] = {"read",       "write",   "atomic",
                                      "async copy", "barrier", "warp sync"};
  std::vector<ReportRow> rows;
  for (const auto& [key, n] : c.traffic().rows()) {
    ReportRow row;
    row.kernel = c.symbols().function(key.kernel);
    row.kind = kinds[static_cast<int>(key.kind)];
    row.space = key.space == Space::shared ? "shared" : "global";
    if (const auto& frames = c.symbols().frames(key.place); !frames.empty()) {
      row.file = frames[0].file;
      row.line = frames[0].line;
    }
    row.warps = n.warps, row.lanes = n.lanes, row.bytes = n.bytes;
    row.sectors = n.sectors, row.ideal_sectors = n.ideal_sectors;
    row.wavefronts = n.wavefronts, row.ideal_wavefronts = n.ideal_wavefronts;
    rows.push_back(row);
  }
  return rows;
}

std::vector<KernelRow> report_kernels() {
  std::vector<KernelRow> rows;
  for (const auto& [kernel, n] : checker().kernels())
    rows.push_back({checker().symbols().function(kernel), n.launches, n.blocks, n.threads});
  return rows;
}

std::string report_trouble() { return checker().symbols().trouble(); }

}  // namespace pygan::emu
