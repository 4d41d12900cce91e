#include "ops/functions/functions.h"

#include "device/device.h"
#include "ops/elementwise/map_device.h"
#include "ops/functions/functors.h"

namespace pygan::PYGAN_BACKEND {
namespace {

template <class T>
void run(const FunctionArgs& args) {
  with_function(args.op, static_cast<T>(args.a),
                [&](auto f) { launch_map<decltype(f), T>(args.x, args.y, args.n, args.a); });
}

const RegisterDeviceKernel<FunctionKernel> functions_device{
    [](const FunctionArgs& args) { PYGAN_BY_FLOAT(args.f64, run, args); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
