#include "gemm/winograd.h"

#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "gemm/scratch.h"

namespace pygan::gemm {
namespace {

std::atomic<ConvAlgorithm> current{ConvAlgorithm::automatic};
std::atomic<int64_t> wanted_tile{0};

// Planes of at most so many bytes are at work at once: they live in a shared cache.
constexpr int64_t kPlaneBytes = int64_t{12} << 20;
constexpr int64_t kFilterBytes = int64_t{8} << 20;  // the same of U, where all tiles are at work

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

thread_local Scratch filter_scratch, data_scratch, result_scratch;

const WinogradKernels& kernels() { return *PYGAN_DISPATCH(winograd_kernels)(); }

struct Sizes {
  int64_t points, tiles_h, tiles_w, of_image, tiles;
  int64_t inputs, outputs;  // channels of V and M
  int64_t block;            // tiles at work at once

  Sizes(const Conv& c, int64_t m, int64_t multiple) {
    points = (m + 1) * (m + 1);
    tiles_h = ceil_div(c.out_h, m);
    tiles_w = ceil_div(c.out_w, m);
    of_image = tiles_h * tiles_w;
    tiles = c.batch * of_image;
    inputs = 4 * c.in_c;
    outputs = c.out_c;
    const int64_t bytes = points * (inputs + outputs) * int64_t{sizeof(float)};
    const int64_t blocks = ceil_div(tiles, std::max<int64_t>(kPlaneBytes / bytes, 1));
    block = round_up(ceil_div(tiles, blocks), multiple);
  }
};

Planes planes(Scratch& scratch, const Sizes& s, int64_t columns, int64_t mr) {
  const int64_t lines = s.points * ceil_div(columns, kPlaneColumns) * s.block;
  return {scratch.get<float>((lines + mr) * kPlaneLine), s.block, columns};
}

// U, or its transpose, some columns of it at a time, so that they stay in a shared cache: f(begin, count)
template <class F>
void by_columns(const Sizes& s, int64_t n, F f) {
  const int64_t bytes = s.points * s.inputs * s.outputs * int64_t{sizeof(float)};
  const int64_t parts = s.tiles <= s.block ? ceil_div(bytes, kFilterBytes) : 1;
  const int64_t part = round_up(ceil_div(n, parts), kPlaneColumns / 4);
  for (int64_t begin = 0; begin < n; begin += part) f(begin, std::min(part, n - begin));
}
float* filters(const Conv& c, int64_t m, const Sizes& s, bool transposed, const float* w,
               int64_t n_begin, int64_t n_count) {
  const WinogradKernels& kernel = kernels();
  const int64_t k = transposed ? s.outputs : s.inputs;
  float* u = filter_scratch.get<float>(s.points * round_up(n_count, kernel.nr) * k);
  parallel_for(c.in_c / kWinogradChannels, [&](int64_t i) {
    kernel.filters({&c, m, transposed, n_begin, n_count, i * kWinogradChannels, kWinogradChannels},
                   w, u);
  });
  return u;
}

// Tiles [first, first + rows) in parts of about a hundred KiB
template <class F>
void by_tiles(const Conv& c, int64_t m, const Sizes& s, int64_t first, int64_t rows, F f) {
  parallel_ranges(rows, 4, [&](int64_t begin, int64_t end) {
    f(WinogradTiles{&c, m, s.tiles_h, s.tiles_w, first, begin, end - begin});
  });
}

// All points' products, in parts of `part` rows of c
void products(const Sizes& s, WinogradProduct product, int64_t part) {
  const int64_t parts = ceil_div(product.m, part);
  parallel_for(s.points * parts, [&](int64_t task) {
    WinogradProduct own = product;
    own.point = task / parts;
    own.m_begin = task % parts * part;
    own.m_count = std::min(part, product.m - own.m_begin);
    kernels().multiply(own);
  });
}

bool fits(const Conv& c) {
  return c.kernel_h == 4 && c.kernel_w == 4 && c.stride_h == 2 && c.stride_w == 2 &&
         c.dilation_h == 1 && c.dilation_w == 1 && c.groups == 1 && c.pad_h <= 1 && c.pad_w <= 1 &&
         c.batch > 0 && c.in_c > 0 && c.out_c > 0 && c.in_c % kWinogradChannels == 0 &&
         c.out_c % kWinogradChannels == 0 && c.in_h + 2 * c.pad_h == 2 * c.out_h + 2 &&
         c.in_w + 2 * c.pad_w == 2 * c.out_w + 2;  // no row that no output reads
}

// The rule: multiplications, and what else takes as long as so many of them (docs/performance.md).
double direct_cost(const Conv& c) {
  return 16.0 * static_cast<double>(c.batch * c.out_h * c.out_w) *
         static_cast<double>(c.in_c * c.out_c);
}
double winograd_cost(const Conv& c, ConvPass pass, int64_t m) {
  constexpr double kMoved = 20, kFilter = 25, kFarFilter = 75;  // an element of V or M; of U
  constexpr double kNear = 24 << 20;                            // bytes of U that stay in a cache
  const Sizes s(c, m, 1);
  const double tiles = static_cast<double>(s.points * s.tiles);
  const double filter = static_cast<double>(s.points * s.inputs * s.outputs);
  const double each = (filter * sizeof(float) > kNear ? kFarFilter : kFilter) *
                      (pass == ConvPass::weight_grad ? 0.5 : 1.0);  // U is written once
  return filter * static_cast<double>(s.tiles) +
         kMoved * tiles * static_cast<double>(s.inputs + s.outputs) + each * filter;
}

}  // namespace

ConvAlgorithm conv_algorithm() { return current.load(std::memory_order_relaxed); }
void set_conv_algorithm(ConvAlgorithm a) { current.store(a, std::memory_order_relaxed); }
void set_winograd_tile(int64_t m) { wanted_tile.store(m, std::memory_order_relaxed); }

int64_t winograd_tile(const Conv& c, ConvPass pass) {
  const ConvAlgorithm algorithm = conv_algorithm();
  if (algorithm == ConvAlgorithm::direct || !fits(c)) return 0;
  const int64_t wanted = wanted_tile.load(std::memory_order_relaxed);
  if (wanted != 0) return wanted;
  const double two = winograd_cost(c, pass, 2), four = winograd_cost(c, pass, 4);
  if (algorithm == ConvAlgorithm::automatic && std::min(two, four) > direct_cost(c)) return 0;
  return two < four ? 2 : 4;
}

void winograd_conv2d(const Conv& c, int64_t m, const float* x, const float* w, float* y) {
  const WinogradKernels& kernel = kernels();
  const Sizes s(c, m, 2 * kernel.mr);
  const Planes v = planes(data_scratch, s, s.inputs, kernel.mr);
  const Planes r = planes(result_scratch, s, s.outputs, kernel.mr);
  const float* u = nullptr;
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    const int64_t rows = std::min(s.block, s.tiles - first);
    by_tiles(c, m, s, first, rows, [&](const WinogradTiles& t) { kernel.data(t, x, v); });
    by_columns(s, s.outputs, [&](int64_t n0, int64_t n) {
      if (first == 0) u = filters(c, m, s, false, w, n0, n);
      products(s, {rows, n, s.inputs, v, false, u, {}, r, 0, n0, 0, 0, 0, false},
               round_up(ceil_div(rows, 2), kernel.mr));
    });
    by_tiles(c, m, s, first, rows, [&](const WinogradTiles& t) { kernel.result(t, r, y); });
  }
}

