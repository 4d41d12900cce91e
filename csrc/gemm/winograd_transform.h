// The matrices of Winograd's convolution with two or three taps a dimension. For kernel files only.
//
// Each function maps a line of values to another; V is a vector of channels. `adjoint` is the
// transposed matrix. See winograd.h; the points are 0, 1, infinity for <2, 2>, 0, 1, -1, 2, infinity
// for <4, 2>, 0, 1, -1, infinity for <2, 3> and 0, 1, -1, 2, -2, infinity for <4, 3>.
#pragma once

namespace pygan::PYGAN_ISA {
namespace {

template <int kTile, int kTaps>
struct Transform;

template <>
struct Transform<2, 2> {
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
struct Transform<4, 2> {
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

template <>
struct Transform<2, 3> {
  // B^T: 4 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void data(const V (&d)[4], V (&o)[4]) {
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[3] - d[1];
  }
  // B: 4 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void data_adjoint(const V (&o)[4], V (&d)[4]) {
    d[0] = o[0];
    d[1] = o[1] - o[2] - o[3];
    d[2] = o[1] + o[2] - o[0];
    d[3] = o[3];
  }
  // G: 3 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void filter(const V (&g)[3], V (&u)[4]) {
    const V a = (g[0] + g[2]) * 0.5f, b = g[1] * 0.5f;
    u[0] = g[0];
    u[1] = a + b;
    u[2] = a - b;
    u[3] = g[2];
  }
  // G^T: 4 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void filter_adjoint(const V (&u)[4], V (&g)[3]) {
    const V a = (u[1] + u[2]) * 0.5f;
    g[0] = u[0] + a;
    g[1] = (u[1] - u[2]) * 0.5f;
    g[2] = a + u[3];
  }
  // A^T: 4 -> 2
  template <class V>
  [[gnu::always_inline]] static inline void result(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
  }
  // A: 2 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void result_adjoint(const V (&y)[2], V (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
  }
};

template <>
struct Transform<4, 3> {
  // B^T: 6 -> 6
  template <class V>
  [[gnu::always_inline]] static inline void data(const V (&d)[6], V (&o)[6]) {
    const V a = d[4] - d[2] * 4.0f, b = d[3] - d[1] * 4.0f;
    const V c = d[4] - d[2], e = (d[3] - d[1]) * 2.0f;
    o[0] = d[0] * 4.0f - d[2] * 5.0f + d[4];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = d[1] * 4.0f - d[3] * 5.0f + d[5];
  }
  // B: 6 -> 6
  template <class V>
  [[gnu::always_inline]] static inline void data_adjoint(const V (&o)[6], V (&d)[6]) {
    const V a = o[1] + o[2], b = o[1] - o[2], c = o[3] + o[4], e = (o[3] - o[4]) * 2.0f;
    d[0] = o[0] * 4.0f;
    d[1] = (o[5] - b) * 4.0f - e;
    d[2] = -(o[0] * 5.0f + a * 4.0f + c);
    d[3] = b + e - o[5] * 5.0f;
    d[4] = o[0] + a + c;
    d[5] = o[5];
  }
  // G: 3 -> 6
  template <class V>
  [[gnu::always_inline]] static inline void filter(const V (&g)[3], V (&u)[6]) {
    const V a = (g[0] + g[2]) * (-1.0f / 6.0f), b = g[1] * (-1.0f / 6.0f);
    const V c = g[0] * (1.0f / 24.0f) + g[2] * (1.0f / 6.0f), e = g[1] * (1.0f / 12.0f);
    u[0] = g[0] * 0.25f;
    u[1] = a + b;
    u[2] = a - b;
    u[3] = c + e;
    u[4] = c - e;
    u[5] = g[2];
  }
  // G^T: 6 -> 3
  template <class V>
  [[gnu::always_inline]] static inline void filter_adjoint(const V (&u)[6], V (&g)[3]) {
    const V a = (u[1] + u[2]) * (-1.0f / 6.0f), b = (u[1] - u[2]) * (-1.0f / 6.0f);
    const V c = u[3] + u[4], e = u[3] - u[4];
    g[0] = u[0] * 0.25f + a + c * (1.0f / 24.0f);
    g[1] = b + e * (1.0f / 12.0f);
    g[2] = a + c * (1.0f / 6.0f) + u[5];
  }
  // A^T: 6 -> 4
  template <class V>
  [[gnu::always_inline]] static inline void result(const V (&m)[6], V (&y)[4]) {
    const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + e * 2.0f;
    y[2] = a + c * 4.0f;
    y[3] = b + e * 8.0f + m[5];
  }
  // A: 4 -> 6
  template <class V>
  [[gnu::always_inline]] static inline void result_adjoint(const V (&y)[4], V (&m)[6]) {
    const V a = y[0] + y[2], b = y[1] + y[3];
    const V c = y[0] + y[2] * 4.0f, e = (y[1] + y[3] * 4.0f) * 2.0f;
    m[0] = y[0];
    m[1] = a + b;
    m[2] = a - b;
    m[3] = c + e;
    m[4] = c - e;
    m[5] = y[3];
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
