#include "core/cpu_isa.h"

#include <cstdlib>
#include <string>

#include "core/error.h"

namespace pygan {
namespace {

bool supported([[maybe_unused]] CpuIsa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case CpuIsa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("fma");
    case CpuIsa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case CpuIsa::portable:
      return true;
  }
#endif
  return isa == CpuIsa::portable;
}

CpuIsa choose() {
  constexpr CpuIsa kBestFirst[] = {CpuIsa::avx512, CpuIsa::avx2, CpuIsa::portable};
  const char* wanted = std::getenv("PYGAN_CPU");
  if (wanted == nullptr || *wanted == '\0') {
    for (CpuIsa isa : kBestFirst) {
      if (supported(isa)) return isa;
    }
  }
  for (CpuIsa isa : kBestFirst) {
    if (wanted == std::string(name(isa))) {
      if (supported(isa)) return isa;
      throw ConfigError("PYGAN_CPU=" + std::string(wanted) +
                        ": this CPU does not support that instruction set");
    }
  }
  throw ConfigError("PYGAN_CPU=" + std::string(wanted) + ": unknown; use portable, avx2 or avx512");
}

}  // namespace

CpuIsa cpu_isa() {
  static const CpuIsa chosen = choose();  // a throw leaves it unset: the next call tries again
  return chosen;
}

const char* name(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::avx512:
      return "avx512";
    case CpuIsa::avx2:
      return "avx2";
    case CpuIsa::portable:
      break;
  }
  return "portable";
}

}  // namespace pygan
