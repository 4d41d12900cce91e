// How the devices' matrix products and convolutions multiply float32.
#pragma once

#include <cstdint>

namespace pygan::gemm {

enum class Precision : uint8_t {
  highest,  // float32
  high      // TF32 inputs, float32 sums, where there are tensor cores; the CPU: float32
};
Precision precision();
void set_precision(Precision);

}  // namespace pygan::gemm
