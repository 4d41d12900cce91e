#include "ops/batch_norm/batch_norm_device.h"

namespace pygan::PYGAN_BACKEND {
namespace {

const RegisterDeviceKernel<BatchNormKernel> batch_norm_device{
    [](const BatchNormArgs& a) { PYGAN_BY_FLOAT(a.f64, normalize_batch, a); }};
const RegisterDeviceKernel<BatchNormEvalKernel> batch_norm_eval_device{
    [](const BatchNormArgs& a) { PYGAN_BY_FLOAT(a.f64, normalize, a); }};
const RegisterDeviceKernel<BatchNormGradKernel> batch_norm_grad_device{
    [](const BatchNormArgs& a) { PYGAN_BY_FLOAT(a.f64, normalize_batch_grad, a); }};

}  // namespace
}  // namespace pygan::PYGAN_BACKEND
