// The one matrix engine of the CPU: dense layers and all three convolutions.
//
// float and double. Images are NHWC, dense and row-major. Every result is bit-identical for any
// number of threads: products are summed in an order given by the problem's size alone. Outputs
// are written in full and must not overlap inputs. Sizes may be 0; an empty sum is 0.
// Zero padding takes part in the arithmetic: 0 * infinity there is NaN, as in a padded copy.
#pragma once

#include <cstdint>

#include "gemm/epilogue.h"

namespace pygan::gemm {

// c (m, n) = a (m, k) b (k, n)  [+ c if accumulate]
// a[i, p] is a[i * a_row + p * a_col], b[p, j] is b[p * b_row + j * b_col], so transposed operands
// need no copy; c is row-major: c[i * c_row + j].
struct Matmul {
  int64_t m, n, k;
  int64_t a_row, a_col;
  int64_t b_row, b_col;
  int64_t c_row;
  bool accumulate;
};

template <class T>
void matmul(const Matmul& shape, const T* a, const T* b, T* c, const Epilogue<T>& then = {});

// The geometry of one convolution; its transpose and its weight gradient share it.
// out = floor((in + 2 pad - dilation (kernel - 1) - 1) / stride) + 1, so that up to stride - 1
// trailing rows and columns of the input may be read by no kernel.
struct Conv {
  int64_t batch;
  int64_t in_h, in_w, in_c;
  int64_t out_h, out_w, out_c;
  int64_t kernel_h, kernel_w;
  int64_t stride_h, stride_w;
  int64_t pad_h, pad_w;
  int64_t dilation_h, dilation_w;
  int64_t groups;
};

// y[n,i,j,o] = sum_{r,s,c} x[n, i sh - ph + r dh, j sw - pw + s dw, c] w[r,s,c,o]
template <class T>
void conv2d(const Conv& conv,
            const T* x,  // (batch, in_h, in_w, in_c)
            const T* w,  // (kernel_h, kernel_w, in_c / groups, out_c)
            T* y,        // (batch, out_h, out_w, out_c)
            const Epilogue<T>& then = {});

// The exact adjoint of conv2d in x; also the forward pass of the transposed convolution.
template <class T>
void conv2d_input_grad(const Conv& conv,
                       const T* dy,  // (batch, out_h, out_w, out_c)
                       const T* w,   // (kernel_h, kernel_w, in_c / groups, out_c)
                       T* dx,        // (batch, in_h, in_w, in_c)
                       const Epilogue<T>& then = {});

// The exact adjoint of conv2d in w.
template <class T>
void conv2d_weight_grad(const Conv& conv,
                        const T* x,   // (batch, in_h, in_w, in_c)
                        const T* dy,  // (batch, out_h, out_w, out_c)
                        T* dw);       // (kernel_h, kernel_w, in_c / groups, out_c)

// GFLOP/s of the bare micro-kernel on packed panels that stay in L1: the ceiling of all the above.
template <class T>
double micro_kernel_peak(int threads, double seconds);

// Nanoseconds for a cache line to go to another thread and come back: some tens where their cores share a
// cache, hundreds where they do not. Both spin: on a single core it takes long.
double round_trip(int trips);

}  // namespace pygan::gemm
