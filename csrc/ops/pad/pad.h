// pad: a border around x, (before, after) elements along each axis.
//
//   constant    `value`: an unslice (shape/) that fills with it
//   reflect     y[i] = x[|i|] and mirrored again at n - 1, the edge itself not repeated;
//               widths below the extent n
//   replicate   y[i] = x[min(max(i, 0), n - 1)]
//
// The last two go axis by axis, each one op and its adjoint, linear and each other's vjp:
//
//   pad_axis        y[b + i] = x[m(i)],  -before <= i < n + after, m the map above, b = before
//   pad_axis_grad   x[j] = y[b + j] + the sum of the border's y[b + i] with m(i) = j, those before
//                   the image first, then those after it, each in the order of i
//
// Padding works for every dtype, pad_axis_grad for float32 and float64. Errors: ShapeError for
// widths that do not fit, ConfigError for a value that the dtype cannot hold.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace pygan {

struct PadArgs {
  const void* from;  // pad: x (outer, n, inner); grad: y (outer, before + n + after, inner)
  void* to;          // the other of the two
  int64_t outer, n, inner, before, after;
  bool reflect;   // else replicate
  int item_size;  // bytes; grad: 8 for float64, 4 for float32
};

struct PadKernel {
  static constexpr const char* name = "pad_axis";
  using Fn = void (*)(const PadArgs&);
};
struct PadGradKernel {
  static constexpr const char* name = "pad_axis_grad";
  using Fn = void (*)(const PadArgs&);
};

PYGAN_DECLARE_ISA(void, pad_axis, (const PadArgs& args))
PYGAN_DECLARE_ISA(void, pad_axis_grad, (const PadArgs& args))

}  // namespace pygan
