// Winograd's convolution, one instruction set: the transforms and the products of planes.
#include "gemm/micro_kernel.h"
#include "gemm/winograd.h"
#include "gemm/winograd_transform.h"

namespace pygan::PYGAN_ISA {
namespace {

using V = Vector<float>;
constexpr int kVector = kLanes<float>;
static_assert(kWinogradChannels % kVector == 0 && kPlaneLine == kLineStride<float>);

int64_t slices(int64_t columns) { return (columns + kPlaneColumns - 1) / kPlaneColumns; }

// Of `count` columns from this one on, those in its slice
int64_t within_slice(int64_t column, int64_t count) {
  const int64_t rest = kPlaneColumns - column % kPlaneColumns;
  return count < rest ? count : rest;
}

// Where point 0 of an element lies, and how far the next point is from it
float* element(const Planes& planes, int64_t row, int64_t column) {
  return planes.data + (column / kPlaneColumns * planes.rows + row) * kPlaneLine +
         column % kPlaneColumns;
}
int64_t point_stride(const Planes& planes) {
  return slices(planes.columns) * planes.rows * kPlaneLine;
}

template <int kSide>
[[gnu::always_inline]] inline void load_points(const float* from, int64_t stride,
                                               V (&to)[kSide][kSide]) {
#pragma GCC unroll 8
  for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kSide; ++j) to[i][j] = load(from + (i * kSide + j) * stride);
  }
}
template <int kSide>
[[gnu::always_inline]] inline void store_points(float* to, int64_t stride,
                                                const V (&from)[kSide][kSide]) {
#pragma GCC unroll 8
  for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kSide; ++j) store(to + (i * kSide + j) * stride, from[i][j]);
  }
}

struct Tile {
  int64_t n, i, j;  // image, and place in it
};
Tile tile_at(const WinogradTiles& t, int64_t row) {
  const int64_t line = (t.first + row) / t.tiles_w;
  return {line / t.tiles_h, line % t.tiles_h, t.first + row - line * t.tiles_w};
}

// A square of pixels of one image, `step` apart: the offset of each, or -1 outside of the image
template <int kSide>
struct Pixels {
  int64_t offset[kSide][kSide];
  bool inside;  // all of them
  Pixels(int64_t n, int64_t h0, int64_t w0, int64_t step, int64_t height, int64_t width,
         int64_t channels) {
    inside = true;
    for (int i = 0; i < kSide; ++i) {
      for (int j = 0; j < kSide; ++j) {
        const int64_t h = h0 + i * step, w = w0 + j * step;
        const bool in = h >= 0 && h < height && w >= 0 && w < width;
        offset[i][j] = in ? ((n * height + h) * width + w) * channels : -1;
        inside = inside && in;
      }
    }
  }
  [[gnu::always_inline]] void load_from(const float* images, V (&to)[kSide][kSide]) const {
    if (inside) {
#pragma GCC unroll 8
      for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < kSide; ++j) to[i][j] = load(images + offset[i][j]);
      }
    } else {
      for (int i = 0; i < kSide; ++i) {
        for (int j = 0; j < kSide; ++j)
          to[i][j] = offset[i][j] < 0 ? V{} : load(images + offset[i][j]);
      }
    }
  }
};

// Pixels and taps are sorted by parity, of which a stride of 2 has four: 4x4 taps are 2x2 of each.
template <int kTaps>
constexpr int kStride = kTaps == 2 ? 2 : 1;
template <int kTaps>
constexpr int kParities = kStride<kTaps> * kStride<kTaps>;

// The kSide^2 pixels of parity (a, b) that a tile's outputs read
template <int kTile, int kTaps>
Pixels<kTile + kTaps - 1> inputs_of(const Conv& c, const Tile& at, int ab) {
  constexpr int64_t kStep = kStride<kTaps>;
  return {at.n,
          kStep * at.i * kTile + ab / kStep - c.pad_h,
          kStep * at.j * kTile + ab % kStep - c.pad_w,
          kStep,
          c.in_h,
          c.in_w,
          c.in_c};
}
template <int kTile>
Pixels<kTile> outputs_of(const Conv& c, const Tile& at) {
  return {at.n, at.i * kTile, at.j * kTile, 1, c.out_h, c.out_w, c.out_c};
}

