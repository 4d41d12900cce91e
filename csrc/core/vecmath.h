// exp, log, log1p, tanh, sigmoid, softplus, sin, cos, erf for float and double: the same bits on
// every instruction set, on every device, and in the NumPy reference, because each is a fixed
// sequence of IEEE additions, multiplications, divisions and bit moves. Build with
// -ffp-contract=off (nvcc: -fmad=false), never with -ffast-math.
//
// No branches, only selects: a plain loop over any of these is vectorised. No library calls: libm's
// results differ between machines. Everything is static, so that files built for different
// instruction sets share nothing.
//
// Largest error measured, in units in the last place (float: every 31st of all arguments; double:
// 10^6 to 2 10^6 arguments):
//
//            exp    log    log1p  tanh   sigmoid  softplus  sin    cos    erf
//   float    0.76   0.83   0.84   1.42   1.15     1.52      0.78   0.78   1.20
//   double   0.77   0.85   0.85   1.41   1.17     1.47      0.78   0.78   1.24
//
// That holds for subnormal arguments and results too; infinities and NaN go where the limit is;
// log(0) = -inf, log(x < 0) = NaN. sin and cos are defined for |x| <= 1e4 (float) and 1e6 (double)
// and give NaN beyond.
//
// Method: reduce the argument exactly, then a polynomial fitted for least relative error (Chebyshev
// nodes, Lawson's weights, the coefficients rounded one by one). Cody and Waite, Software Manual
// for the Elementary Functions, 1980; Tang, ACM TOMS 1989 and 1990; the logarithm's series in s = f
// / (2 + f) as in Sun's fdlibm; erfc as the exponential of a polynomial after N. Juffa.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PYGAN_HOST_DEVICE __host__ __device__
#else
#define PYGAN_HOST_DEVICE
#endif
#define PYGAN_VECMATH PYGAN_HOST_DEVICE static inline

namespace pygan::vecmath {

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int mantissa_bits = 23, total_bits = 32, bias = 127;
  static constexpr float round = 0x1.8p23f;  // adding it rounds to an integer, ties to even
  static constexpr Bits integer = 0x4b000000, exponent = 0x3f800000;  // the bits of 2^23 and of 1
  static constexpr Bits sqrt_half = 0x3f3504f3, magnitude = 0x7fffffff, infinity = 0x7f800000;
  static constexpr float smallest_normal = 0x1p-126f, largest = 0x1.fffffep127f;
  // x log2(e) and its inverse in two parts; n times the first part is exact
  static constexpr float log2e = 0x1.715476p0f, ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float exp_min = -104.0f, exp_max = 89.0f;  // beyond: 0 and inf
  static constexpr float tanh_min = -20.0f;                   // 1 + e^x = 1 below
  static constexpr float erf_max = 4.0f;                      // erf = 1 above
  static constexpr float trig_max = 1e4f;
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int mantissa_bits = 52, total_bits = 64, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr Bits integer = 0x4330000000000000, exponent = 0x3ff0000000000000;
  static constexpr Bits sqrt_half = 0x3fe6a09e667f3bcd, magnitude = 0x7fffffffffffffff;
  static constexpr Bits infinity = 0x7ff0000000000000;
  static constexpr double smallest_normal = 0x1p-1022, largest = 0x1.fffffffffffffp1023;
  static constexpr double log2e = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42fefa2p-1, ln2_low = 0x1.9ef35793c7673p-41;
  static constexpr double exp_min = -746.0, exp_max = 710.0;
  static constexpr double tanh_min = -40.0;
  static constexpr double erf_max = 6.0;
  static constexpr double trig_max = 1e6;
};
template <class T>
using BitsOf = typename Format<T>::Bits;

