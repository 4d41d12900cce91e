// Every public operation, on one screen. Shapes, formulas and errors stand in each op's contract
// header (ops/<room>/). Images are (N, H, W, C); axes count from the back when negative;
// broadcasting is NumPy's; mixed dtypes raise.
#pragma once

#include <optional>
#include <utility>

#include "core/tensor.h"

namespace pygan {
enum class PenaltyCost : uint8_t;  // gradient_penalty/gradient_penalty.h
}

namespace pygan::ops {

using Axes = std::vector<int>;             // empty: all axes
using Pair = std::pair<int64_t, int64_t>;  // (height, width)

// elementwise/
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor divide_no_nan(const Tensor& a, const Tensor& b);  // a / b, and 0 where b = 0
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);   // its derivative at 0 is 0
Tensor sign(const Tensor& x);  // -1, 0, 1; non-differentiable
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor scale(const Tensor& x, double a);  // a x
Tensor shift(const Tensor& x, double a);  // x + a
Tensor astype(const Tensor& x, DType dtype);

// functions/
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);  // log(1 + e^x)
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor power(const Tensor& x, double a);       // x^a
Tensor pow(const Tensor& a, const Tensor& b);  // a^b
Tensor elu(const Tensor& x, double alpha);     // x where x > 0, else alpha (e^x - 1)
Tensor gelu(const Tensor& x);                  // x Phi(x), Phi the normal distribution function
Tensor gelu_tanh(const Tensor& x);             // its approximation by tanh
Tensor silu(const Tensor& x);                  // x sigmoid(x)

// select/: comparisons give bool and are non-differentiable
Tensor maximum(const Tensor& a, const Tensor& b);  // ties: the gradient goes to a
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high);
Tensor clip_grad(const Tensor& dy, const Tensor& x, std::optional<double> low,
                 std::optional<double> high);  // dy where low <= x <= high, else 0
Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);  // of bool, as or and not
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

// leaky_relu/: the template for a new op
Tensor leaky_relu(const Tensor& x, double negative_slope);
Tensor relu(const Tensor& x);
Tensor leaky_relu_grad(const Tensor& dy, const Tensor& x,
                       double negative_slope);  // dy where x > 0, else slope dy

// reduce/
Tensor sum(const Tensor& x, const Axes& axes, bool keepdims);
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims);
Tensor norm(const Tensor& x, const Axes& axes,
            bool keepdims);  // sqrt(sum x^2); its derivative at 0 is 0
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims);  // log sum e^x
std::pair<Tensor, Tensor> max(const Tensor& x, const Axes& axes,
                              bool keepdims);  // values, indices of the first maxima
std::pair<Tensor, Tensor> min(const Tensor& x, const Axes& axes, bool keepdims);
Tensor argmax(const Tensor& x, const Axes& axes, bool keepdims);  // non-differentiable
Tensor argmin(const Tensor& x, const Axes& axes, bool keepdims);  // non-differentiable
Tensor take_reduced(const Tensor& x, const Tensor& indices, const Axes& axes,
                    bool keepdims);  // x at max's indices
Tensor put_reduced(const Tensor& y, const Tensor& indices, const Shape& shape,
                   const Axes& axes);  // its adjoint

// shape/
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor sum_to(const Tensor& x, const Shape& shape);  // adjoint of broadcast_to
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor to(const Tensor& x, Device device);            // a copy
Tensor transpose(const Tensor& x, const Axes& axes);  // empty: reversed
Tensor slice(
    const Tensor& x, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
    const Shape& out);  // out[i] = x[start + i step], one entry per axis; steps may be negative
Tensor unslice(const Tensor& y, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
               const Shape& shape, double fill = 0);  // its adjoint: zeros (or fill) elsewhere