template <int kTile, int kTaps>
void data(const WinogradTiles& t, const float* x, Planes v) {
  constexpr int kSide = kTile + kTaps - 1;
  const int64_t channels = t.conv->in_c, stride = point_stride(v);
  for (int64_t r = t.begin; r < t.begin + t.count; ++r) {
    const Tile at = tile_at(t, r);
    for (int ab = 0; ab < kParities<kTaps>; ++ab) {
      const Pixels<kSide> pixels = inputs_of<kTile, kTaps>(*t.conv, at, ab);
      for (int64_t c = 0; c < channels; c += kVector) {
        V d[kSide][kSide], o[kSide][kSide];
        pixels.load_from(x + c, d);
        both(d, o, Transform<kTile, kTaps>::template data<V>);
        store_points(element(v, r, ab * channels + c), stride, o);
      }
    }
  }
}

// Tiles come in the order of their places: what an earlier tile of the image has written is added to.
template <int kTile, int kTaps>
void data_adjoint(const WinogradTiles& t, Planes v, float* dx) {
  constexpr int kSide = kTile + kTaps - 1;
  const int64_t channels = t.conv->in_c, stride = point_stride(v);
  for (int64_t r = t.begin; r < t.begin + t.count; ++r) {
    const Tile at = tile_at(t, r);
    for (int ab = 0; ab < kParities<kTaps>; ++ab) {
      const Pixels<kSide> pixels = inputs_of<kTile, kTaps>(*t.conv, at, ab);
      for (int64_t c = 0; c < channels; c += kVector) {
        V o[kSide][kSide], d[kSide][kSide];
        load_points(element(v, r, ab * channels + c), stride, o);
        both(o, d, Transform<kTile, kTaps>::template data_adjoint<V>);
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
          for (int j = 0; j < kSide; ++j) {
            const int64_t offset = pixels.offset[i][j];
            if (offset < 0) continue;
            float* to = dx + offset + c;
            const bool again = (i < kTaps - 1 && at.i > 0) || (j < kTaps - 1 && at.j > 0);
            store(to, again ? load(to) + d[i][j] : d[i][j]);
          }
        }
      }
    }
  }
}

template <int kTile, int kTaps>
void result(const WinogradTiles& t, Planes m, float* y) {
  constexpr int kSide = kTile + kTaps - 1;
  const int64_t channels = t.conv->out_c, stride = point_stride(m);
  for (int64_t r = t.begin; r < t.begin + t.count; ++r) {
    const Pixels<kTile> pixels = outputs_of<kTile>(*t.conv, tile_at(t, r));
    for (int64_t o = 0; o < channels; o += kVector) {
      V in[kSide][kSide], out[kTile][kTile];
      load_points(element(m, r, o), stride, in);
      both(in, out, Transform<kTile, kTaps>::template result<V>);
#pragma GCC unroll 8
      for (int i = 0; i < kTile; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < kTile; ++j)
          if (pixels.offset[i][j] >= 0) store(y + pixels.offset[i][j] + o, out[i][j]);
      }
    }
  }
}

template <int kTile, int kTaps>
void result_adjoint(const WinogradTiles& t, const float* dy, Planes m) {
  constexpr int kSide = kTile + kTaps - 1;
  const int64_t channels = t.conv->out_c, stride = point_stride(m);
  for (int64_t r = t.begin; r < t.begin + t.count; ++r) {
    const Pixels<kTile> pixels = outputs_of<kTile>(*t.conv, tile_at(t, r));
    for (int64_t o = 0; o < channels; o += kVector) {
      V in[kTile][kTile], out[kSide][kSide];
      pixels.load_from(dy + o, in);
      both(in, out, Transform<kTile, kTaps>::template result_adjoint<V>);
      store_points(element(m, r, o), stride, out);
    }
  }
}

// ---- filters ---------------------------------------------------------------------------------------

#if PYGAN_ISA_LEVEL == 2
#define PYGAN_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define PYGAN_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif PYGAN_ISA_LEVEL == 1
#define PYGAN_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define PYGAN_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define PYGAN_LOW 0, 4, 1, 5
#define PYGAN_HIGH 2, 6, 3, 7
#endif

