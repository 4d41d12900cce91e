// pygan.ops: one definition an operation. Formulas and derivatives stand in
// csrc/ops/<room>/<room>.h, NumPy in pygan/reference.
#include "ops/ops.h"

#include "bindings/convert.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

using ops::Axes;
using ops::Pair;

ops::Conv to_conv(const char* op, const py::object& stride, const py::object& padding,
                  const py::object& dilation, int64_t groups) {
  ops::Conv c;
  c.stride = to_pair(op, "stride", stride);
  c.padding = to_pair(op, "padding", padding);
  c.dilation = to_pair(op, "dilation", dilation);
  c.groups = groups;
  return c;
}

Tensor optional(const std::optional<Tensor>& t) { return t.value_or(Tensor()); }

void bind_elementwise(py::module_& m) {
  using Unary = Tensor (*)(const Tensor&);
  const auto unary = [&m](const char* name, Unary f, const char* doc) {
    m.def(name, [f](const Tensor& x) { return released([&] { return f(x); }); }, py::arg("x"), doc);
  };
  unary("neg", &ops::neg, "y = -x, elementwise.");
  unary("exp", &ops::exp, "y = e^x, elementwise.");
  unary("log", &ops::log, "y = ln x, elementwise; -inf at 0, NaN below.");
  unary("sqrt", &ops::sqrt, "y = x^(1/2), elementwise; NaN below 0.");
  unary("square", &ops::square, "y = x^2, elementwise.");
  unary("tanh", &ops::tanh, "y = tanh x, elementwise.");
  unary("sigmoid", &ops::sigmoid, "y = 1 / (1 + e^-x), elementwise.");
  unary("softplus", &ops::softplus, "y = log(1 + e^x), elementwise, without overflow.");
  unary("relu", &ops::relu, "y = max(x, 0), elementwise; dy/dx = [x > 0]; NaN stays NaN.");

  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  const auto binary = [&m](const char* name, Binary f, const char* doc) {
    m.def(
        name,
        [name, f](const py::object& a, const py::object& b) {
          const bool left = py::isinstance<Tensor>(a);
          if (!left && !py::isinstance<Tensor>(b))
            throw DTypeError(std::string(name) +
                             ": one operand must be a Tensor: wrap arrays with pygan.tensor");
          const Tensor like = (left ? a : b).cast<Tensor>();
          const Tensor ta = to_operand(name, a, like), tb = to_operand(name, b, like);
          return released([&] { return f(ta, tb); });
        },
        py::arg("a"), py::arg("b"), doc);
  };
  binary("add", &ops::add,
         "y = a + b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("sub", &ops::sub,
         "y = a - b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("mul", &ops::mul,
         "y = a b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("div", &ops::div,
         "y = a / b, elementwise with NumPy's broadcasting; numbers take the tensor's dtype.");
  binary("divide_no_nan", &ops::divide_no_nan,
         "y = a / b, and 0 where b = 0, derivatives too; broadcasts.");

  m.def(
      "leaky_relu",
      [](const Tensor& x, double s) { return released([&] { return ops::leaky_relu(x, s); }); },
      py::arg("x"), py::arg("negative_slope") = 0.01,
      "y = x where x > 0, else negative_slope x, elementwise (Maas et al. 2013).");
  m.def(
      "leaky_relu_grad",
      [](const Tensor& dy, const Tensor& x, double s) {
        return released([&] { return ops::leaky_relu_grad(dy, x, s); });
      },
      py::arg("dy"), py::arg("x"), py::arg("negative_slope") = 0.01,
      "dy where x > 0, else negative_slope dy: the derivative of leaky_relu, linear in dy.");
  m.def(
      "scale", [](const Tensor& x, double a) { return released([&] { return ops::scale(x, a); }); },
      py::arg("x"), py::arg("a"), "y = a x for a number a.");
  m.def(
      "shift", [](const Tensor& x, double a) { return released([&] { return ops::shift(x, a); }); },
      py::arg("x"), py::arg("a"), "y = x + a for a number a.");
  m.def(
      "astype",
      [](const Tensor& x, const py::object& dtype) {
        const DType d = to_dtype(dtype);
        return released([&] { return ops::astype(x, d); });
      },
      py::arg("x"), py::arg("dtype"),
      "x in another dtype; gradients flow between float32 and float64.");
}

