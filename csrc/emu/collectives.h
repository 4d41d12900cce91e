// Warp collectives with a body of their own: what the last lane to arrive computes for all.
#pragma once

#include "emu/runtime.h"

namespace pygan::emu {

// Lane i's registers are lanes[i]. Bodies of the mma and ldmatrix collectives (mma.cpp).
void mma_tf32_16x8x8(void* const lanes[kWarp]);
void mma_bf16_16x8x16(void* const lanes[kWarp]);
void ldmatrix(void* const lanes[kWarp]);

}  // namespace pygan::emu
