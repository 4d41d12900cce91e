#include "ops/shape/shape.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {
namespace {

const RegisterKernel<CopyKernel> copy_cpu{
    Device::cpu, [](const CopyArgs& a) { PYGAN_DISPATCH(copy_strided)(a); }};

struct View {  // strides in elements, offset of the element i = 0
  std::vector<int64_t> stride;
  int64_t offset = 0;
};

View dense(const Shape& s) {
  View v;
  v.stride.resize(static_cast<size_t>(s.rank()));
  int64_t n = 1;
  for (int i = s.rank() - 1; i >= 0; --i) {
    v.stride[static_cast<size_t>(i)] = n;
    n *= s[i];
  }
  return v;
}

// Copies `extent` elements from x, seen through `from`, to y, seen through `to`. Axes that are one
// run in both are merged.
void copy(const Array& x, const View& from, Array& y, const View& to, const Shape& extent) {
  if (extent.size() == 0) return;
  CopyArgs a{};
  a.item_size = static_cast<int>(item_size(x.dtype()));
  a.x = static_cast<const char*>(x.data()) + from.offset * a.item_size;
  a.y = static_cast<char*>(y.mutable_data()) + to.offset * a.item_size;
  for (int i = 0; i < extent.rank(); ++i) {
    if (extent[i] == 1) continue;
    const int64_t xs = from.stride[static_cast<size_t>(i)], ys = to.stride[static_cast<size_t>(i)];
    const int last = a.rank - 1;
    if (a.rank > 0 && a.x_stride[last] == xs * extent[i] && a.y_stride[last] == ys * extent[i]) {
      a.extent[last] *= extent[i];
      a.x_stride[last] = xs;
      a.y_stride[last] = ys;
    } else {
      a.extent[a.rank] = extent[i];
      a.x_stride[a.rank] = xs;
      a.y_stride[a.rank] = ys;
      ++a.rank;
    }
  }
  if (a.rank == 0) a.extent[a.rank++] = 1;
  kernel<CopyKernel>(x.device())(a);
}

int normalize_axis(const char* op, int axis, int rank) {
  const int k = axis < 0 ? axis + rank : axis;
  if (k < 0 || k >= rank)
    throw_shape(op, "axis " + std::to_string(axis) + " is out of range for " +
                        std::to_string(rank) + " axes");
  return k;
}

struct Movement : Op {  // no arithmetic
  Saves saves() const override { return {0, 0}; }
  Jacobian jacobian() const override { return Jacobian::constant; }
  double flops(const Arrays&, const Arrays&) const override { return 0; }
};

struct Reshape final : Movement {
  Shape shape;
  explicit Reshape(const Shape& s) : shape(s) {}
  const char* name() const override { return "reshape"; }
  // Row-major: blocks of rows stay together.
  bool keeps_samples(const Arrays&, const std::vector<bool>&, const Arrays& out,
                     int64_t samples) const override {
    return shape.rank() > 0 && samples > 0 && out[0].dim(0) % samples == 0 && out[0].dim(0) > 0;
  }
  Arrays eval(const Arrays& in) const override { return {in[0].reshape(shape)}; }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::reshape(dout[0], in[0].shape())};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::reshape(tx[0], shape)};
  }
};

struct To final : Movement {
  Device device;
  explicit To(Device d) : device(d) {}
  const char* name() const override { return "to"; }
  bool per_sample() const override { return true; }
  Arrays eval(const Arrays& in) const override { return {to_device(in[0], device)}; }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::to(dout[0], in[0].device())};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::to(tx[0], device)};
  }
};

struct BroadcastTo final : Movement {
  Shape shape;
  explicit BroadcastTo(const Shape& s) : shape(s) {}
  const char* name() const override { return "broadcast_to"; }
  bool keeps_samples(const Arrays& in, const std::vector<bool>&, const Arrays&,
                     int64_t) const override {
    return in[0].rank() > 0 && in[0].rank() == shape.rank() && in[0].dim(0) == shape[0];
  }
  Arrays eval(const Arrays& in) const override {
    const Array& x = in[0];
    const int extra = shape.rank() - x.rank();
    bool fits = extra >= 0;
    for (int i = 0; fits && i < x.rank(); ++i) fits = x.dim(i) == shape[i + extra] || x.dim(i) == 1;
    if (!fits) throw_shape(name(), x.shape().str() + " does not broadcast to " + shape.str());
    Array y = Array::empty(shape, x.dtype(), x.device());
    View from = dense(x.shape());
    for (int i = 0; i < x.rank(); ++i)
      if (x.dim(i) == 1) from.stride[static_cast<size_t>(i)] = 0;
    from.stride.insert(from.stride.begin(), static_cast<size_t>(extra), 0);
    copy(x, from, y, dense(shape), shape);
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::sum_to(dout[0], in[0].shape())};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::broadcast_to(tx[0], shape)};
  }
};

