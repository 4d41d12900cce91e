#include "gemm/winograd.h"

#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "gemm/driver.h"
#include "gemm/scratch.h"

namespace pygan::gemm {
namespace {

std::atomic<ConvAlgorithm> current{ConvAlgorithm::automatic};
std::atomic<int64_t> wanted_tile{0};

// Planes of at most so many bytes are at work at once: they live in a shared cache.
constexpr int64_t kPlaneBytes = int64_t{12} << 20;
// U is made once, for all blocks of tiles, where it stays in that cache. Where it does not, and all
// tiles are at work at once, a thread makes and uses a piece of it in its own cache: worth planes of up
// to kWholeBytes, since no whole U lies beside them.
constexpr int64_t kFilterBytes = int64_t{8} << 20;
constexpr int64_t kWholeBytes = int64_t{24} << 20;
// The weight gradient reads all planes for each piece: it does so where U' is larger than the planes.
constexpr int64_t kFarBytes = int64_t{24} << 20;
constexpr int64_t kPieceRows = 128;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

thread_local Scratch piece_scratch;  // of every thread that computes
thread_local Scratch plane_scratch;  // likewise

const WinogradKernels& kernels() { return *PYGAN_DISPATCH(winograd_kernels)(); }

struct Sizes {
  int64_t points, tiles_h, tiles_w, of_image, tiles;
  int64_t inputs, outputs;  // channels of V and M
  int64_t block;            // tiles at work at once

  // products: of the two passes that multiply tiles with U, not of the weight gradient
  Sizes(const Conv& c, int64_t m, int64_t multiple, bool products) {
    const int64_t taps = c.kernel_h / c.stride_h;  // of each parity
    points = (m + taps - 1) * (m + taps - 1);
    tiles_h = ceil_div(c.out_h, m);
    tiles_w = ceil_div(c.out_w, m);
    of_image = tiles_h * tiles_w;
    tiles = c.batch * of_image;
    inputs = c.stride_h * c.stride_w * c.in_c;
    outputs = c.out_c;
    const int64_t slices = ceil_div(inputs, kPlaneColumns) + ceil_div(outputs, kPlaneColumns);
    const int64_t bytes = points * slices * kPlaneLine * int64_t{sizeof(float)};
    const int64_t large = products ? kFilterBytes : kFarBytes;
    const bool whole = filter_bytes() > large && tiles * bytes <= kWholeBytes;
    const int64_t blocks = whole ? 1 : ceil_div(tiles, std::max<int64_t>(kPlaneBytes / bytes, 1));
    block = round_up(ceil_div(tiles, blocks), multiple);
  }
  int64_t filter_bytes() const { return points * inputs * outputs * int64_t{sizeof(float)}; }
  bool large_filters() const { return filter_bytes() > kFilterBytes; }
};

bool in_pieces(const Sizes& s) { return s.tiles <= s.block && s.large_filters(); }

// What a call works in: V (points, slices of inputs, block), M likewise, U (points, inputs, outputs).
struct Work {
  Planes v, r;
  float* u;

