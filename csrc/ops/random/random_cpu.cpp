#include "ops/random/random.h"

#include "core/parallel.h"
#include "ops/random/draws.h"
#include "ops/sort/merge.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kBatch = 64;           // Philox blocks side by side, so that loops vectorise
constexpr int64_t kGrain = 32 * kBatch;  // blocks worth a second thread

// The uniforms of blocks [first, first + kBatch), word by word: u (4, kBatch)
void uniforms(Key key, int64_t first, float (*__restrict u)[kBatch]) {
  for (int64_t i = 0; i < kBatch; ++i) {
    const Philox bits = words(key, first + i);
    for (int w = 0; w < 4; ++w) u[w][i] = uniform_of(bits.word[w]);
  }
}

// u1 (kBatch) becomes normal numbers; u2 (kBatch)
void box_muller(float* __restrict u1, const float* __restrict u2) {
  for (int64_t i = 0; i < kBatch; ++i) u1[i] = normal_of(u1[i], u2[i]);
}

// u (kBatch) becomes 1 below p, else 0.
void below(float* __restrict u, float p) {
  for (int64_t i = 0; i < kBatch; ++i) u[i] = bernoulli_of(u[i], p);
}

// Blocks [begin, end), kPerBlock numbers each, into y (n).
template <int kPerBlock, class T>
void fill(const RandomArgs& args, int64_t begin, int64_t end) {
  const Key key = key_of(args.key);
  T* y = static_cast<T*>(args.y);
  float u[4][kBatch];
  T batch[kBatch * kPerBlock];
  for (int64_t first = begin; first < end; first += kBatch) {
    uniforms(key, first, u);
    if (args.draw == Draw::normal) {
      box_muller(u[0], u[1]);
      box_muller(u[2], u[3]);
    } else if (args.draw == Draw::bernoulli) {
      for (int w = 0; w < 4; ++w) below(u[w], args.p);
    }
    for (int64_t i = 0; i < kBatch; ++i)
      for (int k = 0; k < kPerBlock; ++k)  // the normals are where u1 was: in u[0] and u[2]
        batch[i * kPerBlock + k] = static_cast<T>(u[k * (4 / kPerBlock)][i]);
    const int64_t at = first * kPerBlock;
    const int64_t stop = least(end * kPerBlock, args.n);
    const int64_t count = least(stop - at, kBatch * kPerBlock);
    __builtin_memcpy(y + at, batch, static_cast<size_t>(count) * sizeof(T));
  }
}

template <class T>
void fill_of(const RandomArgs& args) {
  const int64_t per_block = args.draw == Draw::normal ? 2 : 4;
  parallel_ranges((args.n + per_block - 1) / per_block, kGrain, [&](int64_t begin, int64_t end) {
    if (args.draw == Draw::normal)
      fill<2, T>(args, begin, end);
    else
      fill<4, T>(args, begin, end);
  });
}

template <class T>
void dropout_of(const DropoutArgs& args) {
  const Key key = key_of(args.key);
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const T scale = static_cast<T>(args.scale);
  parallel_ranges((args.n + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    float u[4][kBatch];
    float flat[4 * kBatch];  // u in the order of the elements
    for (int64_t first = begin; first < end; first += kBatch) {
      uniforms(key, first, u);
      for (int64_t i = 0; i < kBatch; ++i)
        for (int w = 0; w < 4; ++w) flat[4 * i + w] = u[w][i];
      const int64_t at = 4 * first;
      const int64_t count = least(least(4 * end, args.n) - at, 4 * kBatch);
      for (int64_t i = 0; i < count; ++i) y[at + i] = dropped(flat[i], args.p, x[at + i], scale);
    }
  });
}

}  // namespace

void fill_random(const RandomArgs& args) {
  args.f64 ? fill_of<double>(args) : fill_of<float>(args);
}

void random_dropout(const DropoutArgs& args) {
  args.f64 ? dropout_of<double>(args) : dropout_of<float>(args);
}

void random_permutation(const PermutationArgs& args) {
  const Key key = key_of(args.key);
  const auto number = [&](int64_t, int64_t j) { return sort_key(key, j); };
  const Item<uint64_t>* order = sort_lines<uint64_t>(1, args.n, args.n, args.workspace, number);
  for (int64_t j = 0; j < args.n; ++j) args.y[j] = order[j].index;
}

}  // namespace pygan::PYGAN_ISA
