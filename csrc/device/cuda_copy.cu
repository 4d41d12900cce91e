// Copies between host and GPU through pinned memory: the host is free again as soon as its bytes are
// in the ring, and the copy itself runs in the order of the stream.
#include <cstring>
#include <deque>
#include <mutex>
#include <vector>

#include "device/cuda_runtime.h"

namespace pygan::cuda {
namespace {

constexpr size_t kRing = size_t{16} << 20, kPiece = size_t{4} << 20, kAlign = 256;

// A ring of pinned bytes. Each piece is followed by an event, after which its bytes may be used again.
class Ring {
 public:
  std::mutex mutex;

  // The next `bytes` (at most kPiece) of the ring, once the copies that used them are done.
  char* take(size_t bytes) {
    if (!memory_) {
      check(cudaHostAlloc(reinterpret_cast<void**>(&memory_), kRing, cudaHostAllocDefault),
            "pinned memory for copies");
    }
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (head_ + bytes > kRing) {  // what is left of the last lap beyond here comes first
      while (!pieces_.empty() && pieces_.front().begin >= head_) retire();
      head_ = 0;
    }
    const size_t begin = head_, end = head_ + bytes;
    while (!pieces_.empty() && overlaps(pieces_.front(), begin, end)) retire();
    head_ = end;
    taken_ = {nullptr, begin, end};
    return memory_ + begin;
  }

  // The bytes last taken are in use until all that the stream has now is done.
  cudaEvent_t mark() {
    if (free_.empty()) {
      free_.emplace_back();
      check(cudaEventCreateWithFlags(&free_.back(), cudaEventDisableTiming), "an event");
    }
    taken_.event = free_.back();
    check(cudaEventRecord(taken_.event, stream()), "an event");
    free_.pop_back();
    pieces_.push_back(taken_);
    return taken_.event;
  }

 private:
  struct Piece {
    cudaEvent_t event = nullptr;
    size_t begin = 0, end = 0;
  };
  static bool overlaps(const Piece& p, size_t begin, size_t end) {
    return p.begin < end && begin < p.end;
  }
  void retire() {
    check(cudaEventSynchronize(pieces_.front().event), "a copy to or from the GPU");
    free_.push_back(pieces_.front().event);
    pieces_.pop_front();
  }

  char* memory_ = nullptr;
  size_t head_ = 0;
  std::deque<Piece> pieces_;  // oldest first, which is the ring's order from head_ on
  Piece taken_;
  std::vector<cudaEvent_t> free_;
};

Ring& ring() {  // never destroyed: CUDA is gone before static objects are
  static auto* r = new Ring;
  return *r;
}

}  // namespace

void copy_to_device(void* device, const void* host, size_t bytes) {
  Ring& r = ring();
  std::lock_guard lock(r.mutex);
  for (size_t at = 0; at < bytes; at += kPiece) {
    const size_t n = bytes - at < kPiece ? bytes - at : kPiece;
    char* pinned = r.take(n);
    std::memcpy(pinned, static_cast<const char*>(host) + at, n);
    check(cudaMemcpyAsync(static_cast<char*>(device) + at, pinned, n, cudaMemcpyHostToDevice,
                          stream()),
          "a copy to the GPU");
    r.mark();
  }
}

// While one piece is read out, the next is on its way.
void copy_to_host(void* host, const void* device, size_t bytes) {
  Ring& r = ring();
  std::lock_guard lock(r.mutex);
  struct Piece {
    const char* pinned;
    size_t at, n;
    cudaEvent_t done;
  } last{nullptr, 0, 0, nullptr};
  const auto read_out = [&] {
    if (!last.pinned) return;
    check(cudaEventSynchronize(last.done), "a copy from the GPU");
    std::memcpy(static_cast<char*>(host) + last.at, last.pinned, last.n);
  };
  for (size_t at = 0; at < bytes; at += kPiece) {
    const size_t n = bytes - at < kPiece ? bytes - at : kPiece;
    char* pinned = r.take(n);
    check(cudaMemcpyAsync(pinned, static_cast<const char*>(device) + at, n, cudaMemcpyDeviceToHost,
                          stream()),
          "a copy from the GPU");
    const cudaEvent_t done = r.mark();
    read_out();
    last = {pinned, at, n, done};
  }
  read_out();
}

}  // namespace pygan::cuda
