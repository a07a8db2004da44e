// The product of a strip of rows and a strip of columns on tensor cores, by 256 threads. The same
// operands as for register_tiles.cuh; their float values are rounded to tf32, bfloat16 or float16 on
// their way into shared memory, and summed in float.
#pragma once

#include "ptx.cuh"

enum class Kind { tf32, bf16, f16 };

// What differs between the kinds: how many terms share a word of 32 bits, and the instruction.
template <Kind kind>
struct Factor {
  static constexpr int per_word = kind == Kind::tf32 ? 1 : 2;
  __device__ __forceinline__ static unsigned word(const float (&values)[per_word]) {
    if constexpr (kind == Kind::tf32) return ptx::to_tf32(values[0]);
    if constexpr (kind == Kind::bf16) return ptx::pack_bf16(values[0], values[1]);
    if constexpr (kind == Kind::f16) return ptx::pack_f16(values[0], values[1]);
  }
  // A 16x8 tile of sums, plus the product of 16 rows and 8 columns of 8 words.
  __device__ __forceinline__ static void add(float (&sums)[4], const unsigned (&a)[4],
                                             const unsigned (&b)[2]) {
    if constexpr (kind == Kind::tf32) ptx::mma_tf32(sums, a, b);
    if constexpr (kind == Kind::bf16) ptx::mma_bf16(sums, a, b);
    if constexpr (kind == Kind::f16) ptx::mma_f16(sums, a, b);
  }
};

// tile_m x tile_n: of the block; 64 or 128 each. 8 warps, 2 along the rows and 4 along the columns.
template <Kind kind, int tile_m, int tile_n>
struct TensorTiles {
  static constexpr int threads = 256, per_word = Factor<kind>::per_word;
  // Words of a row of a shared tile, along the terms, and from one row to the next: with 20, the rows
  // that ldmatrix reads together, 16 bytes of each of eight, lie in eight different groups of banks.
  static constexpr int words = 16, stride = words + 4, depth = words * per_word;
  static constexpr int warp_m = tile_m / 2, warp_n = tile_n / 4;
  static constexpr int per_m = warp_m / 16, per_n = warp_n / 8;  // mma tiles of a warp
  static constexpr int loads_a = tile_m * words / threads, loads_b = tile_n * words / threads;

  struct Shared {
    alignas(16) unsigned a[2][tile_m][stride];
    alignas(16) unsigned b[2][tile_n][stride];
  };

  // Which of a tile's words a thread fetches, one after the other. A warp fetches a patch of 8 rows
  // and 4 words: all banks when they are kept (20 r + w, r < 8, w < 4, are 32 different numbers modulo
  // 32), and whole sectors of memory if 8 values lie side by side along the rows, or two to a word
  // along the terms. Along the terms of tf32 it is 2 rows and 16 words, for whole sectors, in two
  // passes.
  struct Walk {
    bool wide;
    int rows, lane, warp;  // rows: of patches in a tile
    __device__ __forceinline__ Walk(int thread, int tile, bool along_terms)
        : wide(along_terms && per_word == 1), rows(tile / (wide ? 2 : 8)), lane(thread % 32),
          warp(thread / 32) {}
    __device__ __forceinline__ int outer(int e) const {
      const int row = (warp + 8 * e) % rows;
      return wide ? 2 * row + lane / words : 8 * row + lane % 8;
    }
    __device__ __forceinline__ int word(int e) const {
      return wide ? lane % words : (warp + 8 * e) / rows * 4 + lane / 8;
    }
  };

  Shared& shared;
  const int thread, lane, warp_row, warp_column;  // where the warp's part of the tile begins
  float sums[per_m][per_n][4] = {};

  __device__ explicit TensorTiles(Shared& shared)
      : shared(shared), thread(threadIdx.x), lane(threadIdx.x % 32),
        warp_row(threadIdx.x / 32 / 4 * warp_m), warp_column(threadIdx.x / 32 % 4 * warp_n) {}