// A square of values, transposed: log2(kVector) perfect shuffles
[[gnu::always_inline]] inline void transpose(V (&x)[kVector]) {
#pragma GCC unroll 4
  for (int stage = 1; stage < kVector; stage *= 2) {
    V y[kVector];
#pragma GCC unroll 8
    for (int i = 0; i < kVector / 2; ++i) {
      y[2 * i] = __builtin_shufflevector(x[i], x[i + kVector / 2], PYGAN_LOW);
      y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + kVector / 2], PYGAN_HIGH);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kVector; ++i) x[i] = y[i];
  }
}

// The taps of parity (a, b): tap (r, s) is w[stride r + a, stride s + b]
template <int kTaps, class T>
T* tap(const Conv& c, T* w, int ab, int r, int s, int64_t channel) {
  constexpr int kStep = kStride<kTaps>;
  const int64_t at = (kStep * r + ab / kStep) * (kStep * kTaps) + kStep * s + ab % kStep;
  return w + at * c.in_c * c.out_c + channel * c.out_c;
}

// w (kh, kw, in_c, out_c), u (points, n_count / nr, k_count, nr). Rows or columns (a, b, c) begin and end
// at multiples of kWinogradChannels.
template <int kTile, int kTaps>
void filters(const WinogradFilters& f, const float* w, float* u) {
  constexpr int kSide = kTile + kTaps - 1, kPoints = kSide * kSide;
  constexpr int64_t nr = kTileColumns<float>;
  const Conv& c = *f.conv;
  const int64_t panels = (f.n_count + nr - 1) / nr;
  const int64_t begin = f.transposed ? f.n_begin : f.k_begin;  // of (a, b, c)
  const int64_t end = begin + (f.transposed ? f.n_count : f.k_count);
  const int64_t o_begin = f.transposed ? f.k_begin : f.n_begin;
  const int64_t o_end = f.transposed ? f.k_begin + f.k_count : f.n_begin + panels * nr;
  for (int64_t row = begin; row < end; row += kVector) {
    const int ab = static_cast<int>(row / c.in_c);
    const int64_t channel = row % c.in_c;
    for (int64_t o = o_begin; o < o_end; o += kVector) {
      V made[kPoints][kVector];  // by input channel, vectors of output channels
      for (int i = 0; i < kVector; ++i) {
        V g[kTaps][kTaps] = {}, points[kSide][kSide];
        if (o < c.out_c) {
          for (int r = 0; r < kTaps; ++r)
            for (int s = 0; s < kTaps; ++s)
              g[r][s] = load(tap<kTaps>(c, w, ab, r, s, channel + i) + o);
        }
        both(g, points, Transform<kTile, kTaps>::template filter<V>);
        for (int p = 0; p < kPoints; ++p) made[p][i] = points[p / kSide][p % kSide];
      }
      const int64_t k = (f.transposed ? o : row) - f.k_begin;
      const int64_t column = (f.transposed ? row : o) - f.n_begin;
      float* to = u + (column / nr * f.k_count + k) * nr + column % nr;
      for (int p = 0; p < kPoints; ++p, to += f.stride) {
        if (f.transposed) transpose(made[p]);
        for (int i = 0; i < kVector; ++i) store(to + i * nr, made[p][i]);
      }
    }
  }
}

// u (points, k_count, n_count), dw (kh, kw, in_c, out_c)
template <int kTile, int kTaps>
void filters_adjoint(const WinogradFilters& f, const float* u, float* dw) {
  constexpr int kSide = kTile + kTaps - 1;
  const Conv& c = *f.conv;
  for (int64_t k = 0; k < f.k_count; ++k) {
    const int ab = static_cast<int>((f.k_begin + k) / c.in_c);
    const int64_t channel = (f.k_begin + k) % c.in_c;
    for (int64_t o = 0; o < f.n_count; o += kVector) {
      V points[kSide][kSide], g[kTaps][kTaps];
      load_points(u + k * f.n_count + o, f.stride, points);
      both(points, g, Transform<kTile, kTaps>::template filter_adjoint<V>);
      for (int r = 0; r < kTaps; ++r)
        for (int s = 0; s < kTaps; ++s)
          store(tap<kTaps>(c, dw, ab, r, s, channel) + f.n_begin + o, g[r][s]);
    }
  }
}

