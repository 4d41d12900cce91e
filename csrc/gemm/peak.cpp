#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gemm/driver.h"
#include "gemm/gemm.h"

namespace pygan::gemm {

template <class T>
double micro_kernel_peak(int threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kRepeats = 64;
  const Kernels<T>& kernel = kernels<T>();
  const int64_t line = kSlice + 64 / static_cast<int64_t>(sizeof(T));
  std::atomic<double> total{0};
  const auto measure = [&] {
    std::vector<T> a(kernel.mr * line, T(0.5));          // (mr, line)
    std::vector<T> b(kSlice * kernel.nr + 16, T(0.25));  // (kSlice, nr), from an aligned element
    std::vector<T> c(kernel.mr * kernel.nr);             // (mr, nr)
    T* aligned = b.data();
    while (reinterpret_cast<uintptr_t>(aligned) % 64 != 0) ++aligned;
    const double flops = 2.0 * kernel.mr * kernel.nr * kSlice * kRepeats;
    double best = 0;  // the fastest stretch: others may share the core
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    do {
      const auto start = Clock::now();
      kernel.bare_tile(kRepeats, a.data(), aligned, c.data());
      const std::chrono::duration<double> took = Clock::now() - start;
      best = std::max(best, flops / took.count() * 1e-9);
    } while (Clock::now() < end);
    total.fetch_add(best);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(measure);
  measure();
  for (std::thread& other : others) other.join();
  return total;
}

double round_trip(int trips) {
  using Clock = std::chrono::steady_clock;
  constexpr int kBatches = 20;
  alignas(64) std::atomic<int> ball{0};  // odd: the other thread's turn
  std::thread other([&] {
    for (int i = 0; i < kBatches * trips; ++i) {
      while (ball.load(std::memory_order_acquire) != 2 * i + 1) {
      }
      ball.store(2 * i + 2, std::memory_order_release);
    }
  });
  double best = 0;  // the fastest batch: others may share the cores
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = Clock::now();
    for (int i = batch * trips; i < (batch + 1) * trips; ++i) {
      ball.store(2 * i + 1, std::memory_order_release);
      while (ball.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    if (batch == 0 || took.count() < best) best = took.count();
  }
  other.join();
  return 1e9 * best / trips;
}

template double micro_kernel_peak<float>(int, double);
template double micro_kernel_peak<double>(int, double);

}  // namespace pygan::gemm
