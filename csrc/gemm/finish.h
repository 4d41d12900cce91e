// The epilogue's loops, for kernel files only.
#pragma once

#include "core/vecmath.h"
#include "gemm/epilogue.h"

namespace pygan::PYGAN_ISA {
namespace {

template <class T, class F>
void finish_rows(const gemm::FinishArgs<T>& a, F f) {
  const T* const bias = a.epilogue.bias;
  for (int64_t r = 0; r < a.rows; ++r) {
    T* const y = a.y + r * a.row;  // (columns)
    if (bias != nullptr) {
      for (int64_t j = 0; j < a.columns; ++j) y[j] = f(y[j] + bias[j]);
    } else {
      for (int64_t j = 0; j < a.columns; ++j) y[j] = f(y[j]);
    }
  }
}

template <class T, class F>
void finish_masked(const gemm::FinishArgs<T>& a, F f) {
  const T* const bias = a.epilogue.bias;
  const T* const first = a.epilogue.mask + (a.y - a.epilogue.base);
  for (int64_t r = 0; r < a.rows; ++r) {
    T* __restrict const y = a.y + r * a.row;             // (columns)
    const T* __restrict const mask = first + r * a.row;  // (columns)
    if (bias != nullptr) {
      for (int64_t j = 0; j < a.columns; ++j) y[j] = f(mask[j], y[j] + bias[j]);
    } else {
      for (int64_t j = 0; j < a.columns; ++j) y[j] = f(mask[j], y[j]);
    }
  }
}

// The formulas are leaky_relu_cpu.cpp's, with a loop of its own for slope 0 too.
template <class T>
void finish(const gemm::FinishArgs<T>& a) {
  using vecmath::select;
  const T slope = a.epilogue.slope;
  switch (a.epilogue.then) {
    case gemm::Then::nothing:
      return finish_rows(a, [](T v) { return v; });
    case gemm::Then::leaky_relu:
      if (slope == T(0)) return finish_rows(a, [](T v) { return select(v <= T(0), T(0), v); });
      return finish_rows(a, [slope](T v) { return select(v > T(0), v, slope * v); });
    case gemm::Then::leaky_relu_grad:
      if (slope == T(0))
        return finish_masked(a, [](T m, T v) { return select(m > T(0), v, T(0)); });
      return finish_masked(a, [slope](T m, T v) { return select(m > T(0), v, slope * v); });
  }
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
