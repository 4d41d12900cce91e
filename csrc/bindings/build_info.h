// What CMake knows about this build, for `pygan doctor`.
#pragma once

namespace pygan {

struct BuildInfo {
  const char* version;        // of the package, from pyproject.toml
  const char* compiler;       // "GNU 12.2.0"
  const char* cuda_why;       // why there are no CUDA kernels; "" where there are
  const char* source_digest;  // SHA-256 over csrc/, to recognise a build older than its sources
};
BuildInfo build_info();

}  // namespace pygan
