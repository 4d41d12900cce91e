// The formulas of virtual_batch_norm for one channel of one sample, the same on every device. For
// kernel files: everything has internal linkage.
#pragma once

#include "core/vecmath.h"

namespace pygan {
namespace {

// d = mu_x - mu_r, or 0 where the sample has no share: its mean is not known then
template <class T>
PYGAN_VECMATH T shift_of(T mean, T ref_mean, T share) {
  return share == T(0) ? T(0) : mean - ref_mean;
}
// mu
template <class T>
PYGAN_VECMATH T blended_mean(T d, T ref_mean, T share) {
  return ref_mean + share * d;
}
// 1 / s
template <class T>
PYGAN_VECMATH T blended_inverse(T d, T var, T ref_var, T share, T eps) {
  const T own = share == T(0) ? T(0) : share * var;
  const T blended = (T(1) - share) * ref_var + own + share * (T(1) - share) * d * d;
  return T(1) / vecmath::sqrt(blended + eps);
}

// What one channel of one sample adds to dbias, dweight and the gradients of mu_r and var_r, and
// dx = scale dy + shift + slope (x - mu_x)
struct ChannelTerms {
  double dbias, dweight, dmean, dvar;
  double scale, shift, slope;
};
// p = sum dy, q = sum dy (x - mu), inverse = 1 / s, over `count` positions
PYGAN_VECMATH ChannelTerms terms_of(double p, double q, double weight, double inverse, double d,
                                    double share, double count) {
  const double dmu = -inverse * weight * p;
  const double dvar = -0.5 * inverse * inverse * inverse * weight * q;
  const double across = 2 * share * (1 - share) * d * dvar;
  return {.dbias = p,
          .dweight = inverse * q,
          .dmean = (1 - share) * dmu - across,
          .dvar = (1 - share) * dvar,
          .scale = weight * inverse,
          .shift = (share * dmu + across) / count,
          .slope = 2 * share * dvar / count};
}

}  // namespace
}  // namespace pygan
