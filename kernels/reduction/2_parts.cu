// y[j] = sum over i of x[i, j], rung 2: the rows are cut into parts.
//
// Changed:  a block of 32x8 threads adds up its part of the rows for 32 columns, first each thread
//           for itself, then the eight threads of a column through shared memory; a second kernel
//           adds the parts, if there are several. The order of all additions is fixed: same input,
//           same bits.
// Faster:   as many blocks as the GPU can hold, whatever c is.
// Bound by: memory traffic.

constexpr int columns = 32, lines = 8;

// parts[blockIdx.y][j]: over the rows from blockIdx.y * rows on. Part is double, or, for a single part,
// T: the result itself.
template <typename T, typename Part>
__global__ void __launch_bounds__(columns * lines)
column_sums(const T* __restrict__ x, Part* __restrict__ parts, long long m, int c, long long rows) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const long long first = blockIdx.y * rows, last = min(first + rows, m);
  double sum = 0;
  if (j < c) {
    for (long long i = first + threadIdx.y; i < last; i += lines) sum += x[i * c + j];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && j < c) {
    for (int line = 1; line < lines; line++) sum += sums[line][threadIdx.x];
    parts[static_cast<long long>(blockIdx.y) * c + j] = static_cast<Part>(sum);
  }
}

template <typename T>
__global__ void sum_parts(const double* __restrict__ parts, T* __restrict__ y, int count, int c) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  double sum = 0;
  for (int part = 0; part < count; part++) sum += parts[static_cast<long long>(part) * c + j];
  y[j] = static_cast<T>(sum);
}
