// One small pool of threads for all CPU kernels.
//
// Results never depend on the number of threads: work is partitioned by problem size, and which
// thread runs a piece must not matter. Nested calls run inline; so does a call made while another
// thread of the program has the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace pygan {

// A callable seen through two pointers: no copy, no allocation. It must outlive the call.
template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_invocable_r_v<Result, F&, Args...>)
  FunctionRef(F&& callable)  // implicit: a lambda is passed as it stands
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

// PYGAN_NUM_THREADS, else OMP_NUM_THREADS, else the number of cores this process may use.
// Throws ConfigError where PYGAN_NUM_THREADS is not a positive integer.
int num_threads();

// Throws ConfigError below 1.
void set_num_threads(int n);

// Calls body(i) once for each i in [0, n), on the caller and the pool. Returns when all are done.
// If bodies throw, items not yet begun are skipped and the exception of the lowest index is
// rethrown.
void parallel_for(int64_t n, FunctionRef<void(int64_t)> body);

// The same over ranges [begin, end) of `grain` items (the last may be shorter): the partition
// depends on n and grain only.
void parallel_ranges(int64_t n, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

}  // namespace pygan