template <class To, class From>
PYGAN_VECMATH To bit_cast(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  __builtin_memcpy(&y, &x, sizeof y);
  return y;
}
template <class T>
PYGAN_VECMATH BitsOf<T> bits(T x) {
  return bit_cast<BitsOf<T>>(x);
}
template <class T>
PYGAN_VECMATH T abs(T x) {
  return bit_cast<T>(bits(x) & Format<T>::magnitude);
}
template <class T>
PYGAN_VECMATH T copysign(T magnitude, T sign) {
  constexpr auto mask = Format<T>::magnitude;
  return bit_cast<T>((bits(magnitude) & mask) | (bits(sign) & ~mask));
}
template <class T>
PYGAN_VECMATH T infinity() {
  return bit_cast<T>(Format<T>::infinity);
}
template <class T>
PYGAN_VECMATH T nan() {
  return bit_cast<T>(Format<T>::infinity | (Format<T>::infinity >> 1));
}
// c ? a : b on bits. A plain conditional lets GCC move the arithmetic behind a or b into a branch,
// which it then does not vectorise unless told -fno-trapping-math.
template <class T>
PYGAN_VECMATH T select(bool c, T a, T b) {
  const BitsOf<T> mask = BitsOf<T>(0) - BitsOf<T>(c);
  return bit_cast<T>((bits(a) & mask) | (bits(b) & ~mask));
}
PYGAN_VECMATH float sqrt(float x) { return __builtin_sqrtf(x); }
PYGAN_VECMATH double sqrt(double x) { return __builtin_sqrt(x); }

// The integer nearest to x, ties to even. |x| < 2^22 (float), 2^51 (double).
template <class T>
PYGAN_VECMATH T round(T x) {
  return (x + Format<T>::round) - Format<T>::round;
}
// 2^n for an integer n whose power is a normal number: n + bias lands in the low bits of the sum,
// and from there in the exponent.
template <class T>
PYGAN_VECMATH T pow2(T n) {
  using F = Format<T>;
  return bit_cast<T>(bits(n + (F::round + F::bias)) << F::mantissa_bits);
}

// c0 + x (c1 + x (c2 + ...)), by Horner's rule
template <class T>
PYGAN_VECMATH T polynomial(T, T c0) {
  return c0;
}
template <class T, class... C>
PYGAN_VECMATH T polynomial(T x, T c0, C... c) {
  return c0 + x * polynomial(x, T(c)...);
}

// ---- exponentials ------------------------------------------------------------------------------

// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2
PYGAN_VECMATH float exp_series(float r) {
  return polynomial(r, 0.5f, 0.16666664f, 0.041666456f, 0.008333887f, 0.0013935771f,
                    0.00019578022f);
}
PYGAN_VECMATH double exp_series(double r) {
  return polynomial(r, 0.5, 0.16666666666666682, 0.0416666666666665, 0.008333333333317624,
                    0.0013888888888985305, 0.00019841269895222674, 2.4801587118806967e-05,
                    2.755723581301884e-06, 2.7557449406452694e-07, 2.5111759543140888e-08,
                    2.086127439986055e-09);
}

// e^x = 2^n (one + tail) for exp_min <= x <= exp_max: x = n ln 2 + r, e^r = (1 + r) + r^2
// series(r), where `tail` holds what rounding r and 1 + r lost
template <class T>
struct Power {
  T n, one, tail;
};
template <class T>
PYGAN_VECMATH Power<T> exp_parts(T x) {
  using F = Format<T>;
  const T n = round(x * F::log2e);
  const T high = x - n * F::ln2_high;
  const T low = n * F::ln2_low;
  const T r = high - low;
  const T lost = (high - r) - low;
  const T one = T(1) + r;
  return {n, one, ((T(1) - one) + r) + (lost + (r * r) * exp_series(r))};
}

// The power is multiplied in two halves, so that results near the ends of the range round once,
// when they must.
template <class T>
PYGAN_VECMATH T exp(T x) {
  using F = Format<T>;
  x = select(x < F::exp_min, F::exp_min, x);
  x = select(x > F::exp_max, F::exp_max, x);
  const Power<T> e = exp_parts(x);
  const T half = round(e.n * T(0.5));
  return (e.one + e.tail) * pow2(half) * pow2(e.n - half);
}

