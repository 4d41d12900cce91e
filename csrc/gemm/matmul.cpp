#include "gemm/driver.h"
#include "gemm/gemm.h"

namespace pygan::gemm {

template <class T>
void matmul(const Matmul& s, const T* a, const T* b, T* c, const Epilogue<T>& then) {
  // c^T = b^T a^T where that reads the larger operand in the order it lies in memory.
  const bool thin_rows = s.m <= kThin && s.n > s.m && s.b_row == 1;
  const bool vector = s.n == 1 && s.c_row == 1 && s.a_row == 1 && s.m > 1;
  Problem<T> problem;
  problem.k = s.k;
  problem.accumulate = s.accumulate;
  const int64_t tap_k = s.k > 0 ? s.k : 1;
  if (thin_rows || vector) {
    problem.m = s.n;
    problem.n = s.m;
    problem.left = {b, s.b_col, s.b_row, nullptr, false};
    problem.right = {a, nullptr, tap_k, s.a_col, s.a_row};
    problem.result = {c, 1, 1, 1, 0, 0};
    problem.result_column = thin_rows ? s.c_row : 1;
  } else {
    // Lines of A along its contiguous direction, whichever that is.
    const bool columns = s.a_row == 1 && s.a_col != 1;
    problem.m = s.m;
    problem.n = s.n;
    problem.left = columns ? Left<T>{a, s.a_col, s.a_row, nullptr, true}
                           : Left<T>{a, s.a_row, s.a_col, nullptr, false};
    problem.right = {b, nullptr, tap_k, s.b_row, s.b_col};
    problem.result = {c, 1, 1, s.c_row, 0, 0};
    problem.then = then;
  }
  run(problem);
  if (then && !problem.then) finish(then, c, s.m, s.n, s.c_row);
}

template void matmul<float>(const Matmul&, const float*, const float*, float*,
                            const Epilogue<float>&);
template void matmul<double>(const Matmul&, const double*, const double*, double*,
                             const Epilogue<double>&);

}  // namespace pygan::gemm
