// Matrix product c = a b, rung 3: tiles in shared memory.
//
// Changed:  a block of 32x32 threads computes a tile of c of that size. It walks along k in steps of
//           32, and at each step its threads fetch a tile of a and one of b together, one value
//           each, and then all read from there.
// Faster:   a value that was fetched is used by 32 threads: global memory moves a 32nd of the bytes.
//           A tile's rows are read along whichever direction is contiguous in memory, so that a
//           transposed matrix is fetched in whole sectors, too.
// Bound by: shared memory: two reads for one multiplication and addition, where the units could
//           do many more.

constexpr int side = 32;

template <typename T>
__global__ void __launch_bounds__(side * side)
matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m, int n, int k,
       long long a_row, long long a_column, long long b_row, long long b_column) {
  // One column more than needed: a transposed tile is written downwards, and its 32 values would
  // otherwise all lie in one bank.
  __shared__ T a_tile[side][side + 1], b_tile[side][side + 1];
  const int x = threadIdx.x, y = threadIdx.y;
  const int first_row = blockIdx.y * side, first_column = blockIdx.x * side;
  // Which value of a tile this thread fetches: along the memory's rows.
  const int a_y = a_column == 1 ? y : x, a_x = a_column == 1 ? x : y;
  const int b_y = b_column == 1 ? y : x, b_x = b_column == 1 ? x : y;
  T sum = 0;
  for (int start = 0; start < k; start += side) {
    const int i = first_row + a_y, l = start + a_x;
    a_tile[a_y][a_x] = i < m && l < k ? a[i * a_row + l * a_column] : T(0);
    const int h = start + b_y, j = first_column + b_x;
    b_tile[b_y][b_x] = h < k && j < n ? b[h * b_row + j * b_column] : T(0);
    __syncthreads();
#pragma unroll
    for (int s = 0; s < side; s++) sum += a_tile[y][s] * b_tile[s][x];
    __syncthreads();  // before the next round overwrites what others still read
  }
  if (first_row + y < m && first_column + x < n) {
    c[static_cast<long long>(first_row + y) * n + first_column + x] = sum;
  }
}
