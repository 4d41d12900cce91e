#include "emu/guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "emu/memory.h"

namespace pygan::emu {
namespace {

constexpr size_t kSpace = size_t{1} << 36;  // of addresses; pages cost memory once they are used

struct Guard {
  std::mutex mutex;
  char* space = nullptr;                      // null: not guarding
  size_t used = 0;                            // bytes of the space that were handed out once
  int open = 0;                               // OpenMemory objects that live
  std::map<size_t, std::vector<char*>> free;  // by bytes
  struct sigaction before{};
};

void at_fault(int number, siginfo_t* info, void*);

Guard& guard() {  // never destroyed, as the memory's registry
  static auto* g = [] {
    auto* fresh = new Guard;
    const char* wanted = std::getenv("PYGAN_EMU_GUARD");
    if (!wanted || !*wanted || std::strcmp(wanted, "0") == 0) return fresh;
    void* space =
        mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
      std::fprintf(stderr, "pygan emu: PYGAN_EMU_GUARD: no addresses for guarded memory\n");
      std::abort();
    }
    fresh->space = static_cast<char*>(space);
    struct sigaction action{};
    action.sa_sigaction = &at_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &fresh->before);
    return fresh;
  }();
  return *g;
}

// Returning repeats the access, for whoever handled faults before.
void at_fault(int number, siginfo_t* info, void*) {
  Guard& g = guard();
  const char* at = static_cast<const char*>(info->si_addr);
  sigaction(number, &g.before, nullptr);
  if (at < g.space || at >= g.space + kSpace) return;
  const std::string what = describe(at);
  std::fprintf(stderr,
               "pygan emu: host code touches device memory, %s: a GPU's memory is read by copies "
               "and kernels only\n",
               what.empty() ? "of no live block" : what.c_str());
}

void protect(const Guard& g, int how) {
  if (g.used > 0 && mprotect(g.space, g.used, how) != 0) {
    std::perror("pygan emu: mprotect");
    std::abort();
  }
}

// A power of two, so that what was given back fits again
size_t whole_pages(size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return std::bit_ceil(bytes < page ? page : bytes);
}

}  // namespace

void* take_memory(size_t bytes) {
  Guard& g = guard();
  if (!g.space) return std::aligned_alloc(kAlignment, bytes);
  const size_t whole = whole_pages(bytes);
  std::lock_guard lock(g.mutex);
  std::vector<char*>& given = g.free[whole];
  if (!given.empty()) {
    char* memory = given.back();
    given.pop_back();
    return memory;
  }
  if (whole > kSpace - g.used) return nullptr;
  char* memory = g.space + g.used;
  if (g.open && mprotect(memory, whole, PROT_READ | PROT_WRITE) != 0) return nullptr;
  g.used += whole;
  return memory;
}

void give_memory(void* memory, size_t bytes) {
  Guard& g = guard();
  if (!g.space) return std::free(memory);
  std::lock_guard lock(g.mutex);
  g.free[whole_pages(bytes)].push_back(static_cast<char*>(memory));
}

OpenMemory::OpenMemory() {
  Guard& g = guard();
  if (!g.space) return;
  std::lock_guard lock(g.mutex);
  if (g.open++ == 0) protect(g, PROT_READ | PROT_WRITE);
}

OpenMemory::~OpenMemory() {
  Guard& g = guard();
  if (!g.space) return;
  std::lock_guard lock(g.mutex);
  if (--g.open == 0) protect(g, PROT_NONE);
}

}  // namespace pygan::emu
