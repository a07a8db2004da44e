// The product of a strip of rows and a strip of columns, by 256 threads that hold the result in
// their registers. What the rows and columns are, a functor says: a matrix, or the windows of an
// image.
#pragma once

template <typename T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
  T values[4];
};

// T: float or double. tile_m x tile_n: of the block; 64 or 128 each. The 16x16 threads hold
// tile_m / 16 x tile_n / 16 values each.
template <typename T, int tile_m, int tile_n>
struct RegisterTiles {
  static constexpr int threads = 256, depth = 8;  // of a shared tile, along k
  static constexpr int per_m = tile_m / 16, per_n = tile_n / 16;
  static constexpr int loads_a = tile_m * depth / threads, loads_b = tile_n * depth / threads;

  // Both with k as the slow direction, so that a thread's four neighbours are a vector; four more
  // columns than needed, against conflicts of the writes.
  struct Shared {
    alignas(16) T a[2][depth][tile_m + 4];
    alignas(16) T b[2][depth][tile_n + 4];
  };

  Shared& shared;
  const int thread, thread_m, thread_n;
  T sums[per_m][per_n] = {};

  __device__ explicit RegisterTiles(Shared& shared)
      : shared(shared), thread(threadIdx.x), thread_m(threadIdx.x / 16), thread_n(threadIdx.x % 16) {
  }

  // A thread's values lie in groups of four, 64 apart: lane next to lane reads the vector next to
  // the vector before, without conflicts.
  __device__ __forceinline__ static constexpr int place(int thread_16, int i) {
    return thread_16 * 4 + i % 4 + i / 4 * 64;
  }

  // sums += rows(first_row + i, l) * columns(l, first_column + j), over l < k. The functors return
  // 0 outside. *_along_k: whether neighbours along k (for rows) or along the columns are
  // neighbours in memory, so that they are fetched by neighbouring threads.
  template <typename Rows, typename Columns>
  __device__ void multiply(Rows rows, bool rows_along_k, int first_row, Columns columns,
                           bool columns_along_n, int first_column, int k) {
    T next_a[loads_a], next_b[loads_b];
    auto fetch = [&](int start) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        const int at = thread + e * threads;
        const int i = rows_along_k ? at / depth : at % tile_m;
        const int l = rows_along_k ? at % depth : at / tile_m;
        next_a[e] = start + l < k ? rows(first_row + i, start + l) : T(0);
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        const int at = thread + e * threads;
        const int j = columns_along_n ? at % tile_n : at / depth;
        const int l = columns_along_n ? at / tile_n : at % depth;
        next_b[e] = start + l < k ? columns(start + l, first_column + j) : T(0);
      }
    };
    auto keep = [&](int buffer) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        const int at = thread + e * threads;
        const int i = rows_along_k ? at / depth : at % tile_m;
        const int l = rows_along_k ? at % depth : at / tile_m;
        shared.a[buffer][l][i] = next_a[e];
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        const int at = thread + e * threads;
        const int j = columns_along_n ? at % tile_n : at / depth;
        const int l = columns_along_n ? at / tile_n : at % depth;
        shared.b[buffer][l][j] = next_b[e];
      }
    };
    int buffer = 0;
    fetch(0);
    keep(0);
    __syncthreads();
    for (int start = 0; start < k; start += depth) {
      const bool more = start + depth < k;
      if (more) fetch(start + depth);
      add_products(buffer);
      if (more) keep(buffer ^ 1);  // nobody reads there: all have passed the barrier below
      __syncthreads();
      buffer ^= 1;
    }
  }

  __device__ __forceinline__ void add_products(int buffer) {
#pragma unroll
    for (int l = 0; l < depth; l++) {
      T of_a[per_m], of_b[per_n];
#pragma unroll
      for (int i = 0; i < per_m; i += 4) {
        const auto four =
            *reinterpret_cast<const Four<T>*>(&shared.a[buffer][l][place(thread_m, i)]);
#pragma unroll
        for (int e = 0; e < 4; e++) of_a[i + e] = four.values[e];
      }
#pragma unroll
      for (int j = 0; j < per_n; j += 4) {
        const auto four =
            *reinterpret_cast<const Four<T>*>(&shared.b[buffer][l][place(thread_n, j)]);
#pragma unroll
        for (int e = 0; e < 4; e++) of_b[j + e] = four.values[e];
      }
#pragma unroll
      for (int i = 0; i < per_m; i++) {
#pragma unroll
        for (int j = 0; j < per_n; j++) sums[i][j] += of_a[i] * of_b[j];
      }
    }
  }

  // Calls function(row, column, value) for each value that this thread holds, within the tile.
  template <typename Function>
  __device__ __forceinline__ void for_each(Function function) {
#pragma unroll
    for (int i = 0; i < per_m; i++) {
#pragma unroll
      for (int j = 0; j < per_n; j++) {
        function(place(thread_m, i), place(thread_n, j), sums[i][j]);
      }
    }
  }
};
