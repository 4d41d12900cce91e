#include "gemm/scratch.h"

#include <new>

#include <sys/mman.h>

namespace pygan::gemm {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr size_t kPages = size_t{1} << 20;  // from here on whole pages, which go back to the system

}  // namespace

void Scratch::grow(size_t bytes) {
  release();
  if (bytes < kPages) {
    data_ = ::operator new(bytes, kAlignment);
  } else {
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) {
      data_ = nullptr;
      throw std::bad_alloc();
    }
  }
  size_ = bytes;
}

void Scratch::release() {
  if (size_ >= kPages)
    munmap(data_, size_);
  else if (data_ != nullptr)
    ::operator delete(data_, kAlignment);
  data_ = nullptr;
  size_ = 0;
}

Scratch& call_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

}  // namespace pygan::gemm