// ---- products --------------------------------------------------------------------------------------

void multiply(const WinogradProduct& p) {
  constexpr int64_t nr = kTileColumns<float>;
  const auto compute = p.across ? any_tile<float, true> : any_tile<float, false>;
  const int64_t panels = (p.n + nr - 1) / nr;
  float* const plain = p.c_row > 0 ? p.c.data + p.point * p.m * p.c_row : nullptr;
  const int64_t c_line = plain != nullptr ? p.c_row : kPlaneLine;
  for (int64_t k0 = 0; k0 < p.k;) {
    int64_t k = p.k - k0 < kSlice ? p.k - k0 : kSlice;
    if (!p.across) k = within_slice(p.a_first + k0, k);
    int64_t rows = 0;
    for (int64_t i = p.m_begin; i < p.m_begin + p.m_count; i += rows) {
      rows = p.m_begin + p.m_count - i < kTileRows ? p.m_begin + p.m_count - i : kTileRows;
      if (p.across) rows = within_slice(p.a_first + i, rows);
      const float* a =
          (p.across ? element(p.a, k0, p.a_first + i) : element(p.a, i, p.a_first + k0)) +
          p.point * point_stride(p.a);
      int64_t c_offsets[kTileRows];
      for (int64_t r = 0; r < rows; ++r) c_offsets[r] = r * c_line;
      for (int64_t j = 0; j < p.n; j += nr) {
        const float* b =
            p.b != nullptr ? p.b + ((p.point * panels + j / nr) * p.k + k0) * nr
                           : element(p.b_rows, k0, p.first + j) + p.point * point_stride(p.b_rows);
        float* c = plain != nullptr ? plain + i * p.c_row + j
                                    : element(p.c, i, p.first + j) + p.point * point_stride(p.c);
        compute(k, a, kPlaneLine, b, p.b != nullptr ? nr : kPlaneLine, c, c_offsets,
                static_cast<int>(rows), static_cast<int>(p.n - j < nr ? p.n - j : nr),
                p.add || k0 > 0);
      }
    }
    k0 += k;
  }
}

// f<kTile, kTaps>()
template <class F>
void with_scheme(const Conv& c, int64_t m, F f) {
  if (c.kernel_h == 4) {
    m == 4 ? f.template operator()<4, 2>() : f.template operator()<2, 2>();
  } else {
    m == 4 ? f.template operator()<4, 3>() : f.template operator()<2, 3>();
  }
}

constexpr WinogradKernels kKernels = {
    .mr = kTileRows,
    .nr = kTileColumns<float>,
    .filters =
        [](const WinogradFilters& f, const float* w, float* u) {
          with_scheme(*f.conv, f.m, [&]<int kTile, int kTaps> { filters<kTile, kTaps>(f, w, u); });
        },
    .data =
        [](const WinogradTiles& t, const float* x, Planes v) {
          with_scheme(*t.conv, t.m, [&]<int kTile, int kTaps> { data<kTile, kTaps>(t, x, v); });
        },
    .data_adjoint =
        [](const WinogradTiles& t, Planes v, float* dx) {
          with_scheme(*t.conv, t.m,
                      [&]<int kTile, int kTaps> { data_adjoint<kTile, kTaps>(t, v, dx); });
        },
    .result =
        [](const WinogradTiles& t, Planes m, float* y) {
          with_scheme(*t.conv, t.m, [&]<int kTile, int kTaps> { result<kTile, kTaps>(t, m, y); });
        },
    .result_adjoint =
        [](const WinogradTiles& t, const float* dy, Planes m) {
          with_scheme(*t.conv, t.m,
                      [&]<int kTile, int kTaps> { result_adjoint<kTile, kTaps>(t, dy, m); });
        },
    .filters_adjoint =
        [](const WinogradFilters& f, const float* u, float* dw) {
          with_scheme(*f.conv, f.m,
                      [&]<int kTile, int kTaps> { filters_adjoint<kTile, kTaps>(f, u, dw); });
        },
    .multiply = multiply,
};

}  // namespace

const WinogradKernels* winograd_kernels() { return &kKernels; }

}  // namespace pygan::PYGAN_ISA
