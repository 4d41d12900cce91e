#include "ops/resample/taps.h"

#include <algorithm>
#include <cmath>

namespace pygan::resample {
namespace {

using ops::Filter;
using ops::Resampling;

double triangle(double d) { return std::max(0.0, 1 - std::abs(d)); }

double cubic(double d, double a) {
  d = std::abs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((d - 5) * d + 8) * d * a - 4 * a;
  return 0;
}

void add(Taps& taps, int64_t index, double weight) {
  const bool same = static_cast<int64_t>(taps.index.size()) > taps.row.back() &&
                    taps.index.back() == index;  // indices come in ascending order
  if (same) {
    taps.weight.back() += weight;
  } else {
    taps.index.push_back(index);
    taps.weight.push_back(weight);
  }
}

void round_weights(Taps& taps) { taps.weight32.assign(taps.weight.begin(), taps.weight.end()); }

int64_t nearest(int64_t o, double step, const Taps& t, const Resampling& how) {
  const bool exact = how.filter == Filter::nearest_exact;
  if (how.scale == 0)  // whole numbers: no rounding can move a pixel
    return exact ? (2 * o + 1) * t.in / (2 * t.out) : o * t.in / t.out;
  const double at = (static_cast<double>(o) + (exact ? 0.5 : 0.0)) * step;
  return std::min(static_cast<int64_t>(at), t.in - 1);
}

// bilinear and bicubic with pixels outside the image moved to its edge
void interpolate(Taps& taps, double s, bool bicubic) {
  const double first = std::floor(s) - (bicubic ? 1 : 0);
  const double last = static_cast<double>(taps.in - 1);
  for (int k = 0; k < (bicubic ? 4 : 2); ++k) {
    const double at = first + k;
    const double weight = bicubic ? cubic(s - at, -0.75) : triangle(s - at);
    if (weight != 0) add(taps, static_cast<int64_t>(std::clamp(at, 0.0, last)), weight);
  }
}

void antialias(Taps& taps, double s, double step, bool bicubic) {
  const double width = std::max(step, 1.0), support = (bicubic ? 2 : 1) * width;
  const double last = static_cast<double>(taps.in - 1);
  const size_t begin = taps.weight.size();
  double total = 0;
  for (double at = std::clamp(std::ceil(s - support), 0.0, last); at <= std::min(s + support, last);
       ++at) {
    const double d = (s - at) / width, weight = bicubic ? cubic(d, -0.5) : triangle(d);
    if (weight == 0) continue;
    add(taps, static_cast<int64_t>(at), weight);
    total += weight;
  }
  for (size_t i = begin; i < taps.weight.size(); ++i) taps.weight[i] /= total;
}

}  // namespace

Taps make_taps(int64_t in, int64_t out, const Resampling& how) {
  Taps taps{.in = in, .out = out, .row = {0}, .index = {}, .weight = {}, .weight32 = {}};
  const double n = static_cast<double>(in), m = static_cast<double>(out);
  const double step = how.align_corners ? (out > 1 ? (n - 1) / (m - 1) : 0.0)
                      : how.scale > 0   ? 1 / how.scale
                                        : n / m;
  const bool bicubic = how.filter == Filter::bicubic;
  for (int64_t o = 0; o < out; ++o) {
    const double at = static_cast<double>(o);
    const double s = how.align_corners ? at * step : (at + 0.5) * step - 0.5;
    if (how.filter == Filter::nearest || how.filter == Filter::nearest_exact)
      add(taps, nearest(o, step, taps, how), 1.0);
    else if (how.antialias)
      antialias(taps, s, step, bicubic);
    else
      interpolate(taps, s, bicubic);
    taps.row.push_back(static_cast<int64_t>(taps.index.size()));
  }
  round_weights(taps);
  return taps;
}

Taps transposed(const Taps& a) {
  Taps t{.in = a.out, .out = a.in, .row = {}, .index = {}, .weight = {}, .weight32 = {}};
  t.row.assign(static_cast<size_t>(a.in) + 1, 0);
  t.index.resize(a.index.size());
  t.weight.resize(a.index.size());
  for (int64_t i : a.index) ++t.row[static_cast<size_t>(i) + 1];
  for (size_t i = 0; i < static_cast<size_t>(a.in); ++i) t.row[i + 1] += t.row[i];
  std::vector<int64_t> next(t.row.begin(), t.row.end() - 1);
  for (size_t o = 0; o < static_cast<size_t>(a.out); ++o)
    for (auto e = static_cast<size_t>(a.row[o]); e < static_cast<size_t>(a.row[o + 1]); ++e) {
      const auto to = static_cast<size_t>(next[static_cast<size_t>(a.index[e])]++);
      t.index[to] = static_cast<int64_t>(o);
      t.weight[to] = a.weight[e];
    }
  round_weights(t);
  return t;
}

}  // namespace pygan::resample
