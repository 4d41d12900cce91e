#include "core/op.h"

#include <array>
#include <atomic>
#include <cmath>
#include <mutex>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/ops.h"

namespace pygan {

Tensors Op::vjp(const Tensors&, const Tensors&, const Tensors&, const Needs&) const {
  throw Error(std::string(name()) + " has no derivative: it is declared non-differentiable");
}

// y = f(x), g(v) = vjp of f at cotangent v is linear in v, so d<g(v), tx>/dv = J tx, whatever v is.
// The inputs come with their history, so the tangent can be differentiated with respect to them.
Tensors Op::jvp(const Tensors& inputs, const Tensors& outputs, const Tensors& tx) const {
  RecordGuard record(true);
  Tensors v(outputs.size()), sources;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    if (!has_bit(differentiable_outputs(), i) || !is_float(y.dtype())) continue;
    v[i] = Tensor(Array::zeros(y.shape(), y.dtype(), y.device()));
    v[i].set_requires_grad(true);
    sources.push_back(v[i]);
  }
  Needs needs(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) needs[i] = tx[i].defined();
  const Tensors g = vjp(inputs, outputs, v, needs);
  Tensors gs, ts;
  for (size_t i = 0; i < g.size(); ++i)
    if (needs[i] && g[i].defined() && g[i].requires_grad()) {
      gs.push_back(g[i]);
      ts.push_back(tx[i]);
    }
  Tensors out(outputs.size());
  if (gs.empty()) return out;
  const Tensors jt = pygan::grad(gs, sources, ts, true, true, Unused::none);
  for (size_t i = 0, k = 0; i < out.size(); ++i)
    if (v[i].defined()) out[i] = jt[k++];
  return out;
}

// Broadcasting pairs an axis with one that is not the same for another number of axes: where several
// inputs meet, all that hold samples need the output's.
bool Op::keeps_samples(const Arrays& in, const std::vector<bool>& batched, const Arrays& out,
                       int64_t) const {
  if (!per_sample()) return false;
  int64_t rows = -1;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!batched[i]) continue;
    if (in[i].rank() < 1 || (rows >= 0 && in[i].dim(0) != rows)) return false;
    if (in.size() > 1 && in[i].rank() != out[0].rank()) return false;
    rows = in[i].dim(0);
  }
  for (size_t j = 0; j < out.size(); ++j)
    if (depends(j, batched) && (out[j].rank() < 1 || out[j].dim(0) != rows)) return false;
  return true;
}

Arrays Op::eval_then(const Arrays&, const After&) const {
  throw Error(std::string(name()) + " does nothing after it");
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
  std::map<std::string, std::array<void (*)(), kKernelSlots>> functions;
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

namespace {
std::atomic<bool> checked_kernels{false};
}
void use_checked_kernels(bool on) { checked_kernels = on; }

void register_kernel(const char* op, KernelSlot slot, void (*fn)()) {
  std::lock_guard lock(kernels().mutex);
  kernels().functions[op][static_cast<size_t>(slot)] = fn;
}

KernelSlot kernel_slot(Device device) {
  return device == Device::emu && checked_kernels ? KernelSlot::emu_checked
                                                  : static_cast<KernelSlot>(device);
}

void (*find_kernel(const char* op, Device device))() {
  const KernelSlot slot = kernel_slot(device);
  const auto it = kernels().functions.find(op);
  void (*fn)() = it == kernels().functions.end() ? nullptr : it->second[static_cast<size_t>(slot)];
  if (!fn)
    throw DeviceError(std::string(op) + ": no kernel for device '" + name(device) +
                      "' in this build: see `pygan doctor`");
  return fn;
}

std::map<std::string, std::vector<Device>> registered_kernels() {
  std::map<std::string, std::vector<Device>> found;
  std::lock_guard lock(kernels().mutex);
  for (const auto& [tag, functions] : kernels().functions)
    for (const Device d : {Device::cpu, Device::emu, Device::cuda})
      if (functions[static_cast<size_t>(d)]) found[tag].push_back(d);
  return found;
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

void check_eps(const char* op, double eps) {
  if (!(std::isfinite(eps) && eps >= 0))
    throw ConfigError(std::string(op) + ": eps must be finite and >= 0, got " + number(eps));
}

void throw_shape(const char* op, const std::string& what) {
  throw ShapeError(std::string(op) + ": " + what);
}
void throw_dtype(const char* op, const std::string& what) {
  throw DTypeError(std::string(op) + ": " + what);
}

}  // namespace pygan