  Work(const Sizes& s, int64_t filters) {
    const WinogradKernels& kernel = kernels();
    const auto room = [&](int64_t columns) {
      const int64_t lines = s.points * ceil_div(columns, kPlaneColumns) * s.block;
      return (lines + kernel.mr) * kPlaneLine;
    };
    const int64_t inputs = room(s.inputs), outputs = room(s.outputs);
    float* const all = call_scratch().get<float>(inputs + outputs + filters);
    v = {all, s.block, s.inputs};
    r = {all + inputs, s.block, s.outputs};
    u = all + inputs + outputs;
  }
};

// Elements of U, or of its transpose, where it is whole: (points, panels, k, nr).
int64_t filter_room(const Sizes& s, bool transposed) {
  const int64_t k = transposed ? s.outputs : s.inputs, n = transposed ? s.inputs : s.outputs;
  return in_pieces(s) ? 0 : s.points * k * round_up(n, kernels().nr);
}

const float* filters(const Conv& c, int64_t m, const Sizes& s, bool transposed, const float* w,
                     float* u) {
  const WinogradKernels& kernel = kernels();
  const int64_t k = transposed ? s.outputs : s.inputs, n = transposed ? s.inputs : s.outputs;
  const int64_t panel = k * kernel.nr, panels = ceil_div(n, kernel.nr);
  parallel_for(panels, [&](int64_t i) {
    kernel.filters({&c, m, transposed, 0, k, i * kernel.nr, std::min(kernel.nr, n - i * kernel.nr),
                    panels * panel},
                   w, u + i * panel);
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

// All points' products of tiles with U, in parts of `part` rows of c
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

// The same with a piece of U at a time, made by the thread that multiplies with it.
void products_in_pieces(const Conv& c, int64_t m, const Sizes& s, bool transposed, const float* w,
                        const WinogradProduct& product) {
  const WinogradKernels& kernel = kernels();
  parallel_for(ceil_div(product.n, kernel.nr), [&](int64_t panel) {
    WinogradProduct own = product;
    own.first = panel * kernel.nr;
    own.n = std::min(kernel.nr, product.n - own.first);
    own.m_count = own.m;
    float* piece = piece_scratch.get<float>(s.points * kPieceRows * kernel.nr);
    own.b = piece;
    for (own.a_first = 0; own.a_first < product.k; own.a_first += kPieceRows) {
      own.k = std::min(kPieceRows, product.k - own.a_first);
      own.add = own.a_first > 0;
      kernel.filters({&c, m, transposed, own.a_first, own.k, own.first, own.n, own.k * kernel.nr},
                     w, piece);
      for (own.point = 0; own.point < s.points; ++own.point) kernel.multiply(own);
    }
  });
}

void multiply_tiles(const Conv& c, int64_t m, const Sizes& s, bool transposed, const float* w,
                    const WinogradProduct& product) {
  if (product.b == nullptr) return products_in_pieces(c, m, s, transposed, w, product);
  products(s, product, round_up(ceil_div(product.m, 2), kernels().mr));
}

// Tiles that one thread takes through all steps, so that its planes never leave its own caches: between
// two cores that share none, data travel slowly. 0: all threads take each step together, where U is so
// large that it should be read for more tiles at a time, or tiles are too few for the threads. A tile's
// result is the same either way, to the bit.
int64_t own_tiles(const Sizes& s, int64_t unit) {
  constexpr int64_t kMost = 56, kLeast = 24, kLargestU = 4 << 20;
  const int64_t threads = num_threads();
  const int64_t rounds = ceil_div(s.tiles, threads * std::max(kMost / unit * unit, unit));
  const int64_t own = round_up(ceil_div(s.tiles, threads * rounds), unit);
  return s.filter_bytes() > kLargestU || own < kLeast ? 0 : own;
}

// f(first tile, tiles, V, M) of each thread's blocks
template <class F>
void by_blocks(const Sizes& s, int64_t own, F f) {
  const auto room = [&](int64_t columns) {
    return (s.points * ceil_div(columns, kPlaneColumns) * own + kernels().mr) * kPlaneLine;
  };
  parallel_for(ceil_div(s.tiles, own), [&](int64_t block) {
    float* const v = plane_scratch.get<float>(room(s.inputs) + room(s.outputs));
    const int64_t first = block * own;
    f(first, std::min(own, s.tiles - first), Planes{v, own, s.inputs},
      Planes{v + room(s.inputs), own, s.outputs});
  });
}

void multiply_own(const Sizes& s, WinogradProduct product, int64_t tiles) {
  product.m = product.m_count = tiles;
  for (product.point = 0; product.point < s.points; ++product.point) kernels().multiply(product);
}

bool fits(const Conv& c) {
  const int64_t kernel = c.kernel_h, stride = c.stride_h;
  const bool known = (kernel == 4 && stride == 2 && c.pad_h <= 1 && c.pad_w <= 1) ||
                     (kernel == 3 && stride == 1 && c.pad_h <= 2 && c.pad_w <= 2);
  return known && c.kernel_w == kernel && c.stride_w == stride && c.dilation_h == 1 &&
         c.dilation_w == 1 && c.groups == 1 && c.batch > 0 && c.out_h > 0 && c.out_w > 0 &&
         c.in_c > 0 && c.out_c > 0 && c.in_c % kWinogradChannels == 0 &&
         c.out_c % kWinogradChannels == 0 &&
         // no row that no output reads
         c.in_h + 2 * c.pad_h == stride * (c.out_h - 1) + kernel &&
         c.in_w + 2 * c.pad_w == stride * (c.out_w - 1) + kernel;
}

// The rule: multiplications, and what else takes as long as so many of them (docs/performance.md).
double direct_cost(const Conv& c) {
  return static_cast<double>(c.kernel_h * c.kernel_w * c.batch * c.out_h * c.out_w) *
         static_cast<double>(c.in_c * c.out_c);
}
double winograd_cost(const Conv& c, int64_t m) {
  constexpr double kMoved = 15, kFilter = 15, kFarFilter = 60;  // an element of V or M; of U
  constexpr double kNear = 24 << 20;                            // bytes of U that a cache holds
  const Sizes s(c, m, 1, true);
  const double tiles = static_cast<double>(s.points * s.tiles);
  const double filter = static_cast<double>(s.points * s.inputs * s.outputs);
  const bool far = !in_pieces(s) && filter * sizeof(float) > kNear;
  return filter * static_cast<double>(s.tiles) +
         kMoved * tiles * static_cast<double>(s.inputs + s.outputs) +
         (far ? kFarFilter : kFilter) * filter;
}

// The epilogue on the outputs of these tiles: (m, m) pixels, or what the image has of them.
void finish_tiles(const Epilogue<float>& then, const WinogradTiles& t, float* y) {
  const Conv& c = *t.conv;
  for (int64_t tile = t.first + t.begin; tile < t.first + t.begin + t.count; ++tile) {
    const int64_t in_image = tile % (t.tiles_h * t.tiles_w);
    const int64_t i = in_image / t.tiles_w * t.m, j = in_image % t.tiles_w * t.m;
    float* const corner =
        y + ((tile / (t.tiles_h * t.tiles_w) * c.out_h + i) * c.out_w + j) * c.out_c;
    for (int64_t r = 0; r < std::min(t.m, c.out_h - i); ++r)
      gemm::kernels<float>().finish(
          {then, corner + r * c.out_w * c.out_c, std::min(t.m, c.out_w - j), c.out_c, c.out_c});
  }
}

}  // namespace

ConvAlgorithm conv_algorithm() { return current.load(std::memory_order_relaxed); }
void set_conv_algorithm(ConvAlgorithm a) { current.store(a, std::memory_order_relaxed); }
void set_winograd_tile(int64_t m) { wanted_tile.store(m, std::memory_order_relaxed); }

int64_t winograd_tile(const Conv& c) {
  const ConvAlgorithm algorithm = conv_algorithm();
  if (algorithm == ConvAlgorithm::direct || !fits(c)) return 0;
  const int64_t wanted = wanted_tile.load(std::memory_order_relaxed);
  if (wanted != 0) return wanted;
  const double two = winograd_cost(c, 2), four = winograd_cost(c, 4);
  if (algorithm == ConvAlgorithm::automatic && std::min(two, four) > direct_cost(c)) return 0;
  return two < four ? 2 : 4;
}

void winograd_conv2d(const Conv& c, int64_t m, const float* x, const float* w, float* y,
                     const Epilogue<float>& then) {
  const WinogradKernels& kernel = kernels();
  const Sizes s(c, m, 2 * kernel.mr, true);
  if (const int64_t own = own_tiles(s, 1); own > 0) {
    const float* const u =
        filters(c, m, s, false, w, call_scratch().get<float>(filter_room(s, false)));
    return by_blocks(s, own, [&](int64_t first, int64_t tiles, Planes v, Planes r) {
      constexpr int64_t kNear = 4;  // tiles whose pixels are finished while they are near
      kernel.data({&c, m, s.tiles_h, s.tiles_w, first, 0, tiles}, x, v);
      multiply_own(s, {.n = s.outputs, .k = s.inputs, .a = v, .b = u, .c = r}, tiles);
      for (int64_t i = 0; i < tiles; i += kNear) {
        const WinogradTiles t{&c, m, s.tiles_h, s.tiles_w, first, i, std::min(kNear, tiles - i)};
        kernel.result(t, r, y);
        if (then) finish_tiles(then, t, y);
      }
    });
  }
  const Work work(s, filter_room(s, false));
  const Planes v = work.v, r = work.r;
  WinogradProduct product{.n = s.outputs, .k = s.inputs, .a = v, .c = r};
  if (!in_pieces(s)) product.b = filters(c, m, s, false, w, work.u);
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    product.m = std::min(s.block, s.tiles - first);
    by_tiles(c, m, s, first, product.m, [&](const WinogradTiles& t) { kernel.data(t, x, v); });
    multiply_tiles(c, m, s, false, w, product);
    by_tiles(c, m, s, first, product.m, [&](const WinogradTiles& t) {
      kernel.result(t, r, y);
      if (then) finish_tiles(then, t, y);
    });
  }
}

void winograd_input_grad(const Conv& c, int64_t m, const float* dy, const float* w, float* dx,
                         const Epilogue<float>& then) {
  const WinogradKernels& kernel = kernels();
  Sizes s(c, m, 1, true);
  s.block = round_up(s.block, s.of_image);  // images are whole: their tiles' sums overlap
  const auto add_up = [&](int64_t first, int64_t image, Planes v) {
    kernel.data_adjoint({&c, m, s.tiles_h, s.tiles_w, first, image * s.of_image, s.of_image}, v,
                        dx);
    const int64_t pixels = c.in_h * c.in_w;
    if (then)
      gemm::kernels<float>().finish(
          {then, dx + (first / s.of_image + image) * pixels * c.in_c, pixels, c.in_c, c.in_c});
  };
  if (const int64_t own = own_tiles(s, s.of_image); own > 0) {
    const float* const u =
        filters(c, m, s, true, w, call_scratch().get<float>(filter_room(s, true)));
    return by_blocks(s, own, [&](int64_t first, int64_t tiles, Planes v, Planes r) {
      kernel.result_adjoint({&c, m, s.tiles_h, s.tiles_w, first, 0, tiles}, dy, r);
      multiply_own(s, {.n = s.inputs, .k = s.outputs, .a = r, .b = u, .c = v}, tiles);
      for (int64_t image = 0; image < tiles / s.of_image; ++image) add_up(first, image, v);
    });
  }
  const Work work(s, filter_room(s, true));
  const Planes v = work.v, r = work.r;
  WinogradProduct product{.n = s.inputs, .k = s.outputs, .a = r, .c = v};
  if (!in_pieces(s)) product.b = filters(c, m, s, true, w, work.u);
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    product.m = std::min(s.block, s.tiles - first);
    by_tiles(c, m, s, first, product.m,
             [&](const WinogradTiles& t) { kernel.result_adjoint(t, dy, r); });
    multiply_tiles(c, m, s, true, w, product);
    parallel_for(product.m / s.of_image, [&](int64_t image) { add_up(first, image, v); });
  }
}

void winograd_weight_grad(const Conv& c, int64_t m, const float* x, const float* dy, float* dw) {
  const WinogradKernels& kernel = kernels();
  const Sizes s(c, m, 1, false);
  const Work work(s, in_pieces(s) ? 0 : s.points * s.inputs * s.outputs);
  const Planes v = work.v, r = work.r;
  const auto transform = [&](int64_t first, int64_t rows) {
    by_tiles(c, m, s, first, rows, [&](const WinogradTiles& t) {
      kernel.data(t, x, v);
      kernel.result_adjoint(t, dy, r);
    });
  };
  if (in_pieces(s)) {  // U' is never whole: each piece becomes a piece of dw
    transform(0, s.tiles);
    const int64_t rows = ceil_div(s.inputs, kPieceRows), columns = ceil_div(s.outputs, kernel.nr);
    parallel_for(rows * columns, [&](int64_t task) {
      const int64_t k0 = task % rows * kPieceRows, n0 = task / rows * kernel.nr;
      const int64_t k = std::min(kPieceRows, s.inputs - k0);
      const int64_t n = std::min(kernel.nr, s.outputs - n0);
      float* u = piece_scratch.get<float>(s.points * kPieceRows * kernel.nr);
      WinogradProduct product{.m = k,
                              .n = n,
                              .k = s.tiles,
                              .a = v,
                              .a_first = k0,
                              .across = true,
                              .b_rows = r,
                              .c = {u, 0, 0},
                              .c_row = n,
                              .first = n0,
                              .m_count = k};
      for (; product.point < s.points; ++product.point) kernel.multiply(product);
      kernel.filters_adjoint({&c, m, false, k0, k, n0, n, k * n}, u, dw);
    });
    return;
  }
  float* const u = work.u;
  for (int64_t first = 0; first < s.tiles; first += s.block) {
    const int64_t rows = std::min(s.block, s.tiles - first);
    transform(first, rows);
    products(s,
             {.m = s.inputs,
              .n = s.outputs,
              .k = rows,
              .a = v,
              .across = true,
              .b_rows = r,
              .c = {u, 0, 0},
              .c_row = s.outputs,
              .add = first > 0},
             9 * kernel.mr);
  }
  const int64_t stride = s.inputs * s.outputs;
  parallel_ranges(s.inputs, kWinogradChannels, [&](int64_t begin, int64_t end) {
    kernel.filters_adjoint({&c, m, false, begin, end - begin, 0, s.outputs, stride},
                           u + begin * s.outputs, dw);
  });
}

}  // namespace pygan::gemm