// P(z) and Q(z): tanh(x) = x + x z P(z) / Q(z) for z = x^2, |x| < 0.55
PYGAN_VECMATH float tanh_numerator(float) { return -0.3333332f; }
PYGAN_VECMATH float tanh_denominator(float z) {
  return polynomial(z, 1.0f, 0.3999916f, -0.0018569157f);
}
PYGAN_VECMATH double tanh_numerator(double z) {
  return polynomial(z, -0.3333333333333333, -0.020500381892473475, -0.00019924818452151318);
}
PYGAN_VECMATH double tanh_denominator(double z) {
  return polynomial(z, 1.0, 0.4615011456774162, 0.0232934409198629, 0.0002066088657773354);
}

// x + x z P / Q near 0, else 1 - 2 e / (1 + e) with e = e^(-2|x|); one division serves both
template <class T>
PYGAN_VECMATH T tanh(T x) {
  using F = Format<T>;
  const T a = abs(x);
  const T z = a * a;
  const T y = T(-2) * a;
  const Power<T> parts = exp_parts(select(y < F::tanh_min, F::tanh_min, y));
  const T e = (parts.one + parts.tail) * pow2(parts.n);
  const bool near = a < T(0.55);
  const T numerator = select(near, a * (z * tanh_numerator(z)), T(-2) * e);
  const T quotient = numerator / select(near, tanh_denominator(z), T(1) + e);
  return copysign(select(near, a, T(1)) + quotient, x);
}

// 1 / (1 + e) for x >= 0, e / (1 + e) below, with e = e^-|x|: both tails keep their relative
// accuracy. The last two lines put back, to first order, what rounding e and 1 + e lost; 2 - sum
// and 1.457 - d / 2 are near enough to 1 / sum and 1 / d for that.
template <class T>
PYGAN_VECMATH T sigmoid(T x) {
  using F = Format<T>;
  const T y = -abs(x);
  const Power<T> parts = exp_parts(select(y < F::exp_min, F::exp_min, y));
  const T half = round(parts.n * T(0.5));
  const T sum = parts.one + parts.tail;
  const T e = sum * pow2(half) * pow2(parts.n - half);
  const T d = T(1) + e;
  const bool left = x < T(0);
  const T q = select(left, e, T(1)) / d;
  const T e_lost = ((parts.one - sum) + parts.tail) * (T(2) - sum);  // relative to e
  const T d_lost = (T(1) - d) + e;
  return q + q * ((select(left, e_lost, T(0)) - d_lost) * (T(1.457) - T(0.5) * d));
}

// ---- logarithms --------------------------------------------------------------------------------

// (2 atanh(s) - 2 s) / (s z) for z = s^2, |s| <= 3 - 2 sqrt(2)
PYGAN_VECMATH float log_series(float z) {
  return polynomial(z, 0.66666776f, 0.39977565f, 0.29871604f);
}
PYGAN_VECMATH double log_series(double z) {
  return polynomial(z, 0.6666666666666735, 0.39999999999409447, 0.28571428743650584,
                    0.222221984341177, 0.1818357201102783, 0.15313842953425533, 0.1479813095156562);
}

// log(u) + c for a normal u > 0 and a small c. u = 2^e m with sqrt(1/2) <= m < sqrt(2), f = m - 1,
// s = f / (2 + f): log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + z series(z))).
template <class T>
PYGAN_VECMATH T log_normal(T u, T exponent_offset, T c) {
  using F = Format<T>;
  const BitsOf<T> shifted = bits(u) + (F::exponent - F::sqrt_half);
  const BitsOf<T> fraction = shifted & ((BitsOf<T>(1) << F::mantissa_bits) - 1);
  // the exponent as a number: its bits below those of 2^mantissa_bits
  const T biased = bit_cast<T>(F::integer | (shifted >> F::mantissa_bits));
  const T e = biased - (bit_cast<T>(F::integer) + F::bias) + exponent_offset;
  const T f = bit_cast<T>(fraction + F::sqrt_half) - T(1);
  const T s = f / (T(2) + f);
  const T z = s * s;
  const T half = T(0.5) * f * f;
  const T tail = s * (half + z * log_series(z)) + (e * F::ln2_low + c);
  return e * F::ln2_high + (f - (half - tail));
}

