// The random numbers of ops/random, the same on every device. For kernel files: everything has
// internal linkage.
#pragma once

#include "core/philox.h"
#include "core/vecmath.h"

namespace pygan {
namespace {

struct Key {
  uint32_t seed_low, seed_high, stream, draw;
};

// key (3): seed, stream, draw
PYGAN_PHILOX Key key_of(const int64_t* key) {
  const uint64_t seed = static_cast<uint64_t>(key[0]);
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
          static_cast<uint32_t>(key[1]), static_cast<uint32_t>(key[2])};
}

PYGAN_PHILOX Philox words(Key key, int64_t block) {
  const uint64_t b = static_cast<uint64_t>(block);
  return philox4x32(
      {{static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), key.draw, key.stream}},
      key.seed_low, key.seed_high);
}

// [0, 1), a multiple of 2^-24
PYGAN_PHILOX float uniform_of(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}

// Box and Muller, of two uniforms
PYGAN_PHILOX float normal_of(float u1, float u2) {
  constexpr float two_pi = 6.2831855f;
  return vecmath::sqrt(-2.0f * vecmath::log(1.0f - u1)) * vecmath::cos(two_pi * u2);
}

PYGAN_PHILOX float bernoulli_of(float u, float p) { return vecmath::select(u < p, 1.0f, 0.0f); }

// `scale` x, or 0 with probability p
template <class T>
PYGAN_PHILOX T dropped(float u, float p, T x, T scale) {
  return vecmath::select(u < p, T(0), x * scale);
}

// The number that item j of a permutation is sorted by
PYGAN_PHILOX uint64_t sort_key(Key key, int64_t j) {
  const Philox bits = words(key, j / 2);
  const bool second = j % 2 != 0;
  const uint32_t low = second ? bits.word[2] : bits.word[0];
  const uint32_t high = second ? bits.word[3] : bits.word[1];
  return low | uint64_t{high} << 32;
}

}  // namespace
}  // namespace pygan