void bind_reduce(py::module_& m) {
  using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);
  const auto reduce = [&m](const char* name, Reduce f, const char* doc) {
    m.def(
        name,
        [name, f](const Tensor& x, const py::object& axis, bool keepdims) {
          const Axes a = to_axes(name, axis);
          return released([&] { return f(x, a, keepdims); });
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false, doc);
  };
  reduce("sum", &ops::sum,
         "Sum over `axis` (None: all), in a fixed order for any number of threads.");
  reduce("mean", &ops::mean, "Mean over `axis` (None: all).");
  reduce("norm", &ops::norm, "(sum x^2)^(1/2) over `axis` (None: all); its derivative at 0 is 0.");
  reduce(
      "max", [](const Tensor& x, const Axes& a, bool k) { return ops::max(x, a, k).first; },
      "Maximum over `axis` (None: all); ties: the gradient goes to the first; NaN wins.");
  m.def(
      "max_with_indices",
      [](const Tensor& x, const py::object& axis, bool keepdims) {
        const Axes a = to_axes("max", axis);
        return released([&] { return ops::max(x, a, keepdims); });
      },
      py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
      "(values, indices): int64 flat index of the first maximum within the reduced axes.");
  m.def(
      "take_reduced",
      [](const Tensor& x, const Tensor& indices, const py::object& axis, bool keepdims) {
        const Axes a = to_axes("take_reduced", axis);
        return released([&] { return ops::take_reduced(x, indices, a, keepdims); });
      },
      py::arg("x"), py::arg("indices"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
      "The element of x at each of max_with_indices' indices.");
  m.def(
      "put_reduced",
      [](const Tensor& y, const Tensor& indices, const py::object& shape, const py::object& axis) {
        const Axes a = to_axes("put_reduced", axis);
        const Shape s = to_shape(shape);
        return released([&] { return ops::put_reduced(y, indices, s, a); });
      },
      py::arg("y"), py::arg("indices"), py::arg("shape"), py::arg("axis") = py::none(),
      "The adjoint of take_reduced: zeros of `shape` with y at the indices.");
  m.def(
      "sum_to",
      [](const Tensor& x, const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::sum_to(x, s); });
      },
      py::arg("x"), py::arg("shape"),
      "Sums x over the axes along which `shape` would broadcast to x's shape.");
}

void bind_shape(py::module_& m) {
  m.def(
      "broadcast_to",
      [](const Tensor& x, const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::broadcast_to(x, s); });
      },
      py::arg("x"), py::arg("shape"), "x repeated to `shape` by NumPy's rules.");
  m.def(
      "reshape",
      [](const Tensor& x, const py::object& shape) { return py::cast(x).attr("reshape")(shape); },
      py::arg("x"), py::arg("shape"),
      "The same elements, row-major, in another shape; one extent may be -1. An alias.");
  m.def(
      "transpose",
      [](const Tensor& x, const py::object& axes) {
        const Axes a = to_axes("transpose", axes);
        return released([&] { return ops::transpose(x, a); });
      },
      py::arg("x"), py::arg("axes") = py::none(),
      "Axes in the order `axes` (None: reversed), copied.");
  m.def(
      "slice",
      [](const Tensor& x, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
         const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::slice(x, start, step, s); });
      },
      py::arg("x"), py::arg("start"), py::arg("step"), py::arg("shape"),
      "y[i] = x[start + i step] for i in `shape`, one entry an axis; steps may be negative. x[...] "
      "is the usual way.");
  m.def(
      "unslice",
      [](const Tensor& y, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
         const py::object& shape) {
        const Shape s = to_shape(shape);
        return released([&] { return ops::unslice(y, start, step, s); });
      },
      py::arg("y"), py::arg("start"), py::arg("step"), py::arg("shape"),
      "The adjoint of slice: zeros of `shape` with y at start + i step.");
  m.def(
      "concat",
      [](const Tensors& xs, int axis) { return released([&] { return ops::concat(xs, axis); }); },
      py::arg("xs"), py::arg("axis") = 0, "The tensors one after another along `axis`.");
  m.def(
      "pad",
      [](const Tensor& x, const std::vector<Pair>& widths) {
        return released([&] { return ops::pad(x, widths); });
      },
      py::arg("x"), py::arg("widths"), "Zeros around x: (before, after) for each axis.");
}

