// Matrix product c = a b, rung 2: neighbouring threads compute neighbouring columns.
//
// Changed:  threadIdx.x runs along the rows of c instead of down its columns; nothing else.
// Faster:   a warp's 32 reads of b and 32 writes of c are 128 consecutive bytes, four sectors, and
//           its 32 reads of a are one value. (When b is transposed in memory, its reads are as far
//           apart as before.)
// Bound by: memory still: a value of a is fetched by n / 32 warps, a value of b by m, and two reads
//           stand against one multiplication.

template <typename T>
__global__ void matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m,
                       int n, int k, long long a_row, long long a_column, long long b_row,
                       long long b_column) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i >= m || j >= n) return;
  T sum = 0;
  for (int l = 0; l < k; l++) sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
  c[static_cast<long long>(i) * n + j] = sum;
}
