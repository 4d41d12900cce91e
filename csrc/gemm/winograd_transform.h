// The matrices of Winograd's convolution with two taps a dimension. For kernel files only.
//
// Each function maps a line of values to another; V is a vector of channels. `adjoint` is the
// transposed matrix. See winograd.h; the points are 0, 1, infinity and 0, 1, -1, 2, infinity.
#pragma once

namespace pygan::PYGAN_ISA {
namespace {

template <int kTile>
struct Transform;

template <>
struct Transform<2> {
  // B^T: 3 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void data(const V (&d)[3], V (&o)[3]) {
    o[0] = d[0] - d[1];
    o[1] = d[1];
    o[2] = d[2] - d[1];
  }
  // B: 3 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void data_adjoint(const V (&o)[3], V (&d)[3]) {
    d[0] = o[0];
    d[1] = o[1] - o[0] - o[2];
    d[2] = o[2];
  }
  // G: 2 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void filter(const V (&g)[2], V (&u)[3]) {
    u[0] = g[0];
    u[1] = g[0] + g[1];
    u[2] = g[1];
  }
  // G^T: 3 -> 2
  template <class V>
  [[gnu::always_inline]] static inline void filter_adjoint(const V (&u)[3], V (&g)[2]) {
    g[0] = u[0] + u[1];
    g[1] = u[1] + u[2];
  }
  // A^T: 3 -> 2
  template <class V>
  [[gnu::always_inline]] static inline void result(const V (&m)[3], V (&y)[2]) {
    y[0] = m[0] + m[1];
    y[1] = m[1] + m[2];
  }
  // A: 2 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void result_adjoint(const V (&y)[2], V (&m)[3]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[1];
  }
};

template <>
struct Transform<4> {
  // B^T: 5 -> 5
  template <class V>
  [[gnu::always_inline]] static inline void data(const V (&d)[5], V (&o)[5]) {
    const V a = d[3] - d[1], b = d[3] - d[2];
    o[0] = (d[0] - d[2]) * 2.0f + a;
    o[1] = b - d[1] * 2.0f;
    o[2] = b + (d[1] - d[2]) * 2.0f;
    o[3] = a;
    o[4] = (d[4] - d[2]) - a * 2.0f;
  }
  // B: 5 -> 5
  template <class V>
  [[gnu::always_inline]] static inline void data_adjoint(const V (&o)[5], V (&d)[5]) {
    const V a = o[1] + o[2], b = o[0] + o[3];
    d[0] = o[0] * 2.0f;
    d[1] = (o[2] - o[1] + o[4]) * 2.0f - b;
    d[2] = -(o[0] + o[2]) * 2.0f - a - o[4];
    d[3] = a + b - o[4] * 2.0f;
    d[4] = o[4];
  }
  // G: 2 -> 5
  template <class V>
  [[gnu::always_inline]] static inline void filter(const V (&g)[2], V (&u)[5]) {
    constexpr float kSixth = 1.0f / 6.0f;
    u[0] = g[0] * 0.5f;
    u[1] = (g[0] + g[1]) * -0.5f;
    u[2] = (g[1] - g[0]) * kSixth;
    u[3] = (g[0] + g[1] * 2.0f) * kSixth;
    u[4] = g[1];
  }
  // G^T: 5 -> 2
  template <class V>
  [[gnu::always_inline]] static inline void filter_adjoint(const V (&u)[5], V (&g)[2]) {
    constexpr float kSixth = 1.0f / 6.0f;
    g[0] = (u[0] - u[1]) * 0.5f + (u[3] - u[2]) * kSixth;
    g[1] = u[4] - u[1] * 0.5f + (u[2] + u[3] * 2.0f) * kSixth;
  }
  // A^T: 5 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void result(const V (&m)[5], V (&y)[4]) {
    const V a = m[1] + m[2], b = m[1] - m[2];
    y[0] = m[0] + a + m[3];
    y[1] = b + m[3] * 2.0f;
    y[2] = a + m[3] * 4.0f;
    y[3] = b + m[3] * 8.0f + m[4];
  }
  // A: 4 -> 5
  template <class V>
  [[gnu::always_inline]] static inline void result_adjoint(const V (&y)[4], V (&m)[5]) {
    const V a = y[0] + y[2], b = y[1] + y[3];
    m[0] = y[0];
    m[1] = a + b;
    m[2] = a - b;
    m[3] = (y[0] + y[1] * 2.0f) + (y[2] + y[3] * 2.0f) * 4.0f;
    m[4] = y[3];
  }
};

// F on the columns, then on the rows: (kIn, kIn) -> (kOut, kOut)
template <int kIn, int kOut, class V, class F>
[[gnu::always_inline]] inline void both(const V (&in)[kIn][kIn], V (&out)[kOut][kOut], F f) {
  V half[kOut][kIn];
#pragma GCC unroll 8
  for (int j = 0; j < kIn; ++j) {
    V column[kIn], made[kOut];
#pragma GCC unroll 8
    for (int i = 0; i < kIn; ++i) column[i] = in[i][j];
    f(column, made);
#pragma GCC unroll 8
    for (int i = 0; i < kOut; ++i) half[i][j] = made[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kOut; ++i) f(half[i], out[i]);
}

}  // namespace
}  // namespace pygan::PYGAN_ISA
