// Op: one differentiable operation. FusedOp: a fast op beside the same function in plain ops.
// Registry: name -> what exists.
//
//     y  = op.eval(x)                  raw Arrays in and out; picks the kernel by (op, device)
//     dx = op.vjp(x, y, dy, needs)     Tensors, written only with functions of ops/ops.h
//     ty = op.jvp(x, y, tx)            likewise; optional
//
// vjp and jvp are made of ops, hence differentiable again. An Op holds immutable hyper-parameters
// only (stride, axis, ...): whatever varies from step to step is an input array, so that a recorded
// step can be replayed.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/tensor.h"

namespace pygan {

using Needs = std::vector<bool>;  // per input: does anybody ask for its gradient?

// Which inputs and outputs vjp and jvp read the values of. Of all others they see shape and dtype
// only.
struct Saves {
  uint32_t inputs = 0;   // bit i: input i
  uint32_t outputs = 0;  // bit i: output i
};
constexpr uint32_t kAll = ~uint32_t{0};
inline bool has_bit(uint32_t mask, size_t i) { return mask == kAll || (i < 32 && (mask >> i & 1)); }

// A member of the few elementwise ops that a product can do at its end (core/fuse.cpp).
struct Pointwise {
  enum class Kind : uint8_t { none, add, leaky_relu, leaky_relu_grad } kind = Kind::none;
  double slope = 0;
};

// What a product does at its end with its result y (..., C): y + bias, then leaky_relu, or
// leaky_relu_grad at mask. Undefined arrays: not that.
struct After {
  Array bias;  // (C)
  Pointwise then;
  Array mask;  // like y, of leaky_relu_grad
};

// What a second derivative finds in an op's Jacobian.
enum class Jacobian : uint8_t {
  constant,     // nothing: it does not depend on the inputs, or in jumps only (leaky-ReLU)
  multilinear,  // the op is linear in each input: a factor replaced by its tangent
  general
};

class Op : public std::enable_shared_from_this<Op> {
 public:
  virtual ~Op() = default;
  virtual const char* name() const = 0;

  // Checks shapes and dtypes (typed errors), allocates the outputs, runs the kernel.
  virtual Arrays eval(const Arrays& in) const = 0;

  // Cotangents of the inputs. `dout[i]` may be undefined (zero), and so may any result.
  // inputs[i]/outputs[i] hold values only where saves() says so; `needs[i]` false: return undefined
  // there and do no work for it.
  virtual Tensors vjp(const Tensors& inputs, const Tensors& outputs, const Tensors& dout,
                      const Needs& needs) const;

  // Tangents of the outputs; tx[i] may be undefined (zero). Default: the double-vjp identity.
  virtual Tensors jvp(const Tensors& inputs, const Tensors& outputs, const Tensors& tx) const;

  // The same and then `after`, in one pass, with the bits of the ops it stands for. CPU only, and
  // only where the op says that it can.
  virtual bool fuses() const { return false; }
  virtual Arrays eval_then(const Arrays& in, const After& after) const;
  virtual Pointwise pointwise() const { return {}; }

  virtual Saves saves() const { return {kAll, kAll}; }
  // Bit i: output i carries gradients. Statistics, indices and masks do not.
  virtual uint32_t differentiable_outputs() const { return kAll; }
  virtual bool differentiable() const { return true; }
  // Row b of every output depends on row b of each batched input alone.
  virtual bool per_sample() const { return false; }
  // The same for one call. Inputs with `batched` hold samples along their first axis, an equal block
  // of rows each; so must every output that depends on them. False where that is not certain.
  virtual bool keeps_samples(const Arrays& in, const std::vector<bool>& batched, const Arrays& out,
                             int64_t samples) const;
  // Does the output depend on any of these inputs?
  virtual bool depends(size_t /*output*/, const std::vector<bool>& /*inputs*/) const {
    return true;
  }
  virtual Jacobian jacobian() const { return Jacobian::general; }
  // Nominal floating-point operations, from shapes.
  virtual double flops(const Arrays& in, const Arrays& out) const;
};

// An op whose kernel does at once what `reference` says in plain ops. The default vjp and jvp
// differentiate the reference, so a fused op, and a fused backward too, can be differentiated to
// any order.
class FusedOp : public Op {
 public:
  virtual Tensors reference(const Tensors& inputs) const = 0;
  Tensors vjp(const Tensors& inputs, const Tensors& outputs, const Tensors& dout,
              const Needs& needs) const override;
  Saves saves() const override { return {kAll, 0}; }
};

// What exists: the tests must cover every entry.
struct OpInfo {
  std::string name;
  bool differentiable = true;
  bool fused = false;
};
const std::map<std::string, OpInfo>& registered_ops();
struct RegisterOp {
  RegisterOp(const char* op, bool differentiable, bool fused);
};
#define PYGAN_REGISTER_OP(op, ...) static const ::pygan::RegisterOp register_##op{#op, __VA_ARGS__};

// The kernel table: (op, device) -> function. A kernel's type is a tag `struct K { static constexpr
// const char* name; using Fn = void (*)(...); }` declared in the op's contract header; devices
// register their function, eval asks for it.
// A device has one table, emu two: its kernels are built once more with a callback at every access.
enum class KernelSlot : uint8_t { cpu, emu, cuda, emu_checked };
constexpr int kKernelSlots = 4;
void use_checked_kernels(bool);  // on device emu: emu/check.h
void register_kernel(const char* op, KernelSlot, void (*fn)());
KernelSlot kernel_slot(Device);                 // where its kernels are now
void (*find_kernel(const char* op, Device))();  // DeviceError that names what is missing
std::map<std::string, std::vector<Device>> registered_kernels();
template <class K>
typename K::Fn kernel(Device device) {
  static std::atomic<typename K::Fn> found[kKernelSlots];  // by now: the table is a map of names
  std::atomic<typename K::Fn>& fn = found[static_cast<size_t>(kernel_slot(device))];
  if (!fn.load(std::memory_order_relaxed))
    fn.store(reinterpret_cast<typename K::Fn>(find_kernel(K::name, device)),
             std::memory_order_relaxed);
  return fn.load(std::memory_order_relaxed);
}
template <class K>
struct RegisterKernel {
  RegisterKernel(Device device, typename K::Fn fn) {
    register_kernel(K::name, static_cast<KernelSlot>(device), reinterpret_cast<void (*)()>(fn));
  }
};

// Checks every eval shares. Each throws with the op's name and the shapes.
void check_same_device(const char* op, const Arrays& in);
void check_same_dtype(const char* op, const Arrays& in);
void check_float(const char* op, const Array& x);  // float32 or float64
void check_eps(const char* op, double eps);        // of a norm: finite, not negative
[[noreturn]] void throw_shape(const char* op, const std::string& what);
[[noreturn]] void throw_dtype(const char* op, const std::string& what);

}  // namespace pygan
