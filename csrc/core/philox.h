// Philox4x32-10: 128 random bits from a counter and a key, without state, so that any element of any
// stream can be computed anywhere.
//
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel random numbers: as easy as 1, 2, 3.
// SC 2011. The tests hold the answers that its library Random123 publishes.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PYGAN_PHILOX __host__ __device__ static inline
#else
#define PYGAN_PHILOX static inline
#endif

namespace pygan {

struct Philox {
  uint32_t word[4];
};

// In pygan: key = the 64-bit seed, low word first; counter = (block low, block high, draw, stream).
PYGAN_PHILOX Philox philox4x32(Philox counter, uint32_t key0, uint32_t key1) {
  uint32_t c0 = counter.word[0], c1 = counter.word[1], c2 = counter.word[2], c3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c0, p1 = uint64_t{0xCD9E8D57} * c2;
    const uint32_t high0 = static_cast<uint32_t>(p0 >> 32), high1 = static_cast<uint32_t>(p1 >> 32);
    c0 = high1 ^ c1 ^ key0;
    c2 = high0 ^ c3 ^ key1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    key0 += 0x9E3779B9;  // the golden ratio
    key1 += 0xBB67AE85;  // sqrt(3) - 1
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace pygan
