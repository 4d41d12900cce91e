// IEEE half precision as storage: 5 bits of exponent, 10 of mantissa, largest 65504, subnormals down
// to 2^-24. Arithmetic as bfloat16's (device/bfloat16.h): in float32, rounded once more without harm.
#pragma once

#include "device/bits.h"

namespace pygan {

struct half {
  uint16_t bits;
};

PYGAN_BITS float to_float(half x) {
  const uint32_t sign = uint32_t{x.bits & 0x8000u} << 16;
  const uint32_t exponent = x.bits >> 10 & 0x1fu, mantissa = x.bits & 0x3ffu;
  if (exponent == 0)  // 0 and subnormals: mantissa 2^-24, exact
    return bits_float(sign | float_bits(static_cast<float>(mantissa) * 0x1p-24f));
  if (exponent == 31) return bits_float(sign | 0x7f800000u | mantissa << 13);
  return bits_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

// To nearest even; from 65520 on infinity; a NaN stays one, quiet, with its sign.
PYGAN_BITS half to_half(float x) {
  const uint32_t b = float_bits(x), sign = b >> 16 & 0x8000u, magnitude = b & 0x7fffffffu;
  uint32_t result;
  if (magnitude > 0x7f800000u) {
    result = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536
    result = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // 2^-14: a multiple of 2^-24, the last place of 0.5
    result = float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u;
  } else {  // a carry out of the mantissa raises the exponent
    result = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23)) >> 13;
  }
  return {static_cast<uint16_t>(sign | result)};
}

PYGAN_BITS half operator+(half a, half b) { return to_half(to_float(a) + to_float(b)); }
PYGAN_BITS half operator-(half a, half b) { return to_half(to_float(a) - to_float(b)); }
PYGAN_BITS half operator*(half a, half b) { return to_half(to_float(a) * to_float(b)); }
PYGAN_BITS half operator/(half a, half b) { return to_half(to_float(a) / to_float(b)); }
PYGAN_BITS half operator-(half x) { return {static_cast<uint16_t>(x.bits ^ 0x8000u)}; }
PYGAN_BITS bool operator<(half a, half b) { return to_float(a) < to_float(b); }
PYGAN_BITS bool operator==(half a, half b) { return to_float(a) == to_float(b); }

}  // namespace pygan
