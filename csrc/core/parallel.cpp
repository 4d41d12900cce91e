#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"

#include <pthread.h>
#if defined(__linux__)
#include <sched.h>
#endif

namespace pygan {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kSpins = 2000;  // some tens of microseconds: about the gap between two kernels

thread_local bool inside_parallel = false;  // this thread is running a body: run inline

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int allowed_cores() {
#if defined(__linux__)
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return std::max(1, CPU_COUNT(&cores));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// The leading positive integer of an environment variable (OpenMP allows "4,2"), or 0.
int leading_count(const char* text, bool whole) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  if (end == text || errno != 0 || value < 1 || (whole && *end != '\0')) return 0;
  return static_cast<int>(std::min<long>(value, kMaxThreads));
}

int default_threads() {
  if (const char* text = std::getenv("PYGAN_NUM_THREADS"); text && *text) {
    const int count = leading_count(text, true);
    if (count == 0) {
      throw ConfigError("PYGAN_NUM_THREADS=" + std::string(text) + ": expected a positive integer");
    }
    return count;
  }
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text) {
    if (const int count = leading_count(text, false)) return count;
  }
  return allowed_cores();
}

// A fork-join pool. `state_` holds the whole protocol:
//
//   bits 12..31  epoch: counts jobs, so that a worker does not enter one twice
//   bit  11      open: workers may still enter the job
//   bits 0..10   how many workers are inside
//
// The caller writes the job, opens it, takes items like any worker, closes it when none are left
// and waits for the count of workers inside to reach 0. A worker that wakes late finds the job
// closed and costs nothing; one that is inside keeps the job alive.
//
// Each thread has a share of the items, always the same one of a job of the same size, and takes from
// the others' shares when its own is done. So what a thread wrote in one job it mostly reads in the
// next: two cores may share no cache, and between them data travel slowly.
class Pool {
 public:
  // False if the pool is busy or stopped: the caller then runs the body itself.
  bool try_run(int64_t n, int threads, FunctionRef<void(int64_t)> body) {
    std::unique_lock<std::mutex> lock(submit_, std::try_to_lock);
    if (!lock.owns_lock() || stopped_) return false;
    // Compared with what was asked for, which the system may have refused: not tried each time.
    if (asked_ != threads - 1) resize(threads - 1);

    body_ = &body;
    n_ = n;
    const int64_t shares = static_cast<int64_t>(shares_.size());
    // Several items a claim where there are very many; a claim is never a unit of rounding.
    step_ = std::max<int64_t>(1, n / (16 * shares));
    for (int64_t i = 0; i < shares; ++i) {
      Share& share = shares_[static_cast<size_t>(i)];
      share.next.store(n * i / shares, std::memory_order_relaxed);
      share.end = n * (i + 1) / shares;
    }
    error_ = nullptr;
    open_job();
    take_items(0);
    uint32_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel);
    for (int spin = 0; (state & kInside) != 0; ++spin) {
      if (spin < kSpins) {
        pause_cpu();
      } else {
        std::this_thread::yield();
      }
      state = state_.load(std::memory_order_acquire);
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return true;
  }

  void stop() {
    std::lock_guard<std::mutex> lock(submit_);
    resize(0);
    stopped_ = true;
  }

 private:
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  static constexpr uint32_t kInside = 0x7ff;
  static constexpr uint32_t kOpen = 0x800;
  static constexpr uint32_t kEpoch = ~uint32_t{0xfff};
  static constexpr uint32_t kEpochStep = 0x1000;
  static_assert(kMaxThreads < static_cast<int>(kInside));

  // A sleeper counts itself, then looks at state_; we write state_, then look at the count. With
  // both sequentially consistent one of the two sees the other: no wake-up is lost.
  void open_job() {
    const uint32_t epoch = (state_.load(std::memory_order_relaxed) & kEpoch) + kEpochStep;
    state_.store(epoch | kOpen, std::memory_order_seq_cst);
    wake_sleepers();
  }

  void wake_sleepers() {
    if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
    {
      std::lock_guard<std::mutex> lock(park_);
    }
    unpark_.notify_all();
  }

  // Thread `own`'s share, then what the others have left.
  void take_items(size_t own) {
    inside_parallel = true;
    for (size_t i = 0; i < shares_.size(); ++i) take_share(shares_[(own + i) % shares_.size()]);
    inside_parallel = false;
  }

  void take_share(Share& share) {
    for (;;) {
      const int64_t begin = share.next.fetch_add(step_, std::memory_order_relaxed);
      if (begin >= share.end) return;
      const int64_t end = std::min(share.end, begin + step_);
      int64_t i = begin;
      try {
        for (; i < end; ++i) (*body_)(i);
      } catch (...) {
        for (Share& other : shares_) other.next.store(n_, std::memory_order_relaxed);
        std::lock_guard<std::mutex> lock(error_mutex_);
        if (!error_ || i < error_index_) {
          error_ = std::current_exception();
          error_index_ = i;
        }
      }
    }
  }

