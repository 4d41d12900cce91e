#include "ops/index/index.h"

#include "core/parallel.h"

namespace pygan::PYGAN_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements worth a second thread
constexpr int64_t kColumns = 64;     // columns of a row that one owner adds up

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t from_zero(int64_t index, int64_t extent) { return index < 0 ? index + extent : index; }

// Rows [begin, end) of y (outer count, inner).
template <class T>
void take_rows(const IndexArgs& a, int64_t begin, int64_t end) {
  const T* x = static_cast<const T*>(a.from);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t outer = row / a.count;
    const T* block = x + outer * a.extent * a.inner;
    T* y = static_cast<T*>(a.to) + row * a.inner;
    if (a.along) {
      const int64_t* index = a.index + row * a.inner;
      for (int64_t i = 0; i < a.inner; ++i)
        y[i] = block[from_zero(index[i], a.extent) * a.inner + i];
    } else {
      const int64_t k = from_zero(a.index[row - outer * a.count], a.extent);
      __builtin_memcpy(y, block + k * a.inner, static_cast<size_t>(a.inner) * sizeof(T));
    }
  }
}

// A task owns columns of a block of x: (outer, tile of inner).
template <class T>
void add_tiles(const IndexArgs& a, int64_t begin, int64_t end) {
  const int64_t tiles = (a.inner + kColumns - 1) / kColumns;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t outer = task / tiles, column = task % tiles * kColumns;
    const int64_t width = smaller(kColumns, a.inner - column);
    const int64_t base = outer * a.count * a.inner + column;
    const T* __restrict y = static_cast<const T*>(a.from) + base;
    T* __restrict x = static_cast<T*>(a.to) + outer * a.extent * a.inner + column;
    for (int64_t k = 0; k < a.count; ++k) {
      if (a.along) {
        const int64_t* index = a.index + base + k * a.inner;
        for (int64_t i = 0; i < width; ++i)
          x[from_zero(index[i], a.extent) * a.inner + i] += y[k * a.inner + i];
      } else {
        T* row = x + from_zero(a.index[k], a.extent) * a.inner;
        for (int64_t i = 0; i < width; ++i) row[i] += y[k * a.inner + i];
      }
    }
  }
}

template <class T>
void set_ones(const OneHotArgs& a) {
  T* y = static_cast<T*>(a.y);
  for (int64_t k = 0; k < a.n; ++k) y[k * a.classes + a.index[k]] = static_cast<T>(a.one);
}

}  // namespace

void index_take(const IndexArgs& args) {
  const int64_t grain = args.inner < kGrain ? kGrain / args.inner : 1;
  parallel_ranges(args.outer * args.count, grain, [&](int64_t begin, int64_t end) {
    if (args.item_size == 4)
      take_rows<uint32_t>(args, begin, end);
    else if (args.item_size == 8)
      take_rows<uint64_t>(args, begin, end);
    else
      take_rows<uint8_t>(args, begin, end);
  });
}

void index_scatter_add(const IndexArgs& args) {
  const int64_t tiles = (args.inner + kColumns - 1) / kColumns;
  const int64_t task = args.count * smaller(args.inner, kColumns);
  const int64_t grain = task < kGrain ? kGrain / task : 1;
  parallel_ranges(args.outer * tiles, grain, [&](int64_t begin, int64_t end) {
    args.f64 ? add_tiles<double>(args, begin, end) : add_tiles<float>(args, begin, end);
  });
}

int64_t index_check(const CheckIndexArgs& args) {
  bool bad = false;
  for (int64_t k = 0; k < args.n; ++k)
    bad |= (args.index[k] < args.low) | (args.index[k] >= args.high);
  if (!bad) return -1;
  int64_t k = 0;
  while (args.index[k] >= args.low && args.index[k] < args.high) ++k;
  return k;
}

void index_one_hot(const OneHotArgs& args) {
  if (args.item_size == 4)
    set_ones<uint32_t>(args);
  else if (args.item_size == 8)
    set_ones<uint64_t>(args);
  else
    set_ones<uint8_t>(args);
}

}  // namespace pygan::PYGAN_ISA
