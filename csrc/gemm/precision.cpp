#include "gemm/precision.h"

#include <atomic>

namespace pygan::gemm {
namespace {
std::atomic<Precision> current{Precision::highest};
}

Precision precision() { return current.load(std::memory_order_relaxed); }
void set_precision(Precision p) { current.store(p, std::memory_order_relaxed); }

}  // namespace pygan::gemm
