// What is neither a tensor nor an op: updates in place, memory, threads, registries, build
// information.
#include <algorithm>
#include <vector>

#include "bindings/build_info.h"
#include "bindings/convert.h"
#include "core/cpu_isa.h"
#include "core/device.h"
#include "core/error.h"
#include "core/op.h"
#include "core/parallel.h"
#include "gemm/gemm.h"
#include "gemm/precision.h"
#include "gemm/winograd.h"
#include "optim/optim.h"

namespace pygan::bindings {
namespace {

Arrays arrays(const Tensors& tensors) {
  Arrays a;
  for (const Tensor& t : tensors) a.push_back(t.array());
  return a;
}

void bind_updates(py::module_& m) {
  m.def(
      "numbers",
      [](const std::vector<double>& values) {
        Array a = Array::empty({static_cast<int64_t>(values.size())}, DType::f64);
        std::copy(values.begin(), values.end(), a.mutable_ptr<double>());
        return Tensor(a);
      },
      py::arg("values"), "Float64 (n,): the settings that an update in place reads.");
  m.def(
      "power",
      [](double base, int64_t exponent) {
        double result = 1;
        for (; exponent > 0; exponent >>= 1, base *= base)
          if (exponent & 1) result *= base;
        return result;
      },
      py::arg("base"), py::arg("exponent"),
      "base^exponent by squaring: the same bits on every machine, which libm's pow is not.");
  m.def(
      "random_key",
      [](int64_t seed, int64_t stream, int64_t draw, const std::string& device) {
        Array a = Array::empty({3}, DType::i64);
        int64_t* const key = a.mutable_ptr<int64_t>();
        key[0] = seed, key[1] = stream, key[2] = draw;
        const Device where = parse_device(device);
        return Tensor(where == Device::cpu ? a : to_device(a, where));
      },
      py::arg("seed"), py::arg("stream"), py::arg("draw"), py::arg("device") = "cpu",
      "Int64 (3,): what a random op draws from.");
  m.def(
      "adam_",
      [](const Tensors& p, const Tensors& g, const Tensors& mo, const Tensors& v,
         const Tensor& hyper) {
        released([&] { optim::adam(arrays(p), arrays(g), arrays(mo), arrays(v), hyper.array()); });
      },
      py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"), py::arg("hyper"),
      "hyper float64 (8,): lr, beta1, beta2, eps, weight_decay, 1 - beta1^t, 1 - beta2^t, unused.");
  m.def(
      "sgd_",
      [](const Tensors& p, const Tensors& g, const Tensors& momenta, const Tensor& hyper) {
        released([&] { optim::sgd(arrays(p), arrays(g), arrays(momenta), hyper.array()); });
      },
      py::arg("params"), py::arg("grads"), py::arg("momenta"), py::arg("hyper"),
      "hyper float64 (4,): lr, momentum, weight_decay, nesterov.");
  m.def(
      "rmsprop_",
      [](const Tensors& p, const Tensors& g, const Tensors& v, const Tensors& momenta,
         const Tensors& averages, const Tensor& hyper) {
        released([&] {
          optim::rmsprop(arrays(p), arrays(g), arrays(v), arrays(momenta), arrays(averages),
                         hyper.array());
        });
      },
      py::arg("params"), py::arg("grads"), py::arg("v"), py::arg("momenta"), py::arg("averages"),
      py::arg("hyper"),
      "hyper float64 (5,): lr, alpha, eps, weight_decay, momentum. An empty list of momenta: no "
      "momentum; of averages: not centred.");
  m.def(
      "increment_",
      [](const Tensor& t, int64_t by) { released([&] { optim::increment(t.array(), by); }); },
      py::arg("counter"), py::arg("by") = 1,
      "Adds to the last element of an int64 tensor, in place.");
  m.def(
      "clip_",
      [](const Tensors& p, const Tensor& hyper) {
        released([&] { optim::clip(arrays(p), hyper.array()); });
      },
      py::arg("params"), py::arg("hyper"), "hyper float64 (2,): low, high.");
  m.def(
      "ema_",
      [](const Tensors& averages, const Tensors& p, const Tensor& hyper) {
        released([&] { optim::ema(arrays(averages), arrays(p), hyper.array()); });
      },
      py::arg("averages"), py::arg("params"), py::arg("hyper"), "hyper float64 (1,): decay.");
  m.def(
      "all_finite",
      [](const Tensors& t) { return released([&] { return optim::all_finite(arrays(t)); }); },
      py::arg("tensors"), "No NaN, no infinity and nothing whose square overflows in any of them.");
}

void bind_memory(py::module_& m) {
  m.def(
      "memory_stats",
      [](const std::string& device) {
        const MemoryStats s = device_api(parse_device(device)).memory_stats();
        py::dict d;
        d["live_bytes"] = s.live_bytes;
        d["live_blocks"] = s.live_blocks;
        d["cached_bytes"] = s.cached_bytes;
        d["peak_bytes"] = s.peak_bytes;
        return d;
      },
      py::arg("device") = "cpu");
  m.def(
      "reset_peak_memory",
      [](const std::string& device) { device_api(parse_device(device)).reset_peak(); },
      py::arg("device") = "cpu");
  m.def(
      "trim_memory", [](const std::string& device) { device_api(parse_device(device)).trim(); },
      py::arg("device") = "cpu", "Gives cached blocks back to the system.");
  m.def(
      "set_memory_limit",
      [](int64_t bytes, const std::string& device) {
        device_api(parse_device(device)).set_limit(bytes);
      },
      py::arg("bytes"), py::arg("device") = "cpu", "Allocations beyond it fail; 0: no limit.");
  m.def(
      "device_why_not", [](const std::string& d) { return device_why_not(parse_device(d)); },
      py::arg("device"), "Why this machine or build cannot use a device; \"\" where it can.");
  m.def(
      "device_facts",
      [](const std::string& device) {
        const DeviceApi& api = device_api(parse_device(device));
        py::dict d;
        if (!api.facts) return d;
        const DeviceFacts f = api.facts();
        d["name"] = f.name;
        d["architecture"] = f.architecture;
        d["multiprocessors"] = f.multiprocessors;
        d["total_bytes"] = f.total_bytes;
        d["free_bytes"] = f.free_bytes;
        d["driver_version"] = f.driver_version;
        d["runtime_version"] = f.runtime_version;
        d["stream"] = api.stream();
        return d;
      },
      py::arg("device"), "Of a GPU; {} of a device that is none.");
  m.def(
      "empty",
      [](const py::object& shape, const py::object& dtype, const std::string& device) {
        const DType type = to_dtype(dtype);
        const Device where = parse_device(device);
        check_dtype_on("empty", type, where);
        return Tensor(Array::empty(to_shape(shape), type, where));
      },
      py::arg("shape"), py::arg("dtype") = "float32", py::arg("device") = "cpu",
      "A tensor whose values nobody wrote.");
  m.def(
      "data_pointer", [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t.array().data()); },
      py::arg("tensor"), "Address of the first element, in its device's memory.");
  m.def(
      "synchronize",
      [](const std::string& device) { released([&] { synchronize(parse_device(device)); }); },
      py::arg("device"), "Waits for all work of a device, and raises what went wrong in it.");
}

}  // namespace