Tensor concat(const Tensors& xs, int axis);
Tensor expand_dims(const Tensor& x, int axis);
Tensor squeeze(const Tensor& x, const Axes& axes);  // empty: every axis of extent 1
Tensor stack(const Tensors& xs, int axis);          // along a new axis
Tensors split(const Tensor& x, const std::vector<int64_t>& cuts, int axis);
Tensors split(const Tensor& x, int64_t sections, int axis);  // equal parts
Tensor flip(const Tensor& x, const Axes& axes);
Tensor roll(const Tensor& x, int64_t shift, int axis);  // y[(i + shift) mod n] = x[i]

// index/: int64 indices along one axis; negative ones count from the end
Tensor gather(const Tensor& x, const Tensor& indices, int axis);  // NumPy's take
Tensor scatter_add(const Tensor& y, const Tensor& indices, const Shape& shape,
                   int axis);  // its adjoint: equal indices add up
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis);
Tensor scatter_add_along_axis(const Tensor& y, const Tensor& indices, const Shape& shape,
                              int axis);                              // its adjoint
Tensor embedding(const Tensor& table, const Tensor& indices);         // rows of the table
Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype);  // non-differentiable

// scan/
Tensor cumsum(const Tensor& x, int axis, bool reverse);  // reverse: from the end

// sort/: stable; NaN counts as the largest
std::pair<Tensor, Tensor> sort(const Tensor& x, int axis,
                               bool descending);  // values, indices they come from
Tensor argsort(const Tensor& x, int axis, bool descending);
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int axis,
                               bool largest);  // the first k of sort
Tensor median(const Tensor& x, const Axes& axes, bool keepdims);

// pad/: (before, after) elements along each axis, or along one
enum class PadMode { constant, reflect, replicate };
Tensor pad(const Tensor& x, const std::vector<Pair>& widths, PadMode mode = PadMode::constant,
           double value = 0);
Tensor pad_axis(const Tensor& x, int axis, const Pair& widths, PadMode mode);        // not constant
Tensor pad_axis_grad(const Tensor& dy, int axis, const Pair& widths, PadMode mode);  // its adjoint

// matmul/
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

// conv2d/: x (N, H, W, C_in), w (kh, kw, C_in / groups, C_out) -> (N, H', W', C_out)
struct Conv {
  Pair stride{1, 1}, padding{0, 0}, dilation{1, 1};
  int64_t groups = 1;
};
Tensor conv2d(const Tensor& x, const Tensor& w, const Conv& conv);
// conv_transpose2d: x (N, H, W, C_in), w (kh, kw, C_out / groups, C_in): the adjoint of conv2d with
// the same w
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Conv& conv,
                        const Pair& output_padding);
// dw of conv2d: x (N, H, W, C_in), dy (N, H', W', C_out) -> (kh, kw, C_in / groups, C_out)
Tensor conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Pair& kernel, const Conv& conv);

// pool/: over windows of images (N, H, W, C)
struct Pool {
  Pair kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  bool count_include_pad = true;  // averages: the padding's zeros count
};
Tensor avg_pool2d(const Tensor& x, const Pool& pool);
Tensor avg_pool2d_grad(const Tensor& dy, const Pair& size, const Pool& pool);  // adjoint; size of x
std::pair<Tensor, Tensor> max_pool2d(const Tensor& x, const Pool& pool);       // values, indices
Tensor take_pixels(const Tensor& x, const Tensor& indices);  // y[n,i,j,c] = x[n, indices, c]
Tensor put_pixels(const Tensor& y, const Tensor& indices, const Pair& size);  // its adjoint

// resample/: to another extent along one axis, or of images (N, H, W, C); resample/taps.h has the
// weights
enum class Filter { nearest, nearest_exact, bilinear, bicubic };
struct Resampling {
  Filter filter = Filter::nearest;
  bool align_corners = false, antialias = false;
  double scale = 0;  // output pixels an input pixel; 0: the quotient of the extents
};
Tensor resample(const Tensor& x, int axis, int64_t size, const Resampling& how);
Tensor resample_grad(const Tensor& dy, int axis, int64_t size,
                     const Resampling& how);  // its adjoint; size of x
