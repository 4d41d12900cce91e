// evaluate: the one place where an op's kernels run: device checks, finite checks and tracing live
// here.
#include <chrono>
#include <cmath>

#include "core/autograd.h"
#include "core/error.h"

namespace pygan {

bool checking_finite();
const char* running_vjp();
const TraceSink& current_trace_sink();

namespace {

template <class T>
int64_t first_non_finite(const Array& a) {
  const T* p = a.ptr<T>();
  for (int64_t i = 0; i < a.size(); ++i)
    if (!std::isfinite(p[i])) return i;
  return -1;
}

void check_finite(const Op& op, const Arrays& arrays, const char* role) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Array& a = arrays[i];
    if (!a.has_data() || !is_float(a.dtype())) continue;
    const int64_t at =
        a.dtype() == DType::f32 ? first_non_finite<float>(a) : first_non_finite<double>(a);
    if (at < 0) continue;
    const double value =
        a.dtype() == DType::f32 ? static_cast<double>(a.ptr<float>()[at]) : a.ptr<double>()[at];
    std::string vjp = running_vjp();
    throw NonFiniteError(
        std::string(op.name()) + (vjp.empty() ? "" : " (in the derivative of " + vjp + ")") + " " +
        role + " " + std::to_string(i) + ", " + a.str() + ", is " +
        (std::isnan(value) ? "NaN" : "infinite") + " at flat index " + std::to_string(at));
  }
}

// A failed allocation names the op that asked for it.
Arrays run(const Op& op, const Arrays& in) {
  try {
    return op.eval(in);
  } catch (const OutOfMemoryError& e) {
    throw OutOfMemoryError(std::string(op.name()) + ": " + e.what());
  }
}

}  // namespace

Arrays evaluate(const Op& op, const Arrays& in) {
  check_same_device(op.name(), in);
  if (checking_finite()) check_finite(op, in, "was given a non-finite value: its input");
  const TraceSink& sink = current_trace_sink();
  if (!sink) {
    Arrays out = run(op, in);
    if (checking_finite()) check_finite(op, out, "made a non-finite value: its output");
    return out;
  }
  const auto start = std::chrono::steady_clock::now();
  Arrays out = run(op, in);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  if (checking_finite()) check_finite(op, out, "made a non-finite value: its output");
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
