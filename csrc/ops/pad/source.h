// What a border is a copy of, the same on every device. For kernel files: internal linkage.
#pragma once

#include <cstdint>

#include "core/vecmath.h"
#include "ops/pad/pad.h"

namespace pygan {
namespace {

// The element of the axis that place i of y, counted from x's first, is a copy of.
PYGAN_VECMATH int64_t source(const PadArgs& a, int64_t i) {
  const int64_t last = a.n - 1;
  if (i < 0) return a.reflect ? -i : 0;
  return i <= last ? i : a.reflect ? 2 * last - i : last;
}

}  // namespace
}  // namespace pygan
