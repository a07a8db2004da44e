// Convolution and its relatives, rung 5: tensor cores.
//
// Changed:  the implicit matrix products of rung 4, with factors rounded to tf32, bfloat16 or float16
//           and multiplied by mma.sync (tensor_tiles.cuh, as for the matrix product).
// Faster:   one instruction of a warp does 1,024 multiplications (tf32) or 2,048.
// Bound by: what brings the factors in: each value is looked up, loaded, rounded and stored alone.

#include "conv2d/operands.cuh"
#include "conv2d/parts.cuh"
#include "tensor_tiles.cuh"

template <Kind kind, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv2d(const float* __restrict__ x, const float* __restrict__ weight,
       const float* __restrict__ bias, float* __restrict__ y, Shape shape, float slope) {
  using Tiles = TensorTiles<kind, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  tiles.multiply(WindowRows<float>{x, shape}, true, first_row, WeightColumns<float>{weight, shape},
                 shape.weight_k != 1, first_column, 0, shape.r * shape.s * shape.c);
  auto finished = [&](float sum, int k) {
    return activated(sum + (bias && k < shape.k ? bias[k] : 0.0f), slope);
  };
  tiles.for_each_pair([&](int i, int j, float sum, float next) {
    const int pixel = first_row + i, k = first_column + j;
    if (pixel < shape.pixels_y()) {
      store_pair(y + static_cast<long long>(pixel) * shape.k, k, shape.k, finished(sum, k),
                 finished(next, k + 1));
    }
  });
}

template <Kind kind, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv_transpose2d(const float* __restrict__ y, const float* __restrict__ weight,
                 const float* __restrict__ bias, float* __restrict__ x, Shape shape) {
  using Tiles = TensorTiles<kind, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  if (first_row >= phase.pixels()) return;  // the whole block: phases differ in size
  Tiles tiles(shared);
  tiles.multiply(PhaseRows<float>{y, phase}, true, first_row, PhaseColumns<float>{weight, phase},
                 shape.weight_c != 1, first_column, 0, phase.terms());
  auto finished = [&](float sum, int c) {
    return sum + (bias && c < shape.c ? bias[c] : 0.0f);
  };
  tiles.for_each_pair([&](int i, int j, float sum, float next) {
    const int pixel = first_row + i, c = first_column + j;
    if (pixel < phase.pixels()) {
      store_pair(x + phase.pixel_of_x(pixel) * shape.c, c, shape.c, finished(sum, c),
                 finished(next, c + 1));
    }
  });
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, k, taps).
template <Kind kind, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv2d_weight_grad(const float* __restrict__ x, const float* __restrict__ y, float* __restrict__ parts,
                   Shape shape, int pixels) {
  using Tiles = TensorTiles<kind, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  const int first = blockIdx.z * pixels, last = min(first + pixels, shape.pixels_y());
  tiles.multiply(PixelChannels<float>{y, shape}, false, first_row, WindowColumns<float>{x, shape}, false,
                 first_column, first, last);
  const int taps = shape.r * shape.s * shape.c;
  tiles.for_each_pair([&](int i, int j, float sum, float next) {
    const int k = first_row + i, tap = first_column + j;
    if (k < shape.k) {
      store_pair(parts + (static_cast<long long>(blockIdx.z) * shape.k + k) * taps, tap, taps, sum,
                 next);
    }
  });
}