Tensor resize(const Tensor& x, const Pair& size, const Resampling& how);
Tensor upsample(const Tensor& x, const std::pair<double, double>& scale, const Resampling& how);

// pixel_shuffle/: (N, H, W, C r^2) -> (N, H r, W r, C) and back
Tensor pixel_shuffle(const Tensor& x, int64_t r);
Tensor pixel_unshuffle(const Tensor& x, int64_t r);

// batch_norm/: over all axes but the last; parts: that many equal batches in x, each by itself, with
// mean, var and the gradients' dweight, dbias (parts, C)
struct BatchNormOut {
  Tensor y, mean, var;
};  // var: biased; mean and var carry no gradient
BatchNormOut batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                        int64_t parts = 1);
// (dx, dweight, dbias) of batch_norm, fused; mean and var: what batch_norm returned for this x
Tensors batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& mean,
                        const Tensor& var, double eps, int64_t parts = 1);
// leaky_relu of its y in the same passes, negative_slope >= 0 (0: relu); and that one's gradients
BatchNormOut batch_norm_leaky_relu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   double negative_slope, double eps, int64_t parts = 1);
Tensors batch_norm_leaky_relu_grad(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   const Tensor& dy, const Tensor& mean, const Tensor& var,
                                   double negative_slope, double eps, int64_t parts = 1);
Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Tensor& mean, const Tensor& var, double eps);

// group_norm/: of each sample by itself; x (N, ..., C), weight and bias (C)
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps);
Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
Tensor layer_norm(
    const Tensor& x, int axes, const Tensor& weight, const Tensor& bias,
    double eps);  // over the last `axes` axes, of which weight and bias have the shape

// virtual_batch_norm/: x (N, ..., C), ref (n, ..., C) -> y, y_ref
std::pair<Tensor, Tensor> virtual_batch_norm(const Tensor& x, const Tensor& ref,
                                             const Tensor& weight, const Tensor& bias, double eps);
std::pair<Tensor, Tensor> reference_batch_norm(const Tensor& x, const Tensor& ref,
                                               const Tensor& weight, const Tensor& bias,
                                               double eps);

// losses/: softplus(x) - t x, elementwise
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets);

// logistic_loss/: its mean for one constant target, a scalar, and the gradient of that, dy ()
Tensor logistic_loss(const Tensor& logits, double target);
Tensor logistic_loss_grad(const Tensor& logits, const Tensor& dy, double target);

// softmax/: along one axis; cross-entropy of logits (N, K) with classes (N) or probabilities (N, K)
Tensor softmax(const Tensor& x, int axis);
Tensor log_softmax(const Tensor& x, int axis);
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& targets);  // -> (N)
Tensor softmax_cross_entropy_grad(const Tensor& logits, const Tensor& targets,
                                  const Tensor& dy);  // dy (N) -> (N, K)
enum class Reduction : uint8_t { mean, sum, none };
Tensor cross_entropy_with_logits(const Tensor& logits, const Tensor& targets, Reduction reduction,
                                 double label_smoothing);

// gradient_penalty/: x^ = u real + (1 - u) fake, u (N); weight mean_b cost(|g_b|) of g (N, ...), and what
// scales g_b to its derivative (N)
Tensor interpolate(const Tensor& real, const Tensor& fake, const Tensor& u);
std::pair<Tensor, Tensor> norm_penalty(const Tensor& g, PenaltyCost cost, double weight);

// random/: key is int64 (3,): seed, stream, draw. Non-differentiable but for dropout.
Tensor uniform(const Tensor& key, const Shape& shape, DType dtype);
Tensor normal(const Tensor& key, const Shape& shape, DType dtype);
Tensor bernoulli(const Tensor& key, double p, const Shape& shape, DType dtype);
Tensor permutation(const Tensor& key, int64_t n);  // int64
Tensor dropout(const Tensor& x, const Tensor& key, double p);

}  // namespace pygan::ops
