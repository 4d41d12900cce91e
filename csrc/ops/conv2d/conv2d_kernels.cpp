// The CPU kernels: the GEMM engine's implicit-GEMM convolutions (gemm/gemm.h).
#include "core/op.h"
#include "ops/conv2d/conv2d.h"
#include "ops/epilogue.h"

namespace pygan {
namespace {

template <class T, void (*Run)(const gemm::Conv&, const T*, const T*, T*)>
void call(const ConvArgs& c) {
  Run(c.geometry, static_cast<const T*>(c.a), static_cast<const T*>(c.b), static_cast<T*>(c.out));
}

template <class T, void (*Run)(const gemm::Conv&, const T*, const T*, T*, const gemm::Epilogue<T>&)>
void call_then(const ConvArgs& c) {
  Run(c.geometry, static_cast<const T*>(c.a), static_cast<const T*>(c.b), static_cast<T*>(c.out),
      epilogue(c.after, static_cast<const T*>(c.out)));
}

const RegisterKernel<Conv2dKernel> conv2d_cpu{Device::cpu, [](const ConvArgs& c) {
                                                c.f64 ? call_then<double, gemm::conv2d<double>>(c)
                                                      : call_then<float, gemm::conv2d<float>>(c);
                                              }};
const RegisterKernel<ConvTranspose2dKernel> conv_transpose2d_cpu{
    Device::cpu, [](const ConvArgs& c) {
      c.f64 ? call_then<double, gemm::conv2d_input_grad<double>>(c)
            : call_then<float, gemm::conv2d_input_grad<float>>(c);
    }};
const RegisterKernel<Conv2dWeightGradKernel> conv2d_weight_grad_cpu{
    Device::cpu, [](const ConvArgs& c) {
      c.f64 ? call<double, gemm::conv2d_weight_grad<double>>(c)
            : call<float, gemm::conv2d_weight_grad<float>>(c);
    }};

}  // namespace
}  // namespace pygan
