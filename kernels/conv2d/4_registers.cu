// Convolution and its relatives, rung 4: matrix products in registers, whose factors are never
// written down.
//
// Changed:  a thread holds 4x4 or 8x8 values of the result; while a block computes with one pair of
//           tiles the next is fetched (register_tiles.cuh, as for the matrix product).
// Faster:   a read of shared memory serves 4 or 8 multiplications, one barrier per step instead of
//           two, and what depends on a row or a column alone is computed once per block.
// Bound by: the multipliers where there are enough tiles for the GPU; in fp32 exactly.

#include "conv2d/operands.cuh"
#include "conv2d/parts.cuh"
#include "cuda/register_tiles.cuh"

template <typename T, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv2d(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
       T* __restrict__ y, Shape shape, T slope) {
  using Tiles = RegisterTiles<T, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  tiles.multiply(WindowRows<T>{x, shape}, true, first_row, WeightColumns<T>{weight, shape},
                 shape.weight_k != 1, first_column, 0, shape.r * shape.s * shape.c);
  tiles.for_each([&](int i, int j, T sum) {
    const int pixel = first_row + i, k = first_column + j;
    if (pixel < shape.pixels_y() && k < shape.k) {
      y[static_cast<long long>(pixel) * shape.k + k] =
          activated(sum + (bias ? bias[k] : T(0)), slope);
    }
  });
}

template <typename T, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv_transpose2d(const T* __restrict__ y, const T* __restrict__ weight, const T* __restrict__ bias,
                 T* __restrict__ x, Shape shape) {
  using Tiles = RegisterTiles<T, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  if (first_row >= phase.pixels()) return;  // the whole block: phases differ in size
  Tiles tiles(shared);
  tiles.multiply(PhaseRows<T>{y, phase}, true, first_row, PhaseColumns<T>{weight, phase},
                 shape.weight_c != 1, first_column, 0, phase.terms());
  tiles.for_each([&](int i, int j, T sum) {
    const int pixel = first_row + i, c = first_column + j;
    if (pixel < phase.pixels() && c < shape.c) {
      x[phase.pixel_of_x(pixel) * shape.c + c] = sum + (bias ? bias[c] : T(0));
    }
  });
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, weight).
template <typename T, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
conv2d_weight_grad(const T* __restrict__ x, const T* __restrict__ y, T* __restrict__ parts,
                   Shape shape, int pixels) {
  using Tiles = RegisterTiles<T, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  const int first = blockIdx.z * pixels, last = min(first + pixels, shape.pixels_y());
  tiles.multiply(PixelChannels<T>{y, shape}, false, first_row, WindowColumns<T>{x, shape}, false,
                 first_column, first, last);
  const int taps = shape.r * shape.s * shape.c;
  tiles.for_each([&](int i, int j, T sum) {
    const int k = first_row + i, tap = first_column + j;
    if (k < shape.k && tap < taps) {
      parts[static_cast<long long>(blockIdx.z) * shape.k * taps + shape.at_tap(k, tap)] = sum;
    }
  });
}
