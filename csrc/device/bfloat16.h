// bfloat16 as storage: the upper half of a float32 (8 bits of exponent, 7 of mantissa). Arithmetic is
// float32's, rounded to nearest even: for + - * / the same bits as rounding the exact result once,
// since float32 keeps more than twice the bits. No fused form: rounding that twice would differ.
#pragma once

#include "device/bits.h"

namespace pygan {

struct bfloat16 {
  uint16_t bits;
};

PYGAN_BITS float to_float(bfloat16 x) { return bits_float(uint32_t{x.bits} << 16); }

// To nearest even; overflow gives infinity; a NaN stays one, quiet, with its sign.
PYGAN_BITS bfloat16 to_bfloat16(float x) {
  const uint32_t b = float_bits(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(b >> 16 | 0x40u)};
  return {static_cast<uint16_t>((b + 0x7fffu + (b >> 16 & 1u)) >> 16)};
}

PYGAN_BITS bfloat16 operator+(bfloat16 a, bfloat16 b) {
  return to_bfloat16(to_float(a) + to_float(b));
}
PYGAN_BITS bfloat16 operator-(bfloat16 a, bfloat16 b) {
  return to_bfloat16(to_float(a) - to_float(b));
}
PYGAN_BITS bfloat16 operator*(bfloat16 a, bfloat16 b) {
  return to_bfloat16(to_float(a) * to_float(b));
}
PYGAN_BITS bfloat16 operator/(bfloat16 a, bfloat16 b) {
  return to_bfloat16(to_float(a) / to_float(b));
}
PYGAN_BITS bfloat16 operator-(bfloat16 x) { return {static_cast<uint16_t>(x.bits ^ 0x8000u)}; }
PYGAN_BITS bool operator<(bfloat16 a, bfloat16 b) { return to_float(a) < to_float(b); }
PYGAN_BITS bool operator==(bfloat16 a, bfloat16 b) { return to_float(a) == to_float(b); }

// Two in a register, as mma takes them: the first in the lower half
PYGAN_BITS uint32_t pack(bfloat16 first, bfloat16 second) {
  return uint32_t{first.bits} | uint32_t{second.bits} << 16;
}

}  // namespace pygan
