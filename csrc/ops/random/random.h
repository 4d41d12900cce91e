// Random numbers as ops: a function of their key and shape, so that a recorded step can be replayed
// with fresh numbers, and the same bits come out on every device and for any number of threads.
//
//   key      int64 (3,): seed, stream id, draw number (both of the last in [0, 2^32))
//   uniform  [0, 1): (u >> 8) 2^-24, u = word e % 4 of Philox block e / 4 for element e
//   normal   mean 0, deviation 1, by Box and Muller: sqrt(-2 ln(1 - u1)) cos(2 pi u2), where u1 and u2
//            are the uniforms of words 2 (e % 2) and 2 (e % 2) + 1 of block e / 2
//
// Computed in float32 with core/vecmath.h; float64 holds the same values. Philox's key is the seed,
// its counter (block low, block high, draw, stream): core/philox.h.
//
// Not differentiable. Errors: ShapeError and DTypeError for another key or dtype, ConfigError for a
// stream or draw out of range. FLOPs: one an element.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct RandomArgs {
  const int64_t* key;  // (3)
  void* y;             // (n)
  int64_t n;
  bool normal;
  bool f64;  // else float32
};
struct RandomKernel {
  static constexpr const char* name = "random";
  using Fn = void (*)(const RandomArgs&);
};

PYGAN_DECLARE_ISA(void, fill_random, (const RandomArgs& args))

}  // namespace pygan
