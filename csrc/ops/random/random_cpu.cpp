#include "ops/random/random.h"

#include "core/parallel.h"
#include "core/philox.h"
#include "core/vecmath.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kBatch = 64;           // Philox blocks side by side, so that loops vectorise
constexpr int64_t kGrain = 32 * kBatch;  // blocks worth a second thread

struct Key {
  uint32_t seed_low, seed_high, stream, draw;
};

// The uniforms of blocks [first, first + kBatch), word by word: u (4, kBatch)
void uniforms(Key key, int64_t first, float (*__restrict u)[kBatch]) {
  for (int64_t i = 0; i < kBatch; ++i) {
    const uint64_t block = static_cast<uint64_t>(first + i);
    const Philox bits = philox4x32(
        {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), key.draw, key.stream}},
        key.seed_low, key.seed_high);
    for (int w = 0; w < 4; ++w)
      u[w][i] = static_cast<float>(static_cast<int32_t>(bits.word[w] >> 8)) * 0x1p-24f;
  }
}

// u1 (kBatch) becomes normal numbers; u2 (kBatch)
void box_muller(float* __restrict u1, const float* __restrict u2) {
  constexpr float two_pi = 6.2831855f;
  for (int64_t i = 0; i < kBatch; ++i)
    u1[i] = vecmath::sqrt(-2.0f * vecmath::log(1.0f - u1[i])) * vecmath::cos(two_pi * u2[i]);
}

// Blocks [begin, end), kPerBlock numbers each, into y (n).
template <int kPerBlock, class T>
void fill(Key key, T* y, int64_t n, int64_t begin, int64_t end) {
  float u[4][kBatch];
  T batch[kBatch * kPerBlock];
  for (int64_t first = begin; first < end; first += kBatch) {
    uniforms(key, first, u);
    if (kPerBlock == 2) {
      box_muller(u[0], u[1]);
      box_muller(u[2], u[3]);
    }
    for (int64_t i = 0; i < kBatch; ++i)
      for (int k = 0; k < kPerBlock; ++k)  // the normals are where u1 was: in u[0] and u[2]
        batch[i * kPerBlock + k] = static_cast<T>(u[k * (4 / kPerBlock)][i]);
    const int64_t at = first * kPerBlock;
    const int64_t stop = end * kPerBlock < n ? end * kPerBlock : n;
    const int64_t count = stop - at < kBatch * kPerBlock ? stop - at : kBatch * kPerBlock;
    __builtin_memcpy(y + at, batch, static_cast<size_t>(count) * sizeof(T));
  }
}

template <class T>
void fill_of(const RandomArgs& args) {
  const uint64_t seed = static_cast<uint64_t>(args.key[0]);
  const Key key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                static_cast<uint32_t>(args.key[1]), static_cast<uint32_t>(args.key[2])};
  T* y = static_cast<T*>(args.y);
  const int64_t per_block = args.normal ? 2 : 4;
  parallel_ranges((args.n + per_block - 1) / per_block, kGrain, [&](int64_t begin, int64_t end) {
    if (args.normal)
      fill<2>(key, y, args.n, begin, end);
    else
      fill<4>(key, y, args.n, begin, end);
  });
}

}  // namespace

void fill_random(const RandomArgs& args) {
  args.f64 ? fill_of<double>(args) : fill_of<float>(args);
}

}  // namespace pygan::PYGAN_ISA
