// Random numbers as ops: a function of their key and shape, so that a recorded step can be replayed
// with fresh numbers, and the same bits come out on every device and for any number of threads.
//
//   key          int64 (3,): seed, stream id, draw number (both of the last in [0, 2^32))
//   uniform      [0, 1): (u >> 8) 2^-24, u = word e % 4 of Philox block e / 4 for element e
//   normal       mean 0, deviation 1, by Box and Muller: sqrt(-2 ln(1 - u1)) cos(2 pi u2), where u1
//                and u2 are the uniforms of words 2 (e % 2) and 2 (e % 2) + 1 of block e / 2
//   bernoulli    1 where the uniform is below p, else 0
//   permutation  0 to n - 1, int64, in the stable order of the numbers w(2j) + 2^32 w(2j + 1), w(e)
//                being word e % 4 of block e / 4: two of them are equal with probability n^2 / 2^65
//   dropout      x / (1 - p) where the uniform is not below p, else 0; the mask is not kept but
//                drawn again from the key, so vjp and jvp are dropout with the same key
//
// Computed in float32 with core/vecmath.h; float64 holds the same values. Philox's key is the seed,
// its counter (block low, block high, draw, stream): core/philox.h.
//
// Not differentiable but for dropout, in x. Errors: ShapeError and DTypeError for another key or
// dtype, ConfigError for a stream or draw out of range and for p outside [0, 1] (dropout: [0, 1)).
// FLOPs: one an element.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

enum class Draw : uint8_t { uniform, normal, bernoulli };
struct RandomArgs {
  const int64_t* key;  // (3)
  void* y;             // (n)
  int64_t n;
  Draw draw;
  float p;   // of bernoulli, a multiple of 2^-24
  bool f64;  // else float32
};
struct RandomKernel {
  static constexpr const char* name = "random";
  using Fn = void (*)(const RandomArgs&);
};

struct DropoutArgs {
  const int64_t* key;  // (3)
  const void* x;       // (n)
  void* y;             // (n)
  int64_t n;
  float p;       // a multiple of 2^-24
  double scale;  // 1 / (1 - p)
  bool f64;      // else float32
};
struct DropoutKernel {
  static constexpr const char* name = "dropout";
  using Fn = void (*)(const DropoutArgs&);
};

struct PermutationArgs {
  const int64_t* key;  // (3)
  int64_t* y;          // (n)
  void* workspace;     // (n kSortWorkspace) bytes: ops/sort/sort.h
  int64_t n;
};
struct PermutationKernel {
  static constexpr const char* name = "permutation";
  using Fn = void (*)(const PermutationArgs&);
};

PYGAN_DECLARE_ISA(void, fill_random, (const RandomArgs& args))
PYGAN_DECLARE_ISA(void, random_dropout, (const DropoutArgs& args))
PYGAN_DECLARE_ISA(void, random_permutation, (const PermutationArgs& args))

}  // namespace pygan
