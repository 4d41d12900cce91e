// Which instruction-set path of the CPU kernels runs. Chosen once, at first use.
#pragma once

namespace pygan {

enum class CpuIsa { portable, avx2, avx512 };

// The best path this CPU supports, or the one named by PYGAN_CPU=portable|avx2|avx512.
// Throws ConfigError where PYGAN_CPU names an unknown path or one this CPU lacks.
CpuIsa cpu_isa();

const char* name(CpuIsa isa);

}  // namespace pygan