template <class T>
PYGAN_VECMATH T log(T x) {
  using F = Format<T>;
  constexpr T lift = T(BitsOf<T>(1) << F::mantissa_bits);  // makes subnormal numbers normal
  const bool small = x < F::smallest_normal;
  const T u = select(small, x * lift, x);
  T y = log_normal(u, select(small, T(-F::mantissa_bits), T(0)), T(0));
  y = select(x <= F::largest, y, x);  // inf and NaN are their own logarithms
  y = select(x == T(0), -infinity<T>(), y);
  return select(x < T(0), nan<T>(), y);
}

// log(1 + x) = log(u) + (what rounding 1 + x to u lost) / u
template <class T>
PYGAN_VECMATH T log1p(T x) {
  using F = Format<T>;
  const T u = T(1) + x;
  const T lost = select(x >= T(1), T(1) - (u - x), x - (u - T(1)));
  T y = log_normal(u, T(0), lost / u);
  y = select(x <= F::largest, y, x);
  y = select(x == T(-1), -infinity<T>(), y);
  y = select(x == T(0), x, y);  // keeps the sign
  return select(x < T(-1), nan<T>(), y);
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
template <class T>
PYGAN_VECMATH T softplus(T x) {
  return select(x > T(0), x, T(0)) + log1p(exp(-abs(x)));
}

// ---- sine and cosine ---------------------------------------------------------------------------

// (sin(r) / r - 1) / z and (cos(r) - 1 + z / 2) / z^2 for z = r^2, |r| <= pi / 4
PYGAN_VECMATH float sin_series(float z) {
  return polynomial(z, -0.16666667f, 0.008333373f, -0.00019850295f, 2.804357e-06f);
}
PYGAN_VECMATH double sin_series(double z) {
  return polynomial(z, -0.16666666666666632, 0.008333333333322463, -0.00019841269829822913,
                    2.7557313691215974e-06, -2.505075730360223e-08, 1.589671613103815e-10);
}
PYGAN_VECMATH float cos_series(float z) {
  return polynomial(z, 0.041666646f, -0.0013887312f, 2.4432744e-05f);
}
PYGAN_VECMATH double cos_series(double z) {
  return polynomial(z, 0.0416666666666666, -0.0013888888888874459, 2.4801587289652655e-05,
                    -2.7557314393052265e-07, 2.0875727882800453e-09, -1.1359846965867042e-11);
}

// pi / 2 in four parts; n (|n| < 2^13 and 2^20) times each of the first three is exact
template <class T>
struct HalfPi;
template <>
struct HalfPi<float> {
  static constexpr float p1 = 0x1.92p0f, p2 = 0x1.fb4p-12f, p3 = 0x1.444p-24f, p4 = 0x1.68c234p-39f;
};
template <>
struct HalfPi<double> {
  static constexpr double p1 = 0x1.921fb544p0, p2 = 0x1.0b4611a6p-34, p3 = 0x1.3198a2ep-69;
  static constexpr double p4 = 0x1.b839a252049c1p-104;
};
// x - n pi / 2 = r + tail: `tail` holds what rounding r lost
template <class T>
struct Angle {
  T r, tail;
};
template <class T>
PYGAN_VECMATH Angle<T> subtract_quadrants(T x, T n) {
  using P = HalfPi<T>;
  const T a = x - n * P::p1;  // exact
  const T b = a - n * P::p2;
  const T c = b - n * P::p3;
  const T lost = ((a - b) - n * P::p2) + ((b - c) - n * P::p3);
  return {c, lost - n * P::p4};
}

// sin(x + quadrants pi / 2)
template <class T>
PYGAN_VECMATH T sin_from(T x, BitsOf<T> quadrants) {
  using F = Format<T>;
  const T shifted = x * T(0.6366197723675814) + F::round;  // 2 / pi; the quadrant in the low bits
  const BitsOf<T> quadrant = bits(shifted) + quadrants;
  const auto [r, tail] = subtract_quadrants(x, shifted - F::round);
  const T z = r * r;
  const T half = T(0.5) * z;
  const T w =
      T(1) - half;  // cos r = w + (what rounding w lost) + z^2 series; sin(r + t) = sin r + t cos r
  const T sine =
      select(x == T(0), x, r + (r * (z * sin_series(z)) + tail * w));  // x: keeps the sign of 0
  const T cosine = w + (((T(1) - w) - half) + (z * z * cos_series(z) - r * tail));
  const T y = select((quadrant & 1) != 0, cosine, sine);
  const BitsOf<T> sign = (quadrant & 2) << (F::total_bits - 2);
  const T signed_y = bit_cast<T>(bits(y) ^ sign);
  return select(abs(x) <= F::trig_max, signed_y, nan<T>());
}
template <class T>
PYGAN_VECMATH T sin(T x) {
  return sin_from(x, BitsOf<T>(0));
}
template <class T>
PYGAN_VECMATH T cos(T x) {
  return sin_from(x, BitsOf<T>(1));
}

// ---- error function ----------------------------------------------------------------------------

// erf(x) / x - 1 for z = x^2 <= 1, and log(erfc(1 + t)) for 0 <= t <= erf_max - 1, exact to what 1
// - e^... needs
PYGAN_VECMATH float erf_series(float z) {
  return polynomial(z, 0.12837917f, -0.37612626f, 0.11283583f, -0.026853692f, 0.005188074f,
                    -0.0008007878f, 7.846108e-05f);
}
PYGAN_VECMATH double erf_series(double z) {
  return polynomial(z, 0.12837916709551256, -0.3761263890318346, 0.11283791670942667,
                    -0.02686617064293295, 0.005223977604947967, -0.0008548325882309408,
                    0.00012055292362427024, -1.4924691704031948e-05, 1.6446903534261753e-06,
                    -1.6204727042784737e-07, 1.370468197975973e-08, -7.768590568395911e-10);
}
PYGAN_VECMATH float log_erfc_series(float t) {
  return polynomial(t, -1.8496056f, -2.6389663f, -0.8431161f, -0.041532967f, 0.009994218f,
                    -0.0019652655f, 0.00026889011f, -1.8152832e-05f);
}
PYGAN_VECMATH double log_erfc_series(double t) {
  return polynomial(t, -1.8496055099332482, -2.6389675142347904, -0.8431072563586054,
                    -0.04156109804292946, 0.010033825384323795, -0.0019779026229328205,
                    0.00023732268630916866, 2.6277340125968107e-05, -2.715810238847376e-05,
                    9.607494413983734e-06, -2.0583102518605244e-06, 1.4173369154874744e-07,
                    9.821670751248778e-08, -5.233007357124466e-08, 1.5004792019865954e-08,
                    -2.885181503875183e-09, 3.714567812432153e-10, -2.9107703399698566e-11,
                    1.0511417027294416e-12);
}

template <class T>
PYGAN_VECMATH T erf(T x) {
  using F = Format<T>;
  T a = abs(x);
  a = select(a > F::erf_max, F::erf_max, a);
  const T near = a + a * erf_series(a * a);
  const T far = T(1) - exp(log_erfc_series(a - T(1)));
  return copysign(select(a < T(1), near, far), x);
}

}  // namespace pygan::vecmath
