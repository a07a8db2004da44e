// Convolution and its relatives, rung 3: matrix products in tiles, whose factors are never written
// down.
//
// Changed:  each of the three sums is the product of a matrix of windows and one of weights (or of
//           windows and gradients): conv2d/operands.cuh says which. Blocks of 32x32 threads compute
//           a tile of it through shared memory. The transposed convolution is cut by the parity of
//           the output's rows and columns, so that no inserted zero is multiplied; the weight's
//           gradient, which has few values of very many terms, is cut along its terms, and a second
//           kernel adds the parts in a fixed order.
// Faster:   a value that was fetched serves 32 threads.
// Bound by: shared memory, as the matrix product in tiles; and by the divisions that find out where
//           a term lies.

#include "conv2d/operands.cuh"
#include "conv2d/parts.cuh"
#include "cuda/shared_tiles.cuh"

template <typename T>
__global__ void __launch_bounds__(1024)
conv2d(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
       T* __restrict__ y, Shape shape, T slope) {
  using Tiles = SharedTiles<T>;
  __shared__ typename Tiles::Shared shared;
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  const T sum = Tiles::multiply(shared, WindowRows<T>{x, shape}, true, first_row,
                                WeightColumns<T>{weight, shape}, shape.weight_k != 1, first_column,
                                0, shape.r * shape.s * shape.c);
  const int pixel = first_row + threadIdx.y, k = first_column + threadIdx.x;
  if (pixel < shape.pixels_y() && k < shape.k) {
    y[static_cast<long long>(pixel) * shape.k + k] =
        activated(sum + (bias ? bias[k] : T(0)), slope);
  }
}

template <typename T>
__global__ void __launch_bounds__(1024)
conv_transpose2d(const T* __restrict__ y, const T* __restrict__ weight, const T* __restrict__ bias,
                 T* __restrict__ x, Shape shape) {
  using Tiles = SharedTiles<T>;
  __shared__ typename Tiles::Shared shared;
  const Phase phase(shape, blockIdx.z);
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  if (first_row >= phase.pixels()) return;  // the whole block: phases differ in size
  const T sum = Tiles::multiply(shared, PhaseRows<T>{y, phase}, true, first_row,
                                PhaseColumns<T>{weight, phase}, shape.weight_c != 1, first_column,
                                0, phase.terms());
  const int pixel = first_row + threadIdx.y, c = first_column + threadIdx.x;
  if (pixel < phase.pixels() && c < shape.c) {
    x[phase.pixel_of_x(pixel) * shape.c + c] = sum + (bias ? bias[c] : T(0));
  }
}

// The sum over the pixels from blockIdx.z * pixels on; parts (gridDim.z, weight).
template <typename T>
__global__ void __launch_bounds__(1024)
conv2d_weight_grad(const T* __restrict__ x, const T* __restrict__ y, T* __restrict__ parts,
                   Shape shape, int pixels) {
  using Tiles = SharedTiles<T>;
  __shared__ typename Tiles::Shared shared;
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  const int first = blockIdx.z * pixels, last = min(first + pixels, shape.pixels_y());
  const T sum = Tiles::multiply(shared, PixelChannels<T>{y, shape}, false, first_row,
                                WindowColumns<T>{x, shape}, false, first_column, first, last);
  const int k = first_row + threadIdx.y, tap = first_column + threadIdx.x;
  const int taps = shape.r * shape.s * shape.c;
  if (k < shape.k && tap < taps) {
    parts[static_cast<long long>(blockIdx.z) * shape.k * taps + shape.at_tap(k, tap)] = sum;
  }
}
