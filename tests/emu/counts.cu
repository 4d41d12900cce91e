// Accesses whose sectors and bank conflicts are known by hand (test_checker.py).
#include "planted.h"

namespace pygan::PYGAN_BACKEND {
namespace {

using planted::Global;

PYGAN_KERNEL void banks(float* y /* (32) */) {
  PYGAN_SHARED(float, square, [32][32]);
  PYGAN_SHARED(float, padded, [32][33]);
  const unsigned lane = threadIdx.x;
  for (unsigned i = 0; i < 32; ++i) {
    square[i][lane] = 1.0f;  // [row]
    padded[i][lane] = 1.0f;
  }
  __syncwarp();  // [warp sync]
  float sum = 0.0f;
  sum += square[lane][0];                            // [column]
  sum += padded[lane][0];                            // [padded column]
  sum += square[0][lane / 2 * 2];                    // [pairs]
  sum += square[lane / 16][2 * (lane % 16)];         // [stride 2]
  sum += square[3][3];                               // [broadcast]
  const float4 v = load4(&square[0][0] + 4 * lane);  // [vectors]
  __syncthreads();                                   // [barrier]
  y[lane] = sum + v.x + v.y + v.z + v.w;
}
PLANTED(traffic_banks) {
  Global<float> y(32);
  launch(banks, {1, 32}, y);
  return y[0];
}

PYGAN_KERNEL void doubles(double* y /* (32) */) {
  PYGAN_SHARED(double, tile, [64]);
  tile[threadIdx.x] = 1.0;      // [doubles]
  tile[2 * threadIdx.x] = 1.0;  // [doubles of stride 2]
  y[threadIdx.x] = tile[threadIdx.x / 16];
}
PLANTED(traffic_doubles) {
  Global<double> y(32);
  try {
    launch(doubles, {1, 32}, y);
  } catch (const EmulatorError&) {  // who orders them is not the subject
  }
  return 0;
}

PYGAN_KERNEL void sectors(const float* x /* (128) */, float* y /* (128) */) {
  const unsigned lane = threadIdx.x;
  float sum = x[lane];                                  // [dense]
  sum += x[2 * lane];                                   // [every other]
  sum += x[lane + 1];                                   // [off by one]
  sum += x[5];                                          // [one for all]
  const float4 v = load4(x + 4 * lane);                 // [global vectors]
  if (lane < 8) y[lane] = sum + v.x + v.y + v.z + v.w;  // [eight lanes]
}
PLANTED(traffic_sectors) {
  Global<float> x(128, 1.0f), y(128);
  launch(sectors, {1, 32}, x, y);
  return y[0];
}

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
