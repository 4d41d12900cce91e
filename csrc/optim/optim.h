// Updates in place: the only kernels that change values that outlast a step. Each goes once over
// all parameters of a network.
//
//   adam  (Kingma and Ba 2015)   m <- b1 m + (1 - b1) g
//                                v <- b2 v + (1 - b2) g^2
//                                p <- p - lr / c1 m / (sqrt(v) / sqrt(c2) + eps)
//   sgd                          b <- mu b + g,  p <- p - lr (b, or g + mu b with Nesterov's form)
//   rmsprop (Tieleman, Hinton)   v <- alpha v + (1 - alpha) g^2
//                                a <- alpha a + (1 - alpha) g,  v' = max(v - a^2, 0) if centred, else v
//                                b <- mu b + g / (sqrt(v') + eps),  p <- p - lr b
//   ema                          a <- d a + (1 - d) p
//   clip                         p <- min(max(p, low), high), NaN stays NaN
//   all_finite                   no NaN and no infinity anywhere, nor anything whose square is one:
//                                it would stay in v for ever, and its weight would never move again
//
// g includes weight_decay p. hyper is an array: learning rate and bias corrections vary from step
// to step, and a recorded step must see them change.
//
// Errors: ShapeError where lists or shapes differ, DTypeError for mixed dtypes.
#pragma once

#include <cstdint>

#include "core/array.h"
#include "core/isa.h"

namespace pygan {

struct UpdateChunk {  // a run of one parameter
  void* p;            // (n) parameter, or moving average
  const void* g;      // (n) gradient, or parameter, or null
  void* m;            // (n) first moment or momentum, or null
  void* v;            // (n) second moment, or null
  void* a;            // (n) average gradient, or null
  int64_t n;
};

struct UpdateArgs {
  const UpdateChunk* chunks;  // (count), in host memory; what they point to is on the device
  int64_t count;
  const double* hyper;  // in host memory
  bool f64;
};

struct FiniteRun {
  const void* x;  // (n)
  int64_t n;
};

struct FiniteArgs {
  const FiniteRun* runs;  // (count), in host memory; what they point to is on the device
  int64_t count;
  bool f64;
};

PYGAN_DECLARE_ISA(void, adam_chunks, (const UpdateArgs& args))
PYGAN_DECLARE_ISA(void, sgd_chunks, (const UpdateArgs& args))
PYGAN_DECLARE_ISA(void, rmsprop_chunks, (const UpdateArgs& args))
PYGAN_DECLARE_ISA(void, ema_chunks, (const UpdateArgs& args))
PYGAN_DECLARE_ISA(void, clip_chunks, (const UpdateArgs& args))
PYGAN_DECLARE_ISA(bool, all_finite, (const FiniteArgs& args))

struct AdamKernel {
  static constexpr const char* name = "adam_";
  using Fn = void (*)(const UpdateArgs&);
};
struct SgdKernel {
  static constexpr const char* name = "sgd_";
  using Fn = void (*)(const UpdateArgs&);
};
struct RmspropKernel {
  static constexpr const char* name = "rmsprop_";
  using Fn = void (*)(const UpdateArgs&);
};
struct EmaKernel {
  static constexpr const char* name = "ema_";
  using Fn = void (*)(const UpdateArgs&);
};
struct ClipUpdateKernel {
  static constexpr const char* name = "clip_";
  using Fn = void (*)(const UpdateArgs&);
};
struct FiniteKernel {
  static constexpr const char* name = "all_finite";
  using Fn = bool (*)(const FiniteArgs&);
};

struct IncrementArgs {
  int64_t* x;  // (): the counter
  int64_t by;
};
struct IncrementKernel {
  static constexpr const char* name = "increment_";
  using Fn = void (*)(const IncrementArgs&);
};

namespace optim {

// hyper (8,) float64: lr, beta1, beta2, eps, weight_decay, c1 = 1 - beta1^t, c2 = 1 - beta2^t,
// unused
void adam(const Arrays& p, const Arrays& g, const Arrays& m, const Arrays& v, const Array& hyper);
// hyper (4,) float64: lr, momentum, weight_decay, nesterov
void sgd(const Arrays& p, const Arrays& g, const Arrays& momentum, const Array& hyper);
// hyper (5,) float64: lr, alpha, eps, weight_decay, momentum. An empty momentum list: no momentum
// (b = g / (sqrt(v') + eps)); an empty average list: not centred.
void rmsprop(const Arrays& p, const Arrays& g, const Arrays& v, const Arrays& momentum,
             const Arrays& average, const Array& hyper);
// hyper (1,) float64: decay
void ema(const Arrays& average, const Arrays& p, const Array& hyper);
// hyper (2,) float64: low, high
void clip(const Arrays& p, const Array& hyper);
bool all_finite(const Arrays& arrays);
// The last element of x, int64, grows: a counter, or the draw number of a random key.
void increment(Array x, int64_t by);
// x <- value, bit for bit, from whatever device; the storage's version grows
void assign(Array x, const Array& value);

}  // namespace optim
}  // namespace pygan
