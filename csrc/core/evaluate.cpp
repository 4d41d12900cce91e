// evaluate: the one place where an op's kernels run: device checks, finite checks and tracing live
// here.
#include <chrono>
#include <cmath>
#include <utility>

#include "core/autograd.h"
#include "core/device.h"
#include "core/error.h"
#include "core/recording.h"

namespace pygan {

bool checking_finite();
const char* running_vjp();
const TraceSink& current_trace_sink();

namespace {

thread_local const char* op_name = "";

class RunningOp {  // ops may run within ops: a user's kernel may call the engine
 public:
  explicit RunningOp(const char* name) : before_(std::exchange(op_name, name)) {}
  ~RunningOp() { op_name = before_; }
  RunningOp(const RunningOp&) = delete;

 private:
  const char* before_;
};

template <class T>
int64_t first_non_finite(const Array& a) {
  const T* p = a.ptr<T>();
  for (int64_t i = 0; i < a.size(); ++i)
    if (!std::isfinite(p[i])) return i;
  return -1;
}

void check_finite(const Op& op, const Arrays& arrays, const char* role) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (!arrays[i].has_data() || !is_float(arrays[i].dtype())) continue;
    const Array a = to_host(arrays[i]);
    const int64_t at =
        a.dtype() == DType::f32 ? first_non_finite<float>(a) : first_non_finite<double>(a);
    if (at < 0) continue;
    const double value =
        a.dtype() == DType::f32 ? static_cast<double>(a.ptr<float>()[at]) : a.ptr<double>()[at];
    std::string vjp = running_vjp();
    throw NonFiniteError(
        std::string(op.name()) + (vjp.empty() ? "" : " (in the derivative of " + vjp + ")") + " " +
        role + " " + std::to_string(i) + ", " + arrays[i].str() + ", is " +
        (std::isnan(value) ? "NaN" : "infinite") + " at flat index " + std::to_string(at));
  }
}

// Where the op ran: of a move, the device that is not the CPU.
Device device_of(const Arrays& in, const Arrays& out) {
  for (const Arrays* list : {&in, &out})
    for (const Array& a : *list)
      if (a.defined() && a.device() != Device::cpu) return a.device();
  return Device::cpu;
}

std::string inputs(const Arrays& in) {
  std::string text;
  for (const Array& a : in) text += (text.empty() ? "" : ", ") + a.str();
  return text;
}

void record(const Op& op, const Arrays& in, const Arrays& out) {
  if (StepRecording* r = active_recording()) r->call(op.shared_from_this(), in, out);
}

}  // namespace

const char* running_op() { return op_name; }

Arrays run_as(const char* name, const Arrays& in, const std::function<Arrays()>& f) {
  RunningOp running(name);
  try {
    Arrays out = f();
    const Device device = device_of(in, out);
    if (device != Device::cpu) device_api(device).finish(in, out);
    return out;
  } catch (const OutOfMemoryError& e) {
    throw OutOfMemoryError(std::string(name) + ": " + e.what());
  } catch (const EmulatorError& e) {
    throw EmulatorError(std::string(name) + " of " + inputs(in) + ": " + e.what());
  } catch (const DeviceFault& e) {
    throw DeviceError(std::string(name) + " of " + inputs(in) + ": " + e.what());
  }
}

Arrays evaluate(const Op& op, const Arrays& in) {
  check_same_device(op.name(), in);
  if (checking_finite()) check_finite(op, in, "was given a non-finite value: its input");
  const auto eval = [&] { return op.eval(in); };
  const TraceSink& sink = current_trace_sink();
  if (!sink) {
    Arrays out = run_as(op.name(), in, eval);
    if (checking_finite()) check_finite(op, out, "made a non-finite value: its output");
    record(op, in, out);
    return out;
  }
  const auto start = std::chrono::steady_clock::now();
  Arrays out = run_as(op.name(), in, eval);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  if (checking_finite()) check_finite(op, out, "made a non-finite value: its output");
  record(op, in, out);
  TraceEvent e;
  e.op = op.name();
  e.parent = running_vjp();
  e.flops = op.flops(in, out);
  e.seconds = time.count();
  for (const Array& a : in) {
    e.inputs.push_back(a.str());
    if (a.defined()) e.bytes += static_cast<double>(a.bytes());
  }
  for (const Array& a : out) {
    e.outputs.push_back(a.str());
    if (a.defined()) e.bytes += static_cast<double>(a.bytes());
  }
  const TraceSink call = sink;  // the sink may remove itself
  call(e);
  return out;
}

}  // namespace pygan