  // sums += sum of rows(first_row + i, l) columns(l, first_column + j) over first_term <= l <
  // last_term: as RegisterTiles::multiply.
  template <typename Rows, typename Columns>
  __device__ void multiply(const Rows& rows, bool rows_along_terms, int first_row,
                           const Columns& columns, bool columns_along_terms, int first_column,
                           int first_term, int last_term) {
    const Walk walk_a(thread, tile_m, rows_along_terms);
    const Walk walk_b(thread, tile_n, columns_along_terms);
    decltype(rows.outer(0)) outer_a[loads_a];
    decltype(columns.outer(0)) outer_b[loads_b];
    unsigned next_a[loads_a], next_b[loads_b];
#pragma unroll
    for (int e = 0; e < loads_a; e++) outer_a[e] = rows.outer(first_row + walk_a.outer(e));
#pragma unroll
    for (int e = 0; e < loads_b; e++) outer_b[e] = columns.outer(first_column + walk_b.outer(e));
    auto word_of = [&](const auto& operand, const auto& outer, int first) {
      float values[per_word];
#pragma unroll
      for (int i = 0; i < per_word; i++) {
        const int l = first + i;
        values[i] = l < last_term ? operand.value(outer, operand.term(l)) : 0.0f;
      }
      return Factor<kind>::word(values);
    };
    auto fetch = [&](int start) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        next_a[e] = word_of(rows, outer_a[e], start + per_word * walk_a.word(e));
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        next_b[e] = word_of(columns, outer_b[e], start + per_word * walk_b.word(e));
      }
    };
    auto keep = [&](int buffer) {
#pragma unroll
      for (int e = 0; e < loads_a; e++) {
        shared.a[buffer][walk_a.outer(e)][walk_a.word(e)] = next_a[e];
      }
#pragma unroll
      for (int e = 0; e < loads_b; e++) {
        shared.b[buffer][walk_b.outer(e)][walk_b.word(e)] = next_b[e];
      }
    };
    int buffer = 0;
    fetch(first_term);
    keep(0);
    __syncthreads();
    for (int start = first_term; start < last_term; start += depth) {
      const bool more = start + depth < last_term;
      if (more) fetch(start + depth);
      add_products(buffer);
      if (more) keep(buffer ^ 1);  // nobody reads there: all have passed the barrier before
      __syncthreads();
      buffer ^= 1;
    }
  }

  // ldmatrix brings four 8x4 blocks of words, in the order of mma's registers: of a the upper and
  // lower eight rows, first words 0 to 3 and then 4 to 7; of b, whose rows are columns of the
  // product, words 0 to 3 and 4 to 7 of eight columns, and then of eight more.
  __device__ __forceinline__ void add_products(int buffer) {
#pragma unroll
    for (int word = 0; word < words; word += 8) {
      unsigned of_a[per_m][4], of_b[per_n][2];
#pragma unroll
      for (int i = 0; i < per_m; i++) {
        const int row = warp_row + 16 * i + lane % 16;
        ptx::ldmatrix(of_a[i], &shared.a[buffer][row][word + lane / 16 * 4]);
      }
#pragma unroll
      for (int j = 0; j < per_n; j += 2) {
        unsigned both[4];
        const int row = warp_column + 8 * j + lane / 16 * 8 + lane % 8;
        ptx::ldmatrix(both, &shared.b[buffer][row][word + lane / 8 % 2 * 4]);
        of_b[j][0] = both[0];
        of_b[j][1] = both[1];
        of_b[j + 1][0] = both[2];
        of_b[j + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < per_m; i++) {
#pragma unroll
        for (int j = 0; j < per_n; j++) Factor<kind>::add(sums[i][j], of_a[i], of_b[j]);
      }
    }
  }

  // Calls function(row, column, value, next) for each pair of neighbours in a row that this thread
  // holds: `next` is the value of column + 1. Both are places within the tile.
  template <typename Function>
  __device__ __forceinline__ void for_each_pair(Function function) {
#pragma unroll
    for (int i = 0; i < per_m; i++) {
#pragma unroll
      for (int j = 0; j < per_n; j++) {
#pragma unroll
        for (int k = 0; k < 4; k += 2) {
          function(warp_row + 16 * i + lane / 4 + 4 * k, warp_column + 8 * j + 2 * (lane % 4),
                   sums[i][j][k], sums[i][j][k + 1]);
        }
      }
    }
  }
};

// Writes a pair into a row of `columns` values, as far as they are in it: as one, where all rows
// begin at even places.
__device__ __forceinline__ void store_pair(float* row, int column, int columns, float value,
                                           float next) {
  if (columns % 2 == 0) {
    if (column < columns) *reinterpret_cast<float2*>(row + column) = make_float2(value, next);
    return;
  }
  if (column < columns) row[column] = value;
  if (column + 1 < columns) row[column + 1] = next;
}
