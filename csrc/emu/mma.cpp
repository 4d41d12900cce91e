// Host bodies of the tensor-core instructions, by the lane maps of the PTX ISA (section "Warp Level
// Matrix Instructions"). g = lane / 4, t = lane % 4.
//
//   m16n8k8, TF32       a[i]: row g + 8 (i % 2), column t + 4 (i / 2)         A (16, 8)
//                       b[i]: row t + 4 i, column g                           B (8, 8)
//   m16n8k16, bfloat16  a[i], two a register: row g + 8 (i % 2),
//                             columns 2 t + 8 (i / 2) and the next            A (16, 16)
//                       b[i]: rows 2 t + 8 i and the next, column g           B (16, 8)
//   both                c[i], d[i]: row g + 8 (i / 2), column 2 t + i % 2     C (16, 8)
//
// Products are exact in float64 and summed there, then rounded once: a GPU's order of additions and
// its rounding inside the instruction are not specified.
#include <cstring>

#include "device/bits.h"
#include "emu/block.h"
#include "emu/collectives.h"
#include "emu/registers.h"

namespace pygan::emu {
namespace {

// The TF32 unit reads the upper 19 bits of a register.
double tf32(uint32_t bits) { return static_cast<double>(bits_float(bits & 0xffffe000u)); }

double bf16(uint32_t pair, int half) {
  return static_cast<double>(bits_float(half ? pair & 0xffff0000u : pair << 16));
}

template <int K>
void multiply(const double (&a)[16][K], const double (&b)[K][8], void* const lanes[kWarp]) {
  for (int lane = 0; lane < kWarp; ++lane) {
    auto* r = static_cast<MmaRegisters*>(lanes[lane]);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      double sum = static_cast<double>(r->c[i]);
      for (int k = 0; k < K; ++k) sum += a[row][k] * b[k][column];
      r->d[i] = static_cast<float>(sum);
    }
  }
}

}  // namespace

void mma_tf32_16x8x8(void* const lanes[kWarp]) {
  double a[16][8], b[8][8];
  for (int lane = 0; lane < kWarp; ++lane) {
    const auto* r = static_cast<const MmaRegisters*>(lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) a[g + 8 * (i % 2)][t + 4 * (i / 2)] = tf32(r->a[i]);
    for (int i = 0; i < 2; ++i) b[t + 4 * i][g] = tf32(r->b[i]);
  }
  multiply(a, b, lanes);
}

void mma_bf16_16x8x16(void* const lanes[kWarp]) {
  double a[16][16], b[16][8];
  for (int lane = 0; lane < kWarp; ++lane) {
    const auto* r = static_cast<const MmaRegisters*>(lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i)
        a[g + 8 * (i % 2)][2 * t + 8 * (i / 2) + half] = bf16(r->a[i], half);
      for (int i = 0; i < 2; ++i) b[2 * t + 8 * i + half][g] = bf16(r->b[i], half);
    }
  }
  multiply(a, b, lanes);
}

// Lane i names row i % 8 of matrix i / 8, eight 16-bit elements each. Register m of a lane gets
// elements 2 t and 2 t + 1 of row g of matrix m; transposed: rows 2 t and 2 t + 1 of column g.
void ldmatrix(void* const lanes[kWarp]) {
  uint16_t matrix[4][8][8];
  const int count = static_cast<LdmatrixRegisters*>(lanes[0])->count;
  for (int i = 0; i < 8 * count; ++i)
    std::memcpy(matrix[i / 8][i % 8], static_cast<LdmatrixRegisters*>(lanes[i])->row, 16);
  for (int lane = 0; lane < kWarp; ++lane) {
    auto* r = static_cast<LdmatrixRegisters*>(lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int m = 0; m < count; ++m) {
      const auto& x = matrix[m];
      const uint16_t low = r->transposed ? x[2 * t][g] : x[g][2 * t];
      const uint16_t high = r->transposed ? x[2 * t + 1][g] : x[g][2 * t + 1];
      r->d[m] = uint32_t{low} | uint32_t{high} << 16;
    }
  }
}

void mma(Collective op, float* d, const uint32_t* a, const uint32_t* b, const float* c, Site site) {
  MmaRegisters r;
  std::memcpy(r.a, a, sizeof r.a);
  std::memcpy(r.b, b, 2 * sizeof(uint32_t));
  std::memcpy(r.c, c, sizeof r.c);
  collective(op, ~0u, {.fragment = &r}, site);
  std::memcpy(d, r.d, sizeof r.d);
}

void ldmatrix(uint32_t* d, int count, bool transposed, const void* row, Site site) {
  if (thread_number() % kWarp < 8 * count) {  // the other lanes' addresses are not read
    check_alignment(row, 16, site);
    if (Observer* o = active_observer()) o->matrix_row(row, 16, site);
  }
  LdmatrixRegisters r{{}, row, count, transposed};
  collective(Collective::ldmatrix, ~0u, {.fragment = &r}, site);
  std::memcpy(d, r.d, sizeof(uint32_t) * static_cast<size_t>(count));
}

}  // namespace pygan::emu
