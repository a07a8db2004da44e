// Convolution and its relatives, rung 6: tensor cores fed by a pipeline.
//
// Changed:  the implicit matrix products of rung 5, whose factors are copied by cp.async, four
//           channels at a time, through four stages (tensor_pipeline.cuh, as for the matrix product).
// Faster:   one division by the kernel's sizes, one look at the image's border and one instruction
//           serve four values, and nobody waits for them: three stages are on their way while one is
//           multiplied.
// Bound by: reading shared memory, as the factors lie there in float. The channels of x and of y must
//           be multiples of 4.

#include "conv2d/parts.cuh"
#include "conv2d/stores.cuh"
#include "tensor_pipeline.cuh"

// moments: null, or where those of the tiles' rows go (one part for each tile), for a batch norm.
// weight_along: whether its channels that are summed over are neighbours in memory (else the others).
template <Kind kind, int side, bool weight_along>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
conv2d(const float* __restrict__ x, const float* __restrict__ weight,
       const float* __restrict__ bias, float* __restrict__ y, Shape shape, float slope,
       double* __restrict__ moments) {
  using Pipeline = TensorPipeline<kind, side, true, weight_along>;
  extern __shared__ __align__(16) char memory[];
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  pipeline.multiply(WindowRows<float>{x, shape}, first_row, WeightColumns<float>{weight, shape},
                    first_column, 0, shape.r * shape.s * shape.c);
  store_y(pipeline, first_row, first_column, bias, y, shape, slope);
  if (moments) {
    __syncthreads();  // all are done with the factors in shared memory
    store_moments<side>(pipeline, min(shape.pixels_y() - first_row, side), first_column, bias,
                        Part(moments, blockIdx.x, shape.k), reinterpret_cast<float*>(memory));
  }
}

template <Kind kind, int side, bool weight_along>
__global__ void __launch_bounds__(2 * side, side == 64 ? 4 : 1)
conv_transpose2d(const float* __restrict__ y, const float* __restrict__ weight,
                 const float* __restrict__ bias, float* __restrict__ x, Shape shape,
                 double* __restrict__ moments) {
  using Pipeline = TensorPipeline<kind, side, true, weight_along>;
  extern __shared__ __align__(16) char memory[];
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * side, first_column = blockIdx.y * side;
  const long long number = static_cast<long long>(blockIdx.z) * gridDim.x + blockIdx.x;
  if (first_row >= phase.pixels()) {  // the whole block: phases differ in size
    if (moments && blockIdx.y == 0 && threadIdx.x == 0) Part(moments, number, shape.c).count() = 0;
    return;
  }
  Pipeline pipeline(reinterpret_cast<typename Pipeline::Stage*>(memory));
  pipeline.multiply(PhaseRows<float>{y, phase}, first_row, PhaseColumns<float>{weight, phase},
                    first_column, 0, phase.terms());
  store_x(pipeline, first_row, first_column, bias, x, phase);
  if (moments) {
    __syncthreads();  // all are done with the factors in shared memory
    store_moments<side>(pipeline, min(phase.pixels() - first_row, side), first_column, bias,
                        Part(moments, number, shape.c), reinterpret_cast<float*>(memory));
  }
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, k, taps).
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
