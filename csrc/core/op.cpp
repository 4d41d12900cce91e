#include "core/op.h"

#include <array>
#include <mutex>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {

Tensors Op::vjp(const Tensors&, const Tensors&, const Tensors&, const Needs&) const {
  throw Error(std::string(name()) + " has no derivative: it is declared non-differentiable");
}

// y = f(x), g(v) = vjp of f at cotangent v is linear in v, so d<g(v), tx>/dv = J tx, whatever v is.
Tensors Op::jvp(const Tensors& inputs, const Tensors& outputs, const Tensors& tx) const {
  RecordGuard record(true);
  Tensors v, x;
  for (const Tensor& in : inputs) {
    // An input whose value was not kept is one that no derivative depends on: zeros do.
    Tensor t = in.defined() && !in.array().has_data()
                   ? Tensor(Array::zeros(in.shape(), in.dtype(), in.device()))
                   : in.detach();
    if (t.defined() && is_float(t.dtype())) t.set_requires_grad(true);
    x.push_back(t);
  }
  const Tensors y = pygan::apply(shared_from_this(), x);
  Tensors targets, weights, sources;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor zero;
    if ((differentiable_outputs() >> i & 1) && is_float(y[i].dtype())) {
      zero = Tensor(Array::zeros(y[i].shape(), y[i].dtype(), y[i].device()));
      zero.set_requires_grad(true);
      sources.push_back(zero);
      targets.push_back(y[i]);
    }
    v.push_back(zero);
  }
  Tensors wanted, tangents;
  for (size_t i = 0; i < x.size(); ++i)
    if (tx[i].defined()) {
      wanted.push_back(x[i]);
      tangents.push_back(tx[i]);
    }
  const Tensors g = pygan::grad(targets, wanted, sources, true, true, Unused::none);
  Tensors gs, ts;
  for (size_t i = 0; i < g.size(); ++i)
    if (g[i].defined() && g[i].requires_grad()) {
      gs.push_back(g[i]);
      ts.push_back(tangents[i]);
    }
  Tensors out(outputs.size());
  if (gs.empty()) return out;
  const Tensors jt = pygan::grad(gs, sources, ts, true, true, Unused::none);
  for (size_t i = 0, k = 0; i < out.size(); ++i)
    if (v[i].defined()) out[i] = jt[k++];
  return out;
}

double Op::flops(const Arrays&, const Arrays& out) const {
  double n = 0;
  for (const Array& o : out)
    if (o.defined()) n += static_cast<double>(o.size());
  return n;
}

Tensors FusedOp::vjp(const Tensors& inputs, const Tensors&, const Tensors& dout,
                     const Needs& needs) const {
  const bool create_graph = recording();
  RecordGuard record(true);
  // Aliases cut the reference's graph off from the inputs' own history, so that one input computed
  // from another does not receive gradients that belong to the other.
  Tensors alias, wanted;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor t = inputs[i];
    if (needs[i]) {
      t = create_graph && t.requires_grad() ? ops::reshape(t, t.shape()) : t.detach();
      if (!t.requires_grad()) t.set_requires_grad(true);
      wanted.push_back(t);
    }
    alias.push_back(t);
  }
  const Tensors y = reference(alias);
  Tensors ys, dys;
  for (size_t i = 0; i < y.size(); ++i)
    if (dout[i].defined() && y[i].requires_grad()) {
      ys.push_back(y[i]);
      dys.push_back(dout[i]);
    }
  const Tensors g = pygan::grad(ys, wanted, dys, create_graph, create_graph, Unused::none);
  Tensors dx(inputs.size());
  for (size_t i = 0, k = 0; i < inputs.size(); ++i)
    if (needs[i]) dx[i] = g[k++];
  return dx;
}

namespace {

std::map<std::string, OpInfo>& ops_table() {
  static auto* table = new std::map<std::string, OpInfo>;
  return *table;
}

struct KernelTable {
  std::mutex mutex;
  std::map<std::string, std::array<void (*)(), kDevices>> functions;
};

KernelTable& kernels() {
  static auto* table = new KernelTable;
  return *table;
}

}  // namespace

const std::map<std::string, OpInfo>& registered_ops() { return ops_table(); }

RegisterOp::RegisterOp(const char* op, bool differentiable, bool fused) {
  OpInfo& info = ops_table()[op];
  info.name = op;
  info.differentiable = differentiable;
  info.fused = fused;
}

void register_kernel(const char* op, Device device, void (*fn)()) {
  std::lock_guard lock(kernels().mutex);
  kernels().functions[op][static_cast<size_t>(device)] = fn;
}

void (*find_kernel(const char* op, Device device))() {
  const auto it = kernels().functions.find(op);
  void (*fn)() =
      it == kernels().functions.end() ? nullptr : it->second[static_cast<size_t>(device)];
  if (!fn)
    throw DeviceError(std::string(op) + ": no kernel for device '" + name(device) +
                      "' in this build: see `pygan doctor`");
  return fn;
}

void check_same_device(const char* op, const Arrays& in) {
  const Array* first = nullptr;
  for (const Array& a : in) {
    if (!a.defined()) continue;
    if (!first) first = &a;
    if (a.device() != first->device())
      throw DeviceError(std::string(op) + ": inputs on two devices, " + first->str() + " and " +
                        a.str() + ": move one with .to(...)");
  }
}

void check_same_dtype(const char* op, const Arrays& in) {
  const Array* first = nullptr;
  for (const Array& a : in) {
    if (!a.defined()) continue;
    if (!first) first = &a;
    if (a.dtype() != first->dtype())
      throw_dtype(op,
                  "mixed dtypes " + first->str() + " and " + a.str() + ": convert one with astype");
  }
}

void check_float(const char* op, const Array& x) {
  if (!is_float(x.dtype()))
    throw_dtype(op, "needs float32 or float64, got " + x.str() + ": convert with astype");
}

void throw_shape(const char* op, const std::string& what) {
  throw ShapeError(std::string(op) + ": " + what);
}
void throw_dtype(const char* op, const std::string& what) {
  throw DTypeError(std::string(op) + ": " + what);
}

}  // namespace pygan
