// An op's After as the matrix engine takes it.
#pragma once

#include "core/op.h"
#include "gemm/epilogue.h"

namespace pygan {

template <class T>
gemm::Epilogue<T> epilogue(const After* after, const T* y) {
  gemm::Epilogue<T> e;
  if (after == nullptr) return e;
  if (after->bias.defined()) e.bias = after->bias.ptr<T>();
  if (after->then.kind == Pointwise::Kind::leaky_relu) e.then = gemm::Then::leaky_relu;
  if (after->then.kind == Pointwise::Kind::leaky_relu_grad) e.then = gemm::Then::leaky_relu_grad;
  e.slope = static_cast<T>(after->then.slope);
  if (after->mask.defined()) e.mask = after->mask.ptr<T>();
  e.base = y;
  return e;
}

}  // namespace pygan