struct Transpose final : Movement {
  ops::Axes axes;
  explicit Transpose(ops::Axes a) : axes(std::move(a)) {}
  const char* name() const override { return "transpose"; }
  bool per_sample() const override { return !axes.empty() && axes[0] == 0; }
  Arrays eval(const Arrays& in) const override {
    const View x = dense(in[0].shape());
    View from;
    Shape shape;
    for (int axis : axes) {
      shape.push_back(in[0].dim(axis));
      from.stride.push_back(x.stride[static_cast<size_t>(axis)]);
    }
    Array y = Array::empty(shape, in[0].dtype(), in[0].device());
    copy(in[0], from, y, dense(shape), shape);
    return {y};
  }
  Tensors vjp(const Tensors&, const Tensors&, const Tensors& dout, const Needs&) const override {
    ops::Axes inverse(axes.size());
    for (size_t i = 0; i < axes.size(); ++i)
      inverse[static_cast<size_t>(axes[i])] = static_cast<int>(i);
    return {ops::transpose(dout[0], inverse)};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::transpose(tx[0], axes)};
  }
};

// The elements start + i step of `whole`, for i in `part`.
View strided(const char* op, const Shape& whole, const Shape& part,
             const std::vector<int64_t>& start, const std::vector<int64_t>& step) {
  const auto rank = static_cast<size_t>(whole.rank());
  if (start.size() != rank || step.size() != rank || part.rank() != whole.rank())
    throw_shape(op, "start, step and shape need one entry for each of the " + std::to_string(rank) +
                        " axes of " + whole.str());
  View v = dense(whole);
  for (size_t i = 0; i < rank; ++i) {
    const int k = static_cast<int>(i);
    int64_t last;
    if (__builtin_mul_overflow(part[k] - 1, step[i], &last) ||
        __builtin_add_overflow(start[i], last, &last))
      throw_shape(op, "start and step of axis " + std::to_string(i) + " overflow");
    if (step[i] == 0) throw_shape(op, "step 0 on axis " + std::to_string(i));
    if (part[k] > 0 && (start[i] < 0 || start[i] >= whole[k] || last < 0 || last >= whole[k]))
      throw_shape(op, "axis " + std::to_string(i) + ": elements " + std::to_string(start[i]) +
                          " to " + std::to_string(last) + " are not all within " + whole.str());
    v.offset += part.size() ? start[i] * v.stride[i] : 0;
    v.stride[i] *= part[k] > 1 ? step[i] : 1;
  }
  return v;
}

// Are the rows of `part` those of `whole`, in their order?
bool all_rows(const Shape& whole, const Shape& part, const std::vector<int64_t>& start,
              const std::vector<int64_t>& step) {
  return whole.rank() > 0 && part[0] == whole[0] && start[0] == 0 && (step[0] == 1 || part[0] == 1);
}

struct Slice final : Movement {
  std::vector<int64_t> start, step;
  Shape part;
  Slice(std::vector<int64_t> a, std::vector<int64_t> b, const Shape& s)
      : start(std::move(a)), step(std::move(b)), part(s) {}
  const char* name() const override { return "slice"; }
  bool keeps_samples(const Arrays& in, const std::vector<bool>&, const Arrays&,
                     int64_t) const override {
    return all_rows(in[0].shape(), part, start, step);
  }
  // Whole rows one after another: an alias does.
  bool rows_only(const Shape& whole) const {
    if (whole.rank() == 0 || part.size() == 0 || (step[0] != 1 && part[0] != 1)) return false;
    for (int i = 1; i < whole.rank(); ++i)
      if (part[i] != whole[i] || (step[static_cast<size_t>(i)] != 1 && part[i] != 1)) return false;
    return true;
  }
  Arrays eval(const Arrays& in) const override {
    const View from = strided(name(), in[0].shape(), part, start, step);
    if (rows_only(in[0].shape())) return {in[0].rows(start[0], start[0] + part[0])};
    Array y = Array::empty(part, in[0].dtype(), in[0].device());
    copy(in[0], from, y, dense(part), part);
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::unslice(dout[0], start, step, in[0].shape())};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::slice(tx[0], start, step, part)};
  }
};

