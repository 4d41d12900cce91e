// pow and expm1, after the rules of vecmath.h.
//
// Largest error measured, in units in the last place (2 10^6 to 8 10^6 arguments):
//
//            pow    expm1 (x <= 0)
//   float    0.50   1.05
//   double   0.79   1.06   (1.2 where the power is subnormal)
//
// A power that a number can hold exactly, 3^4 or 0.25^0.5, is exact.
//
// Method: x^y = e^(y ln x). In float the logarithm and the product are taken in double. In double
// they are taken in two parts, a sum of two doubles: Dekker, A floating-point technique for
// extending the available precision, Numer. Math. 18, 1971; the series as in Sun's fdlibm.
#pragma once

#include "core/vecmath.h"

namespace pygan::vecmath {

// e^x - 1 for x <= 0
template <class T>
PYGAN_VECMATH T expm1(T x) {
  using F = Format<T>;
  const Power<T> e = exp_parts(select(x < T(2) * F::tanh_min, T(2) * F::tanh_min, x));
  const T power = pow2(e.n);
  return select(x == T(0), x, (e.one * power - T(1)) + e.tail * power);
}

// high + low, where |low| is at most half a unit in the last place of high
struct Pair {
  double high, low;
};

// a + b exactly, for |a| >= |b| or a = 0
PYGAN_VECMATH Pair add_exactly(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

// a b exactly, but for underflow: each factor as 26 high bits and the rest
PYGAN_VECMATH Pair multiply_exactly(double a, double b) {
  constexpr uint64_t high_bits = ~uint64_t{0} << 27;
  const double a1 = bit_cast<double>(bits(a) & high_bits), a2 = a - a1;
  const double b1 = bit_cast<double>(bits(b) & high_bits), b2 = b - b1;
  const double product = a * b;
  return {product, ((a1 * b1 - product) + (a1 * b2 + a2 * b1)) + a2 * b2};
}

// ln(m 2^e) of a positive normal number, to about 2^-64 of itself.
// s = (m - 1) / (m + 1), z = s^2, ln m = 2 s + 2/3 s^3 + 2/5 s^5 + ...
//                                      = 2/3 s (3 + z + z^2 (3/5 + 3/7 z + 3/9 z^2 + ...))
PYGAN_VECMATH Pair log_pair(double u, double exponent_offset) {
  using F = Format<double>;
  const uint64_t shifted = bits(u) + (F::exponent - F::sqrt_half);
  const uint64_t fraction = shifted & ((uint64_t{1} << F::mantissa_bits) - 1);
  const double biased = bit_cast<double>(F::integer | (shifted >> F::mantissa_bits));
  const double e = biased - (bit_cast<double>(F::integer) + F::bias) + exponent_offset;
  const double f = bit_cast<double>(fraction + F::sqrt_half) - 1.0;

  const Pair d = add_exactly(2.0, f);  // m + 1
  const double s = f / d.high;
  const Pair sd = multiply_exactly(s, d.high);
  const double s_low = (((f - sd.high) - sd.low) - s * d.low) / d.high;

  const Pair square = multiply_exactly(s, s);
  const double z = square.high;
  const double q = (z * z) * polynomial(z, 3.0 / 5, 3.0 / 7, 3.0 / 9, 3.0 / 11, 3.0 / 13, 3.0 / 15,
                                        3.0 / 17, 3.0 / 19, 3.0 / 21, 3.0 / 23, 3.0 / 25);
  const Pair t = add_exactly(3.0, z);
  const Pair series = add_exactly(t.high, t.low + (square.low + 2.0 * s * s_low) + q);
  const Pair st = multiply_exactly(s, series.high);
  const double st_low = st.low + (s * series.low + s_low * series.high);
  constexpr double two_thirds = 0x1.5555555555555p-1, two_thirds_low = 0x1.5555555555555p-55;
  const Pair log_m = multiply_exactly(st.high, two_thirds);
  const double log_m_low = log_m.low + (st.high * two_thirds_low + st_low * two_thirds);

  const Pair sum = add_exactly(e * F::ln2_high, log_m.high);
  return add_exactly(sum.high, sum.low + (log_m_low + e * F::ln2_low));
}

// x^y = sign e^(y ln|x|) with y ln|x| as a pair, and the cases of C's pow: 1 for y = 0 or x = 1,
// whatever the other; NaN for x < 0 and a y that is not an integer
PYGAN_VECMATH double pow_from(double x, double y, Pair exponent) {
  using F = Format<double>;
  constexpr double integers = 0x1p52;  // all from there on are integers
  const double ax = abs(x), ay = abs(y), half = ay * 0.5;
  const bool whole = (ay >= integers) | ((ay + integers) - integers == ay);
  const bool even = (half >= integers) | ((half + integers) - integers == half);

  // 0 and infinity have no logarithm that could be multiplied
  const bool up = (ax > 1.0) == (y > 0.0);  // away from 1: x^y grows
  const double far = select(up, F::exp_max, F::exp_min);
  const bool extreme = (ax == 0.0) | (ax > F::largest) | (ay > F::largest);
  double p = select(extreme, far, exponent.high);
  const bool clamped = (p < F::exp_min) | (p > F::exp_max) | extreme;
  p = select(p < F::exp_min, F::exp_min, p);
  p = select(p > F::exp_max, F::exp_max, p);
  const Power<double> e = exp_parts(p);
  const double tail = e.tail + select(clamped, 0.0, exponent.low) * (e.one + e.tail);
  const double part = round(e.n * 0.5);
  double r = (e.one + tail) * pow2(part) * pow2(e.n - part);

  const bool negative = (bits(x) >> (F::total_bits - 1)) != 0;
  r = select(negative & whole & !even, -r, r);
  r = select((x < 0.0) & (ax <= F::largest) & !whole, nan<double>(), r);
  r = select((x != x) | (y != y), nan<double>(), r);
  r = select((ax == 1.0) & (ay > F::largest), 1.0, r);
  return select((x == 1.0) | (y == 0.0), 1.0, r);
}

PYGAN_VECMATH double pow(double x, double y) {
  using F = Format<double>;
  const double ax = abs(x);
  const bool small = ax < F::smallest_normal;
  const double u = select(small, ax * 0x1p52, ax);
  const Pair log_x = log_pair(u, select(small, -52.0, 0.0));
  // beyond 2^80 every x but 1 goes to 0 or infinity
  double factor = select(y > 0x1p80, 0x1p80, y);
  factor = select(factor < -0x1p80, -0x1p80, factor);
  const Pair p = multiply_exactly(factor, log_x.high);
  return pow_from(x, y, add_exactly(p.high, p.low + factor * log_x.low));
}

PYGAN_VECMATH float pow(float x, float y) {
  const double wide = static_cast<double>(x), factor = static_cast<double>(y);
  return static_cast<float>(pow_from(wide, factor, {factor * log(abs(wide)), 0.0}));
}

}  // namespace pygan::vecmath
