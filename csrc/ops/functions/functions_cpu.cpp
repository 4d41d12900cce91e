#include "ops/functions/functions.h"

#include "ops/elementwise/broadcast_cpu.h"
#include "ops/functions/functors.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T>
void functions_of(const FunctionArgs& args) {
  const T a = static_cast<T>(args.a);
  with_function(args.op, a, [&](auto f) {
    map(static_cast<const T*>(args.x), static_cast<T*>(args.y), args.n, kFunctionGrain,
        [a, f](T v) { return f.of(v, a); });
  });
}

}  // namespace

void functions(const FunctionArgs& args) {
  args.f64 ? functions_of<double>(args) : functions_of<float>(args);
}

}  // namespace pygan::PYGAN_ISA
