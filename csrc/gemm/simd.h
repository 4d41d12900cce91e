// Vectors of one instruction set. For kernel files only: everything here has internal linkage.
#pragma once

#include <cstdint>

#include "core/isa.h"

#if PYGAN_ISA_LEVEL > 0
#include <immintrin.h>
#endif

namespace pygan::PYGAN_ISA {
namespace {

// Aligned as an element: loads and stores through pointers to these may be at any element.
typedef float FloatVector __attribute__((vector_size(PYGAN_VECTOR_BYTES), aligned(4), may_alias));
typedef double DoubleVector __attribute__((vector_size(PYGAN_VECTOR_BYTES), aligned(8), may_alias));

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef FloatVector type;
};
template <>
struct VectorOf<double> {
  typedef DoubleVector type;
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int kLanes = PYGAN_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}

template <class T>
[[gnu::always_inline]] inline void store(T* p, Vector<T> v) {
  *reinterpret_cast<Vector<T>*>(p) = v;
}

template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T x) {
  return x - Vector<T>{};
}

// a b + c, rounded once where the instruction set has it. Written out: the build forbids the
// compiler to contract, so that results do not depend on its mood.
#if PYGAN_ISA_LEVEL == 2
[[gnu::always_inline]] inline FloatVector fma(FloatVector a, FloatVector b, FloatVector c) {
  return (FloatVector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
[[gnu::always_inline]] inline DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
  return (DoubleVector)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
#elif PYGAN_ISA_LEVEL == 1
[[gnu::always_inline]] inline FloatVector fma(FloatVector a, FloatVector b, FloatVector c) {
  return (FloatVector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
[[gnu::always_inline]] inline DoubleVector fma(DoubleVector a, DoubleVector b, DoubleVector c) {
  return (DoubleVector)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#else
template <class V>
[[gnu::always_inline]] inline V fma(V a, V b, V c) {
  return a * b + c;
}
#endif

}  // namespace
}  // namespace pygan::PYGAN_ISA