void winograd_input_grad(const Conv& c, int64_t m, const float* dy, const float* w, float* dx) {
  const WinogradKernels& kernel = kernels();
  Sizes s(c, m, 1);
  s.block = round_up(s.block, s.of_image);  // images are whole: their tiles' sums overlap
  const Planes v = planes(data_scratch, s, s.inputs, kernel.mr);
  const Planes r = planes(result_scratch, s, s.outputs, kernel.mr);
  const float* u = nullptr;
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    const int64_t rows = std::min(s.block, s.tiles - first);
    by_tiles(c, m, s, first, rows,
             [&](const WinogradTiles& t) { kernel.result_adjoint(t, dy, r); });
    by_columns(s, s.inputs, [&](int64_t n0, int64_t n) {
      if (first == 0) u = filters(c, m, s, true, w, n0, n);
      products(s, {rows, n, s.outputs, r, false, u, {}, v, 0, n0, 0, 0, 0, false},
               round_up(ceil_div(rows, 2), kernel.mr));
    });
    parallel_for(rows / s.of_image, [&](int64_t image) {
      kernel.data_adjoint({&c, m, s.tiles_h, s.tiles_w, first, image * s.of_image, s.of_image}, v,
                          dx);
    });
  }
}

void winograd_weight_grad(const Conv& c, int64_t m, const float* x, const float* dy, float* dw) {
  const WinogradKernels& kernel = kernels();
  const Sizes s(c, m, 1);
  const Planes v = planes(data_scratch, s, s.inputs, kernel.mr);
  const Planes r = planes(result_scratch, s, s.outputs, kernel.mr);
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    const int64_t rows = std::min(s.block, s.tiles - first);
    by_tiles(c, m, s, first, rows, [&](const WinogradTiles& t) {
      kernel.data(t, x, v);
      kernel.result_adjoint(t, dy, r);
    });
    by_columns(s, s.outputs, [&](int64_t n0, int64_t n) {
      float* u = filter_scratch.get<float>(s.points * s.inputs * n);
      products(s, {s.inputs, n, rows, v, true, nullptr, r, {u, 0, 0}, n, n0, 0, 0, 0, first > 0},
               9 * kernel.mr);
      if (first + rows < s.tiles) return;
      parallel_for(c.in_c / kWinogradChannels, [&](int64_t i) {
        kernel.filters_adjoint({&c, m, false, n0, n, i * kWinogradChannels, kWinogradChannels}, u,
                               dw);
      });
    });
  }
}

}  // namespace pygan::gemm
