// Convolution and its relatives, rung 5: tensor cores.
//
// Changed:  the implicit matrix products of rung 4, with factors rounded to tf32, bfloat16 or float16
//           and multiplied by mma.sync (tensor_tiles.cuh, as for the matrix product).
// Faster:   one instruction of a warp does 1,024 multiplications (tf32) or 2,048.
// Bound by: bringing the factors in: each value is looked up, loaded, rounded and stored alone.

#include "conv2d/parts.cuh"
#include "conv2d/stores.cuh"
#include "cuda/tensor_tiles.cuh"

template <Kind kind>
__global__ void __launch_bounds__(256, 2)
conv2d(const float* __restrict__ x, const float* __restrict__ weight,
       const float* __restrict__ bias, float* __restrict__ y, Shape shape, float slope) {
  using Tiles = TensorTiles<kind>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  tiles.multiply(WindowRows<float>{x, shape}, true, first_row, WeightColumns<float>{weight, shape},
                 shape.weight_k != 1, first_column, 0, shape.r * shape.s * shape.c);
  store_y(tiles, first_row, first_column, bias, y, shape, slope);
}

template <Kind kind>
__global__ void __launch_bounds__(256, 2)
conv_transpose2d(const float* __restrict__ y, const float* __restrict__ weight,
                 const float* __restrict__ bias, float* __restrict__ x, Shape shape) {
  using Tiles = TensorTiles<kind>;
  __shared__ typename Tiles::Shared shared;
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  if (first_row >= phase.pixels()) return;  // the whole block: phases differ in size
  Tiles tiles(shared);
  tiles.multiply(PhaseRows<float>{y, phase}, true, first_row, PhaseColumns<float>{weight, phase},
                 shape.weight_c != 1, first_column, 0, phase.terms());
  store_x(tiles, first_row, first_column, bias, x, phase);
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, k, taps).
template <Kind kind>
__global__ void __launch_bounds__(256, 2)
conv2d_weight_grad(const float* __restrict__ x, const float* __restrict__ y, float* __restrict__ parts,
                   Shape shape, int pixels) {
  using Tiles = TensorTiles<kind>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  const int first = blockIdx.z * pixels, last = min(first + pixels, shape.pixels_y());
  tiles.multiply(PixelChannels<float>{y, shape}, false, first_row, WindowColumns<float>{x, shape}, false,
                 first_column, first, last);
  store_part(tiles, first_row, first_column, parts, shape);
}
