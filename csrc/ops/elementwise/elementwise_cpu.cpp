#include "ops/elementwise/elementwise.h"

#include "core/parallel.h"
#include "ops/elementwise/broadcast_cpu.h"
#include "ops/elementwise/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T>
void unary_of(const UnaryArgs& args) {
  const T a = static_cast<T>(args.a);
  with_unary(args.op, [&](auto f) {
    map(static_cast<const T*>(args.x), static_cast<T*>(args.y), args.n, kGrain,
        [a, f](T v) { return f.of(v, a); });
  });
}

template <class T>
void binary_of(const BinaryArgs& args) {
  const int64_t grain = args.op == Binary::pow ? kFunctionGrain : kGrain;
  with_binary(args.op, [&](auto f) {
    broadcast(args.axes, static_cast<const T*>(args.a), static_cast<const T*>(args.b),
              static_cast<T*>(args.y), grain, [f](T u, T v) { return f.of(u, v); });
  });
}

template <class To, class From>
void cast_of(const CastArgs& args) {
  map(static_cast<const From*>(args.x), static_cast<To*>(args.y), args.n, kGrain,
      [](From v) { return Convert<To, From>::of(v); });
}

}  // namespace

void unary(const UnaryArgs& args) { args.f64 ? unary_of<double>(args) : unary_of<float>(args); }

void binary(const BinaryArgs& args) { args.f64 ? binary_of<double>(args) : binary_of<float>(args); }

void cast(const CastArgs& args) {
  with_dtype(args.from, [&](auto from) {
    with_dtype(args.to, [&](auto to) { cast_of<decltype(to), decltype(from)>(args); });
  });
}

}  // namespace pygan::PYGAN_ISA
