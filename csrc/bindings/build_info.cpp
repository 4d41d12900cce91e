#include "bindings/build_info.h"

namespace pygan {

BuildInfo build_info() {
  return {PYGAN_VERSION, PYGAN_COMPILER, PYGAN_CUDA_WHY, PYGAN_SOURCE_DIGEST};
}

}  // namespace pygan