  void work(uint32_t seen, size_t own) {
    while (wait_for_job(seen)) {
      uint32_t state = state_.load(std::memory_order_relaxed);
      while ((state & kOpen) && (state & kEpoch) != seen) {
        if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
        seen = state & kEpoch;
        take_items(own);
        state_.fetch_sub(1, std::memory_order_acq_rel);
        break;
      }
    }
  }

  // Spins, then parks, until a job is open that this worker has not entered. False: quit.
  bool wait_for_job(uint32_t seen) {
    const auto ready = [&] {
      const uint32_t state = state_.load(std::memory_order_seq_cst);
      return quit_.load(std::memory_order_seq_cst) || ((state & kOpen) && (state & kEpoch) != seen);
    };
    bool found = ready();
    for (int spin = 0; !found && spin < kSpins; ++spin) {
      pause_cpu();
      found = ready();
    }
    if (!found) {
      std::unique_lock<std::mutex> lock(park_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      unpark_.wait(lock, ready);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
    return !quit_.load(std::memory_order_relaxed);
  }

  // Needs submit_, and no job open.
  void resize(int count) {
    asked_ = count;
    quit_.store(true, std::memory_order_seq_cst);
    wake_sleepers();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    shares_ = std::vector<Share>(static_cast<size_t>(count) + 1);
    quit_.store(false, std::memory_order_relaxed);
    const uint32_t seen = state_.load(std::memory_order_relaxed) & kEpoch;
    try {
      for (size_t own = 1; own <= static_cast<size_t>(count); ++own)
        workers_.emplace_back([this, seen, own] { work(seen, own); });
    } catch (const std::system_error&) {
      // The system gives no more threads: those we have, and the caller, do the work.
    }
  }

  std::mutex submit_;  // held by the one caller whose job runs
  bool stopped_ = false;
  int asked_ = 0;  // workers that were asked for
  std::vector<std::thread> workers_;
  std::vector<Share> shares_{1};  // the caller's, then a worker's each

  FunctionRef<void(int64_t)>* body_ = nullptr;
  int64_t n_ = 0;
  int64_t step_ = 1;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  int64_t error_index_ = 0;

  alignas(64) std::atomic<uint32_t> state_{0};
  alignas(64) std::atomic<bool> quit_{false};
  std::atomic<int> sleepers_{0};
  std::mutex park_;
  std::condition_variable unpark_;
};

std::atomic<int> thread_count{0};      // 0: not asked yet
std::atomic<Pool*> the_pool{nullptr};  // never deleted: late callers find it stopped, not gone

Pool& pool() {
  Pool* current = the_pool.load(std::memory_order_acquire);
  if (current == nullptr) {
    Pool* fresh = new Pool;
    if (the_pool.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;
  }
  return *current;
}

// A forked child has the pool's memory but none of its threads, and perhaps locks that nobody
// will release: it leaves all that alone and starts another pool when it needs one.
void forget_pool_in_child() {
  the_pool.store(nullptr, std::memory_order_relaxed);
  inside_parallel = false;
}

struct Lifecycle {
  Lifecycle() { pthread_atfork(nullptr, nullptr, forget_pool_in_child); }
  ~Lifecycle() {
    Pool* current = the_pool.load(std::memory_order_acquire);
    if (current != nullptr && !inside_parallel) current->stop();  // else: exit() inside a body
  }
} lifecycle;

}  // namespace

int num_threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) {
    const int initial = default_threads();
    // Another thread may have set it meanwhile: then `count` becomes what it set.
    if (thread_count.compare_exchange_strong(count, initial)) count = initial;
  }
  return count;
}

void set_num_threads(int n) {
  if (n < 1) {
    throw ConfigError("set_num_threads: expected at least 1, got " + std::to_string(n));
  }
  thread_count.store(std::min(n, kMaxThreads));
}

void parallel_for(int64_t n, FunctionRef<void(int64_t)> body) {
  if (n > 1 && !inside_parallel) {
    const int threads = num_threads();
    if (threads > 1 && pool().try_run(n, threads, body)) return;
  }
  for (int64_t i = 0; i < n; ++i) body(i);
}

void parallel_ranges(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  grain = std::max<int64_t>(1, grain);
  const int64_t ranges = n <= 0 ? 0 : (n - 1) / grain + 1;
  parallel_for(ranges, [&](int64_t r) { body(r * grain, std::min(n, (r + 1) * grain)); });
}

}  // namespace pygan
