#include "gemm/driver.h"
#include "gemm/gemm.h"

namespace pygan::gemm {

template <class T>
void matmul(const Matmul& shape, const T* a, const T* b, T* c) {
  // Lines of A along its contiguous direction, whichever that is.
  const bool columns = shape.a_row == 1 && shape.a_col != 1;
  Problem<T> problem;
  problem.m = shape.m;
  problem.n = shape.n;
  problem.k = shape.k;
  problem.left = columns ? Left<T>{a, shape.a_col, shape.a_row, nullptr, true}
                         : Left<T>{a, shape.a_row, shape.a_col, nullptr, false};
  problem.right = {b, nullptr, shape.k > 0 ? shape.k : 1, shape.b_row, shape.b_col};
  problem.result = {c, 1, 1, shape.c_row, 0, 0};
  problem.accumulate = shape.accumulate;
  run(problem);
}

template void matmul<float>(const Matmul&, const float*, const float*, float*);
template void matmul<double>(const Matmul&, const double*, const double*, double*);

}  // namespace pygan::gemm
