// Matrix product c = a b, rung 1: one thread for one value of c.
//
// Changed:  the two outer loops of the reference have become the grid.
// Faster:   all values of c at once.
// Bound by: memory, badly used. Neighbouring threads compute values below each other: they read
//           different rows of a, k numbers apart, so each 4 bytes come with a sector of 32, and
//           what they write lies n numbers apart. Every value of a is fetched n times.

template <typename T>
__global__ void matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m,
                       int n, int k, long long a_row, long long a_column, long long b_row,
                       long long b_column) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, j = blockIdx.y * blockDim.y + threadIdx.y;
  if (i >= m || j >= n) return;
  T sum = 0;
  for (int l = 0; l < k; l++) sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
  c[static_cast<long long>(i) * n + j] = sum;
}
