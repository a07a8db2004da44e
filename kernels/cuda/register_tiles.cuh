// The product of a strip of rows and a strip of columns, by 256 threads that hold the result in
// their registers. Operands (operand.cuh) give the rows and columns: of a matrix, or of the
// windows of an image.
#pragma once

#include "cuda/operand.cuh"
#include "cuda/two_buffers.cuh"

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

  // Which of a tile's values a thread fetches, one after the other.
  struct Walk {
    int start_row, row_step, first_k, k_step;
    __device__ __forceinline__ Walk(int thread, int tile, bool along_k)
        : start_row(along_k ? thread / depth : thread % tile),
          row_step(along_k ? threads / depth : 0),
          first_k(along_k ? thread % depth : thread / tile),
          k_step(along_k ? 0 : threads / tile) {}
    __device__ __forceinline__ int row(int e) const { return start_row + e * row_step; }
    __device__ __forceinline__ int k(int e) const { return first_k + e * k_step; }
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

  // sums += sum of rows(first_row + i, l) columns(l, first_column + j) over first_k <= l <
  // last_k. *_along_k: whether neighbours along k are neighbours in memory (else neighbouring
  // rows or columns are), so that neighbouring threads fetch them.
  template <typename Rows, typename Columns>
  __device__ void multiply(const Rows& rows, bool rows_along_k, int first_row,
                           const Columns& columns, bool columns_along_k, int first_column,
                           int first_k, int last_k) {
    const Walk walk_a(thread, tile_m, rows_along_k);
    const Walk walk_b(thread, tile_n, columns_along_k);
    decltype(rows.row(0)) rows_a[loads_a];
    decltype(columns.row(0)) rows_b[loads_b];
    T next_a[loads_a], next_b[loads_b];
#pragma unroll
    for (int e = 0; e < loads_a; e++) rows_a[e] = rows.row(first_row + walk_a.row(e));
#pragma unroll
    for (int e = 0; e < loads_b; e++) rows_b[e] = columns.row(first_column + walk_b.row(e));
    auto fetch = [&](int start) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        const int l = start + walk_a.k(e);
        next_a[e] = l < last_k ? value_of<T>(rows, rows_a[e], rows.inner(l)) : T(0);
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        const int l = start + walk_b.k(e);
        next_b[e] = l < last_k ? value_of<T>(columns, rows_b[e], columns.inner(l)) : T(0);
      }
    };
    auto keep = [&](int buffer) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        shared.a[buffer][walk_a.k(e)][walk_a.row(e)] = next_a[e];
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        shared.b[buffer][walk_b.k(e)][walk_b.row(e)] = next_b[e];
      }
    };
    through_two_buffers<depth>(first_k, last_k, fetch, keep,
                               [&](int buffer) { add_products(buffer); });
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