void bind_matrix(py::module_& m) {
  m.def(
      "matmul",
      [](const Tensor& a, const Tensor& b, bool ta, bool tb) {
        return released([&] { return ops::matmul(a, b, ta, tb); });
      },
      py::arg("a"), py::arg("b"), py::arg("transpose_a") = false, py::arg("transpose_b") = false,
      "y[..., i, j] = sum_k a[..., i, k] b[..., k, j]; leading axes broadcast; transposed operands "
      "are read in place.");
  m.def(
      "conv2d",
      [](const Tensor& x, const Tensor& w, const py::object& stride, const py::object& padding,
         const py::object& dilation, int64_t groups) {
        const ops::Conv c = to_conv("conv2d", stride, padding, dilation, groups);
        return released([&] { return ops::conv2d(x, w, c); });
      },
      py::arg("x"), py::arg("w"), py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(2-D convolution (cross-correlation).

y[n,i,j,o] = sum_{r,s,c} x[n, i sh - ph + r dh, j sw - pw + s dw, c] w[r,s,c,o]
x (N, H, W, C_in), w (kh, kw, C_in / groups, C_out) -> (N, H', W', C_out),
H' = floor((H + 2 ph - dh (kh - 1) - 1) / sh) + 1. stride, padding, dilation: ints or (height, width).
Errors: ShapeError where channels, groups or the kernel do not fit, DTypeError for mixed dtypes.)");
  m.def(
      "conv_transpose2d",
      [](const Tensor& x, const Tensor& w, const py::object& stride, const py::object& padding,
         const py::object& output_padding, const py::object& dilation, int64_t groups) {
        const ops::Conv c = to_conv("conv_transpose2d", stride, padding, dilation, groups);
        const Pair extra = to_pair("conv_transpose2d", "output_padding", output_padding);
        return released([&] { return ops::conv_transpose2d(x, w, c, extra); });
      },
      py::arg("x"), py::arg("w"), py::arg("stride") = 1, py::arg("padding") = 0,
      py::arg("output_padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(Transposed 2-D convolution: exactly the adjoint of conv2d with the same weight.

x (N, H, W, C_in), w (kh, kw, C_out / groups, C_in) -> (N, H', W', C_out),
H' = (H - 1) sh - 2 ph + dh (kh - 1) + 1 + output_padding, 0 <= output_padding < sh.
Errors: ShapeError where channels, groups or output_padding do not fit, DTypeError for mixed dtypes.)");
  m.def(
      "conv2d_weight_grad",
      [](const Tensor& x, const Tensor& dout, const py::object& kernel_size,
         const py::object& stride, const py::object& padding, const py::object& dilation,
         int64_t groups) {
        const ops::Conv c = to_conv("conv2d_weight_grad", stride, padding, dilation, groups);
        const Pair k = to_pair("conv2d_weight_grad", "kernel_size", kernel_size);
        return released([&] { return ops::conv2d_weight_grad(x, dout, k, c); });
      },
      py::arg("x"), py::arg("dout"), py::arg("kernel_size"), py::arg("stride") = 1,
      py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
      R"(The adjoint of conv2d in its weight.

dw[r,s,c,o] = sum_{n,i,j} x[n, i sh - ph + r dh, j sw - pw + s dw, c] dout[n,i,j,o]
x (N, H, W, C_in), dout (N, H', W', C_out) -> (kh, kw, C_in / groups, C_out).)");
}

void bind_networks(py::module_& m) {
  m.def(
      "batch_norm",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        const ops::BatchNormOut o = released([&] { return ops::batch_norm(x, w, b, eps); });
        return py::make_tuple(o.y, o.mean, o.var);
      },
      py::arg("x"), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5,
      R"(Batch normalisation with the batch's own statistics (Ioffe and Szegedy 2015), over all axes but the last.

y = (x - mean) / sqrt(var + eps) weight + bias;  x (..., C), weight, bias (C,) or None -> (y, mean, var), var biased.
mean and var carry no gradient of their own; y's goes through both.)");
  m.def(
      "batch_norm_grad",
      [](const Tensor& x, const std::optional<Tensor>& weight, const Tensor& dy, const Tensor& mean,
         const Tensor& var, double eps) {
        const Tensor w = optional(weight);
        return released([&] { return ops::batch_norm_grad(x, w, dy, mean, var, eps); });
      },
      py::arg("x"), py::arg("weight"), py::arg("dy"), py::arg("mean"), py::arg("var"),
      py::arg("eps") = 1e-5,
      "(dx, dweight, dbias) of batch_norm, fused. mean and var: what batch_norm returned for this "
      "x.");
  m.def(
      "batch_norm_eval",
      [](const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
         const Tensor& mean, const Tensor& var, double eps) {
        const Tensor w = optional(weight), b = optional(bias);
        return released([&] { return ops::batch_norm_eval(x, w, b, mean, var, eps); });
      },
      py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("mean"), py::arg("var"),
      py::arg("eps") = 1e-5,
      "y = (x - mean) / sqrt(var + eps) weight + bias with given mean and var (C,); differentiable "
      "in all five.");
  m.def(
      "bce_with_logits",
      [](const Tensor& x, const Tensor& t) {
        return released([&] { return ops::bce_with_logits(x, t); });
      },
      py::arg("logits"), py::arg("targets"),
      "softplus(x) - t x, elementwise: binary cross-entropy of a logit, stable for any x.");
  m.def(
      "binary_cross_entropy_with_logits",
      [](const Tensor& x, const Tensor& t, const std::string& reduction) {
        if (reduction != "mean" && reduction != "sum" && reduction != "none")
          throw ConfigError(
              "binary_cross_entropy_with_logits: reduction must be \"mean\", \"sum\" or \"none\", "
              "got \"" +
              reduction + "\"");
        return released([&] {
          const Tensor y = ops::bce_with_logits(x, t);
          return reduction == "none"  ? y
                 : reduction == "sum" ? ops::sum(y, {}, false)
                                      : ops::mean(y, {}, false);
        });
      },
      py::arg("logits"), py::arg("targets"), py::arg("reduction") = "mean",
      "bce_with_logits, reduced by \"mean\" (default), \"sum\" or \"none\".");

  using Random = Tensor (*)(const Tensor&, const Shape&, DType);
  const auto random = [&m](const char* name, Random f, const char* doc) {
    m.def(
        name,
        [f](const Tensor& key, const py::object& shape, const py::object& dtype) {
          const Shape s = to_shape(shape);
          const DType d = to_dtype(dtype);
          return released([&] { return f(key, s, d); });
        },
        py::arg("key"), py::arg("shape"), py::arg("dtype") = "float32", doc);
  };
  random("uniform", &ops::uniform,
         "Uniform numbers in [0, 1) by Philox4x32-10 (Salmon et al. 2011). key: int64 (3,): seed, "
         "stream id, draw number.");
  random("normal", &ops::normal,
         "Standard normal numbers by Philox4x32-10 and Box-Muller. key: int64 (3,): seed, stream "
         "id, draw number.");
}

}  // namespace

void bind_ops(py::module_& parent) {
  py::module_ m = parent.def_submodule("ops", "Every operation of the engine.");
  bind_elementwise(m);
  bind_reduce(m);
  bind_shape(m);
  bind_matrix(m);
  bind_networks(m);
}

}  // namespace pygan::bindings