void bind_runtime(py::module_& m) {
  bind_updates(m);
  bind_memory(m);
  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("n"));
  m.def("get_conv_algorithm", [] {
    const gemm::ConvAlgorithm a = gemm::conv_algorithm();
    return a == gemm::ConvAlgorithm::direct     ? "direct"
           : a == gemm::ConvAlgorithm::winograd ? "winograd"
                                                : "auto";
  });
  m.def(
      "set_conv_algorithm",
      [](const std::string& algorithm) {
        if (algorithm != "auto" && algorithm != "direct" && algorithm != "winograd")
          throw ConfigError("set_conv_algorithm: '" + algorithm +
                            "' is not 'auto', 'direct' or 'winograd'");
        gemm::set_conv_algorithm(algorithm == "direct"     ? gemm::ConvAlgorithm::direct
                                 : algorithm == "winograd" ? gemm::ConvAlgorithm::winograd
                                                           : gemm::ConvAlgorithm::automatic);
      },
      py::arg("algorithm"),
      "How conv2d, conv_transpose2d and conv2d_weight_grad multiply float32 on the CPU.\n\n"
      "'auto', the default: Winograd's algorithm for 4x4 kernels with stride 2 where it is faster\n"
      "(docs/performance.md has the rule), direct products elsewhere. 'direct': never. "
      "'winograd':\n"
      "wherever it can be: 4x4, stride 2, padding 0 or 1, no dilation or groups, channels in\n"
      "multiples of 16, every input read by some output. Its rounding errors are up to some times\n"
      "the direct ones. ConfigError for anything else.");
  m.def("set_winograd_tile", &gemm::set_winograd_tile, py::arg("m"), "For tests: 2, 4 or 0.");
  m.def("get_float32_matmul_precision",
        [] { return gemm::precision() == gemm::Precision::high ? "high" : "highest"; });
  m.def(
      "set_float32_matmul_precision",
      [](const std::string& precision) {
        if (precision != "highest" && precision != "high")
          throw ConfigError("set_float32_matmul_precision: '" + precision +
                            "' is not 'highest' (float32) or 'high' (TF32)");
        gemm::set_precision(precision == "high" ? gemm::Precision::high : gemm::Precision::highest);
      },
      py::arg("precision"),
      "How matmul and the convolutions multiply float32 on cuda and emu, in this process.\n\n"
      "'highest', the default: float32. 'high': inputs rounded to TF32 (10 bits of mantissa), "
      "sums\n"
      "in float32, on tensor cores; a GPU before architecture 8.0 stays with float32, as the CPU\n"
      "does. ConfigError for anything else.");
  m.def(
      "cpu_isa", [] { return std::string(name(cpu_isa())); },
      "The instruction-set path that runs: portable, avx2 or avx512.");
  m.def(
      "round_trip",
      [](int trips) {
        py::gil_scoped_release release;
        return gemm::round_trip(trips);
      },
      py::arg("trips") = 500, "Nanoseconds for a cache line to go to another thread and back.");
  m.def(
      "micro_kernel_peak",
      [](const std::string& dtype, int threads, double seconds) {
        return released([&] {
          return parse_dtype(dtype) == DType::f64
                     ? gemm::micro_kernel_peak<double>(threads, seconds)
                     : gemm::micro_kernel_peak<float>(threads, seconds);
        });
      },
      py::arg("dtype"), py::arg("threads"), py::arg("seconds") = 0.2,
      "GFLOP/s of the bare matrix micro-kernel on operands that stay in the first-level cache.");
  m.def(
      "registered_ops",
      [] {
        py::dict d;
        for (const auto& [name, info] : registered_ops()) {
          py::dict e;
          e["differentiable"] = info.differentiable;
          e["fused"] = info.fused;
          d[py::str(name)] = e;
        }
        return d;
      },
      "{name: {differentiable, fused}} of every op that apply can record.");
  m.def(
      "registered_kernels",
      [] {
        py::dict d;
        for (const auto& [tag, devices] : registered_kernels()) {
          py::list names;
          for (const Device device : devices) names.append(name(device));
          d[py::str(tag)] = names;
        }
        return d;
      },
      "{kernel: [devices that have it]}; a kernel serves one op or a family.");
  m.def("build_info", [] {
    const BuildInfo b = build_info();
    py::dict d;
    d["version"] = b.version;
    d["compiler"] = b.compiler;
    d["cuda_why"] = b.cuda_why;
    d["source_digest"] = b.source_digest;
    return d;
  });
}

}  // namespace pygan::bindings
