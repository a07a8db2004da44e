// Matrix product c = a b, rung 6: tensor cores fed by a pipeline.
//
// Changed:  the factors go from memory to shared memory by cp.async, 16 bytes at a time, through four
//           stages: three are on their way while one is multiplied (tensor_pipeline.cuh). They are
//           rounded as the warps read them. A warp computes 32x32 or 64x32 values.
// Faster:   a thread copies four values by one instruction and waits for none of them; a fragment
//           serves four products where rung 5's serves two.
// Bound by: reading shared memory, as the factors lie there in float: for bfloat16 and float16 twice
//           what the tensor cores need. n and k must be multiples of 4.

#include "matmul/operands.cuh"
#include "cuda/tensor_pipeline.cuh"

template <Kind kind, int side, bool a_along, bool b_along>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
matmul(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int m,
       int n, int k, long long a_row, long long a_column, long long b_row, long long b_column) {
  using Pipeline = TensorPipeline<kind, side, a_along, b_along>;
  extern __shared__ __align__(16) char memory[];
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  pipeline.multiply(MatrixOperand<float>{a, a_row, a_column, m}, first_row,
                    MatrixOperand<float>{b, b_column, b_row, n}, first_column, 0, k);
  pipeline.for_each_pair([&](int i, int j, float value, float next) {
    if (first_row + i < m) {
      float* const row = c + static_cast<long long>(first_row + i) * n;
      store_pair<Pipeline::even>(row, first_column + j, n, value, next);
    }
  });
}
