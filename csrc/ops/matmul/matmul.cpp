#include "ops/matmul/matmul.h"

#include "core/autograd.h"
#include "core/error.h"
#include "gemm/gemm.h"
#include "gemm/precision.h"
#include "ops/epilogue.h"
#include "ops/ops.h"

namespace pygan {
namespace {

template <class T>
void run(const MatmulArgs& a) {
  const gemm::Matmul g{a.m, a.n, a.k, a.a_row, a.a_col, a.b_row, a.b_col, a.n, false};
  const gemm::Epilogue<T> then = epilogue(a.after, static_cast<const T*>(a.y));
  for (int64_t i = 0; i < a.batch; ++i)
    gemm::matmul<T>(g, static_cast<const T*>(a.a) + a.a_offset[i],
                    static_cast<const T*>(a.b) + a.b_offset[i],
                    static_cast<T*>(a.y) + i * a.m * a.n, then);
}

const RegisterKernel<MatmulKernel> matmul_cpu{
    Device::cpu, [](const MatmulArgs& a) { a.f64 ? run<double>(a) : run<float>(a); }};

// Leading axes of both operands, broadcast; throws where they do not fit.
Shape batch_shape(const Array& a, const Array& b) {
  const int rank = std::max(a.rank(), b.rank()) - 2;
  Shape s;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - (a.rank() - 2)), ib = i - (rank - (b.rank() - 2));
    const int64_t da = ia < 0 ? 1 : a.dim(ia), db = ib < 0 ? 1 : b.dim(ib);
    if (da != db && da != 1 && db != 1)
      throw_shape("matmul", "leading axes of " + a.shape().str() + " and " + b.shape().str() +
                                " do not broadcast");
    s.push_back(da == 1 ? db : da);
  }
  return s;
}

// Element offset of x's matrix for every index of `batch`.
std::vector<int64_t> offsets(const Array& x, const Shape& batch) {
  const int rank = x.rank() - 2;
  std::vector<int64_t> out(static_cast<size_t>(batch.size()), 0);
  int64_t stride = x.dim(rank) * x.dim(rank + 1), inner = 1;
  for (int i = 0; i < rank; ++i) {
    const int64_t extent = x.dim(rank - 1 - i), of = batch[batch.rank() - 1 - i];
    if (extent != 1)
      for (size_t j = 0; j < out.size(); ++j)
        out[j] += static_cast<int64_t>(j) / inner % of * stride;
    stride *= extent;
    inner *= of;
  }
  return out;
}

struct Matmul final : Op {
  bool ta, tb;
  Matmul(bool a, bool b) : ta(a), tb(b) {}
  const char* name() const override { return "matmul"; }
  Saves saves() const override { return {kAll, 0}; }
  Jacobian jacobian() const override { return Jacobian::multilinear; }
  // Rows of a matrix a, or matrices along the first of more axes.
  bool keeps_samples(const Arrays& in, const std::vector<bool>& batched, const Arrays& out,
                     int64_t) const override {
    if (out[0].rank() == 2) return !ta && !batched[1];
    for (size_t i = 0; i < 2; ++i)
      if (batched[i] && (in[i].rank() != out[0].rank() || in[i].dim(0) != out[0].dim(0)))
        return false;
    return true;
  }

  bool fuses() const override { return true; }
  Arrays eval(const Arrays& in) const override { return eval_then(in, {}); }
  Arrays eval_then(const Arrays& in, const After& after) const override {
    const Array &a = in[0], &b = in[1];
    check_same_dtype(name(), in);
    check_float(name(), a);
    if (a.rank() < 2 || b.rank() < 2)
      throw_shape(name(), "needs at least two axes each, got " + a.shape().str() + " and " +
                              b.shape().str());
    MatmulArgs g{};
    const int64_t a0 = a.dim(a.rank() - 2), a1 = a.shape().back(), b0 = b.dim(b.rank() - 2),
                  b1 = b.shape().back();
    g.m = ta ? a1 : a0;
    g.k = ta ? a0 : a1;
    g.n = tb ? b0 : b1;
    if (g.k != (tb ? b1 : b0))
      throw_shape(name(), a.shape().str() + (ta ? "^T" : "") + " @ " + b.shape().str() +
                              (tb ? "^T" : "") + ": the inner extents differ");
    g.a_row = ta ? 1 : a1;
    g.a_col = ta ? a1 : 1;
    g.b_row = tb ? 1 : b1;
    g.b_col = tb ? b1 : 1;
    Shape shape = batch_shape(a, b);
    std::vector<int64_t> ao = offsets(a, shape), bo = offsets(b, shape);
    g.batch = shape.size();
    // One shared right operand: the batch is just more rows.
    if (b.rank() == 2 && !ta && g.batch > 1 && a.rank() - 2 == shape.rank()) {
      g.m *= g.batch;
      g.batch = 1;
    }
    shape.push_back(ta ? a1 : a0);
    shape.push_back(g.n);
    Array y = Array::empty(shape, a.dtype(), a.device());
    g.a_offset = ao.data();
    g.b_offset = bo.data();
    g.a = a.data();
    g.b = b.data();
    g.y = y.mutable_data();
    g.after = &after;
    g.f64 = a.dtype() == DType::f64;
    g.tf32 = gemm::precision() == gemm::Precision::high;
    if (y.size() > 0) kernel<MatmulKernel>(a.device())(g);
    return {y};
  }

  Tensors vjp(const Tensors& in, const Tensors&, const Tensors& dout,
              const Needs& needs) const override {
    const Tensor &a = in[0], &b = in[1], &dy = dout[0];
    Tensor da, db;
    if (needs[0])
      da = ops::sum_to(ta ? ops::matmul(b, dy, tb, true) : ops::matmul(dy, b, false, !tb),
                       a.shape());
    if (needs[1])
      db = ops::sum_to(tb ? ops::matmul(dy, a, true, ta) : ops::matmul(a, dy, !ta, false),
                       b.shape());
    return {da, db};
  }

  Tensors jvp(const Tensors& in, const Tensors&, const Tensors& tx) const override {
    Tensor t;
    if (tx[0].defined()) t = ops::matmul(tx[0], in[1], ta, tb);
    if (tx[1].defined()) {
      const Tensor u = ops::matmul(in[0], tx[1], ta, tb);
      t = t.defined() ? ops::add(t, u) : u;
    }
    return {t};
  }

  double flops(const Arrays& in, const Arrays& out) const override {
    const Array& a = in[0];
    return 2.0 * static_cast<double>(out[0].size()) *
           static_cast<double>(ta ? a.dim(a.rank() - 2) : a.shape().back());
  }
};

PYGAN_REGISTER_OP(matmul, true, false)

}  // namespace

Tensor ops::matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return apply_op<Matmul>({a, b}, transpose_a, transpose_b)[0];
}

}  // namespace pygan
