// What the kernels of batch_norm, group_norm and virtual_batch_norm share: sums over rows for each
// channel. Included by kernel files only: everything has internal linkage.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kBlock = 32;  // rows summed in the working precision before they join a double
constexpr int64_t kChannels =
    512;  // channels handled at once: their sums stay in the first-level cache

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Adds f(r, c) and g(r, c) over rows [begin, end) of channels [c0, c0 + n) to p[c] and q[c].
// f and g may be the same pass over memory: term(r, c, &f, &g).
template <class T, class Term>
void add_rows(int64_t begin, int64_t end, int64_t c0, int64_t n, double* p /* (n) */,
              double* q /* (n) */, Term term) {
  T a[kChannels], b[kChannels];
  for (int64_t block = begin; block < end; block += kBlock) {
    for (int64_t c = 0; c < n; ++c) a[c] = b[c] = 0;
    for (int64_t r = block; r < least(block + kBlock, end); ++r) term(r, c0, n, a, b);
    for (int64_t c = 0; c < n; ++c) {
      p[c] += static_cast<double>(a[c]);
      q[c] += static_cast<double>(b[c]);
    }
  }
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
