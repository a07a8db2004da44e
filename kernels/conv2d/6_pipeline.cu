// Convolution and its relatives, rung 6: tensor cores fed by a pipeline.
//
// Changed:  the implicit matrix products of rung 5, whose factors are copied by cp.async, four
//           channels at a time, through four stages (tensor_pipeline.cuh, as for the matrix product).
// Faster:   one division by the kernel's sizes, one look at the image's border and one instruction
//           serve four values, and no thread waits for them: three stages are on their way while one
//           is multiplied.
// Bound by: reading shared memory, as the factors lie there in float. The channels of x and of y must
//           be multiples of 4.

#include "conv2d/parts.cuh"
#include "conv2d/stores.cuh"
#include "cuda/tensor_pipeline.cuh"

// parts: null, or the sums of a batch norm over its rows, a part for each tile: moments of the result
// or, with norm_x, the input of that batch norm, the sums of its backward pass.
// weight_along: whether the weight's channels along k are neighbours in memory (else the others are).
template <Kind kind, int side, bool weight_along>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
conv2d(const float* __restrict__ x, const float* __restrict__ weight,
       const float* __restrict__ bias, float* __restrict__ y, Shape shape, float slope,
       double* __restrict__ parts, const float* __restrict__ norm_x,
       const float* __restrict__ norm_weight, const float* __restrict__ norm_bias,
       const float* __restrict__ norm_mean, const float* __restrict__ norm_var, float norm_eps,
       float norm_slope) {
  using Pipeline = TensorPipeline<kind, side, true, weight_along>;
  extern __shared__ __align__(16) char memory[];
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  pipeline.multiply(WindowRows<float>{x, shape}, first_row, WeightColumns<float>{weight, shape},
                    first_column, 0, shape.r * shape.s * shape.c);
  store_y(pipeline, first_row, first_column, bias, y, shape, slope);
  if (!parts) return;
  const int rows = min(shape.pixels_y() - first_row, side);
  float* const scratch = reinterpret_cast<float*>(memory);
  __syncthreads();  // all are done with the factors in shared memory
  if (norm_x) {
    store_grad_sums<side>(
        pipeline, rows, first_column,
        {norm_x, norm_weight, norm_bias, norm_mean, norm_var, norm_eps, norm_slope},
        shape.k, [&](int i) { return static_cast<long long>(first_row + i); },
        parts + 2ll * blockIdx.x * shape.k, scratch);
  } else {
    store_moments<side>(pipeline, rows, first_column, bias, Part(parts, blockIdx.x, shape.k), scratch);
  }
}

template <Kind kind, int side, bool weight_along>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
conv_transpose2d(const float* __restrict__ y, const float* __restrict__ weight,
                 const float* __restrict__ bias, float* __restrict__ x, Shape shape,
                 double* __restrict__ parts, const float* __restrict__ norm_x,
                 const float* __restrict__ norm_weight, const float* __restrict__ norm_bias,
                 const float* __restrict__ norm_mean, const float* __restrict__ norm_var,
                 float norm_eps, float norm_slope) {
  using Pipeline = TensorPipeline<kind, side, true, weight_along>;
  extern __shared__ __align__(16) char memory[];
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  const long long number = static_cast<long long>(blockIdx.z) * gridDim.x + blockIdx.x;
  if (first_row >= phase.pixels()) {  // the whole block: phases differ in size
    if (!parts) return;
    const int column = first_column + threadIdx.x % side, which = threadIdx.x / side;
    if (norm_x) {
      if (column < shape.c) parts[(2 * number + which) * shape.c + column] = 0;
    } else if (first_column + threadIdx.x == 0) {
      Part(parts, number, shape.c).count() = 0;
    }
    return;
  }
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  pipeline.multiply(PhaseRows<float>{y, phase}, first_row, PhaseColumns<float>{weight, phase},
                    first_column, 0, phase.terms());
  store_x(pipeline, first_row, first_column, bias, x, phase);
  if (!parts) return;
  const int rows = min(phase.pixels() - first_row, side);
  float* const scratch = reinterpret_cast<float*>(memory);
  __syncthreads();  // all are done with the factors in shared memory
  if (norm_x) {
    store_grad_sums<side>(
        pipeline, rows, first_column,
        {norm_x, norm_weight, norm_bias, norm_mean, norm_var, norm_eps, norm_slope},
        shape.c, [&](int i) { return phase.pixel_of_x(first_row + i); },
        parts + 2 * number * shape.c, scratch);
  } else {
    store_moments<side>(pipeline, rows, first_column, bias, Part(parts, number, shape.c), scratch);
  }
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, weight).
template <Kind kind, int side>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
conv2d_weight_grad(const float* __restrict__ x, const float* __restrict__ y, float* __restrict__ parts,
                   Shape shape, int pixels) {
  using Pipeline = TensorPipeline<kind, side, false, false>;
  extern __shared__ __align__(16) char memory[];
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  const int first = blockIdx.z * pixels, last = min(first + pixels, shape.pixels_y());
  pipeline.multiply(PixelChannels<float>{y, shape}, first_row, WindowColumns<float>{x, shape},
                    first_column, first, last);
  store_part(pipeline, first_row, first_column, parts, shape);
}