struct Unslice final : Movement {
  std::vector<int64_t> start, step;
  Shape whole;
  double fill;
  Unslice(std::vector<int64_t> a, std::vector<int64_t> b, const Shape& s, double f)
      : start(std::move(a)), step(std::move(b)), whole(s), fill(f) {}
  const char* name() const override { return "unslice"; }
  bool keeps_samples(const Arrays& in, const std::vector<bool>&, const Arrays&,
                     int64_t) const override {
    return all_rows(whole, in[0].shape(), start, step);
  }
  Arrays eval(const Arrays& in) const override {
    const View to = strided(name(), whole, in[0].shape(), start, step);
    Array y = fill == 0 ? Array::zeros(whole, in[0].dtype(), in[0].device())
                        : Array::full(whole, fill, in[0].dtype(), in[0].device());
    copy(in[0], dense(in[0].shape()), y, to, in[0].shape());
    return {y};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout, const Needs&) const override {
    return {ops::slice(dout[0], start, step, in[0].shape())};
  }
  Tensors jvp(const Tensors&, const Tensors&, const Tensors& tx) const override {
    return {ops::unslice(tx[0], start, step, whole)};
  }
};

struct Concat final : Movement {
  int axis;
  explicit Concat(int a) : axis(a) {}
  const char* name() const override { return "concat"; }
  bool per_sample() const override { return axis != 0; }
  Arrays eval(const Arrays& in) const override {
    check_same_dtype(name(), in);
    Shape shape = in[0].shape();
    shape[axis] = 0;
    for (const Array& x : in) {
      Shape rest = x.shape();
      if (rest.rank() == shape.rank()) {
        shape[axis] += rest[axis];
        rest[axis] = shape[axis];
      }
      if (!(rest == shape))
        throw_shape(name(), in[0].shape().str() + " and " + x.shape().str() +
                                " differ beside axis " + std::to_string(axis));
    }
    Array y = Array::empty(shape, in[0].dtype(), in[0].device());
    View to = dense(shape);
    for (const Array& x : in) {
      copy(x, dense(x.shape()), y, to, x.shape());
      to.offset += x.dim(axis) * to.stride[static_cast<size_t>(axis)];
    }
    return {y};
  }
  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    Tensors t = tx;
    for (size_t i = 0; i < t.size(); ++i)
      if (!t[i].defined())
        t[i] = Tensor(Array::zeros(in[i].shape(), in[i].dtype(), in[i].device()));
    return {ops::concat(t, axis)};
  }
  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    Tensors dx(in.size());
    std::vector<int64_t> start(static_cast<size_t>(in[0].rank()), 0);
    const std::vector<int64_t> step(start.size(), 1);
    for (size_t i = 0; i < in.size(); ++i) {
      if (needs[i]) dx[i] = ops::slice(dout[0], start, step, in[i].shape());
      start[static_cast<size_t>(axis)] += in[i].dim(axis);
    }
    return dx;
  }
};

PYGAN_REGISTER_OP(reshape, true, false)
PYGAN_REGISTER_OP(to, true, false)
PYGAN_REGISTER_OP(broadcast_to, true, false)
PYGAN_REGISTER_OP(transpose, true, false)
PYGAN_REGISTER_OP(slice, true, false)
PYGAN_REGISTER_OP(unslice, true, false)
PYGAN_REGISTER_OP(concat, true, false)

}  // namespace

namespace ops {

Tensor reshape(const Tensor& x, const Shape& shape) { return apply_op<Reshape>({x}, shape)[0]; }

Tensor to(const Tensor& x, Device device) { return apply_op<To>({x}, device)[0]; }

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : apply_op<BroadcastTo>({x}, shape)[0];
}

Tensor transpose(const Tensor& x, const Axes& axes) {
  Axes order;
  for (int axis : axes) order.push_back(normalize_axis("transpose", axis, x.rank()));
  if (axes.empty())
    for (int i = x.rank(); i-- > 0;) order.push_back(i);
  Axes sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < static_cast<int>(sorted.size()); ++i)
    if (sorted[static_cast<size_t>(i)] != i || static_cast<int>(sorted.size()) != x.rank())
      throw_shape("transpose", "axes must name each of the " + std::to_string(x.rank()) +
                                   " axes of " + x.shape().str() + " once");
  return apply_op<Transpose>({x}, order)[0];
}

Tensor slice(const Tensor& x, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
             const Shape& out) {
  return apply_op<Slice>({x}, start, step, out)[0];
}

Tensor unslice(const Tensor& y, const std::vector<int64_t>& start, const std::vector<int64_t>& step,
               const Shape& shape, double fill) {
  return apply_op<Unslice>({y}, start, step, shape, fill)[0];
}

Tensor concat(const Tensors& xs, int axis) {
  if (xs.empty()) throw_shape("concat", "needs at least one tensor");
  return apply_op<Concat>(xs, normalize_axis("concat", axis, xs[0].rank()))[0];
}

}  // namespace ops
}  // namespace pygan
