#include "ops/pad/pad.h"

#include "core/parallel.h"
#include "ops/pad/source.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread
constexpr int64_t kTile = 1 << 12;   // elements of a row that one task takes

// body(outer index, first element of the row, number of them); a task owns its columns of y and x
template <class Body>
void for_each_tile(const PadArgs& a, Body body) {
  const int64_t tile = a.inner < kTile ? a.inner : kTile;
  const int64_t tiles = (a.inner + tile - 1) / tile;
  const int64_t work = (a.before + a.n + a.after) * tile;
  parallel_ranges(a.outer * tiles, work < kGrain ? kGrain / work : 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t t = begin; t < end; ++t) {
                      const int64_t c = t % tiles * tile;
                      body(t / tiles, c, a.inner - c < tile ? a.inner - c : tile);
                    }
                  });
}

template <class T>
void copy_rows(const T* from, T* to, int64_t rows, int64_t stride, int64_t width) {
  if (width == stride) {
    __builtin_memcpy(to, from, static_cast<size_t>(rows * width) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < rows; ++i)
    __builtin_memcpy(to + i * stride, from + i * stride, static_cast<size_t>(width) * sizeof(T));
}

template <class T>
void forward(const PadArgs& a) {
  for_each_tile(a, [&](int64_t outer, int64_t c, int64_t width) {
    const T* x = static_cast<const T*>(a.from) + outer * a.n * a.inner + c;  // (n, inner)
    T* y = static_cast<T*>(a.to) + (outer * (a.before + a.n + a.after) + a.before) * a.inner + c;
    copy_rows(x, y, a.n, a.inner, width);
    const auto border = [&](int64_t i) {
      __builtin_memcpy(y + i * a.inner, x + source(a, i) * a.inner,
                       static_cast<size_t>(width) * sizeof(T));
    };
    for (int64_t i = -a.before; i < 0; ++i) border(i);
    for (int64_t i = a.n; i < a.n + a.after; ++i) border(i);
  });
}

template <class T>
void backward(const PadArgs& a) {
  for_each_tile(a, [&](int64_t outer, int64_t c, int64_t width) {
    const T* y = static_cast<const T*>(a.from) +
                 (outer * (a.before + a.n + a.after) + a.before) * a.inner + c;
    T* x = static_cast<T*>(a.to) + outer * a.n * a.inner + c;  // (n, inner)
    copy_rows(y, x, a.n, a.inner, width);
    const auto border = [&](int64_t i) {
      const T* __restrict from = y + i * a.inner;
      T* __restrict to = x + source(a, i) * a.inner;
      for (int64_t k = 0; k < width; ++k) to[k] += from[k];
    };
    for (int64_t i = -a.before; i < 0; ++i) border(i);
    for (int64_t i = a.n; i < a.n + a.after; ++i) border(i);
  });
}

}  // namespace

void pad_axis(const PadArgs& args) {
  if (args.item_size == 4)
    forward<uint32_t>(args);
  else if (args.item_size == 8)
    forward<uint64_t>(args);
  else
    forward<uint8_t>(args);
}
void pad_axis_grad(const PadArgs& args) {
  args.item_size == 8 ? backward<double>(args) : backward<float>(args);
}

}  // namespace pygan::PYGAN_ISA
