// Blocking and threading of C (m, n) = A (m, k) B (k, n), whatever the operands are packed from.
#pragma once

#include <cstdint>

#include "gemm/kernels.h"

namespace pygan::gemm {

template <class T>
struct Problem {
  int64_t m, n, k;
  Left<T> left;
  Right<T> right;
  Result<T> result;
  bool accumulate;
  Epilogue<T> then = {};
  int64_t result_column = 1;  // stride of C along a row; others only where n <= kThin
};

template <class T>
void run(const Problem<T>& problem);  // `then` included, but where result_column is not 1

// The epilogue on y (rows, columns), whose rows lie `row` elements apart, by itself.
template <class T>
void finish(const Epilogue<T>& then, T* y, int64_t rows, int64_t columns, int64_t row);

template <class T>
const Kernels<T>& kernels();

}  // namespace pygan::gemm
