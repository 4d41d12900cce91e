// Memory that a thread keeps from one call to the next.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pygan::gemm {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  ~Scratch() { release(); }

  // Room for count elements, at a cache line; what it held is lost. std::bad_alloc.
  template <class T>
  T* get(int64_t count) {
    const size_t bytes = static_cast<size_t>(count > 1 ? count : 1) * sizeof(T);
    if (bytes > size_) grow(bytes);
    return static_cast<T*>(data_);
  }

 private:
  void grow(size_t bytes);
  void release();

  void* data_ = nullptr;
  size_t size_ = 0;
};

// Of the thread that runs a product or a convolution: packed operands, transformed planes, partial
// sums. One at a time: what a call needs at once, it takes as one piece.
Scratch& call_scratch();

}  // namespace pygan::gemm
