// What may follow a product while its result is still in a cache, with the bits of the ops that it
// stands for:
//
//   y <- y + bias            bias over the last axis: add
//   y <- leaky_relu(y)       f(y) = y > 0 ? y : slope y; slope 0: relu
//   y <- y f'(mask)          the leaky_relu's derivative, mask like y: leaky_relu_grad
//
// in this order, each where it is asked for.
#pragma once

#include <cstdint>

namespace pygan::gemm {

enum class Then : uint8_t { nothing, leaky_relu, leaky_relu_grad };

template <class T>
struct Epilogue {
  const T* bias = nullptr;  // (columns of y), or none
  Then then = Then::nothing;
  T slope = 0;
  const T* mask = nullptr;  // like all of y, of leaky_relu_grad
  const T* base = nullptr;  // y's first element, which mask's first belongs to

  explicit operator bool() const { return bias != nullptr || then != Then::nothing; }
};

// Rows of y that are done: (rows, columns), `row` elements apart.
template <class T>
struct FinishArgs {
  Epilogue<T> epilogue;  // its bias: of column 0 here
  T* y;
  int64_t rows, columns, row;
};

}  // namespace pygan::gemm
