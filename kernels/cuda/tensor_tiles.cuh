// The product of a strip of 64 rows and a strip of 64 columns on tensor cores, by 256 threads. The
// same operands as for register_tiles.cuh; their float values are rounded to tf32, bfloat16 or
// float16 on their way into shared memory, and summed in float.
#pragma once

#include "cuda/operand.cuh"
#include "cuda/tensor_sums.cuh"
#include "cuda/two_buffers.cuh"

// 8 warps, 2 along the rows and 4 along the columns.
template <Kind kind>
struct TensorTiles : WarpSums<kind, 2, 2> {
  using Sums = WarpSums<kind, 2, 2>;
  using Sums::column, Sums::lane, Sums::row;
  static constexpr int side = 64, threads = 256, per_word = Factor<kind>::per_word;
  // Words of a row of a shared tile, along k, and from one row to the next: with 20, the rows
  // that ldmatrix reads together, 16 bytes of each of eight, lie in eight different groups of banks.
  static constexpr int words = 16, stride = words + 4, depth = words * per_word;
  static constexpr int loads = side * words / threads;
  static constexpr bool even = false;  // the result may have any number of columns

  struct Shared {
    alignas(16) unsigned a[2][side][stride];
    alignas(16) unsigned b[2][side][stride];
  };

  // Which of a tile's words a thread fetches, one after the other. A warp fetches a patch of 8 rows
  // and 4 words: all banks when they are kept (20 r + w, r < 8, w < 4, are 32 different numbers modulo
  // 32), and whole sectors of memory if 8 values lie side by side along the rows, or two to a word
  // along k. With tf32 along k it is 2 rows and 16 words, for whole sectors, in two
  // passes.
  struct Walk {
    bool wide;
    int rows, lane, warp;  // rows: of patches in a tile
    __device__ __forceinline__ explicit Walk(bool along_k)
        : wide(along_k && per_word == 1), rows(side / (wide ? 2 : 8)), lane(threadIdx.x % 32),
          warp(threadIdx.x / 32) {}
    __device__ __forceinline__ int row(int e) const {
      const int row = (warp + 8 * e) % rows;
      return wide ? 2 * row + lane / words : 8 * row + lane % 8;
    }
    __device__ __forceinline__ int word(int e) const {
      return wide ? lane % words : (warp + 8 * e) / rows * 4 + lane / 8;
    }
  };

  Shared& shared;

  __device__ explicit TensorTiles(Shared& shared) : Sums(4), shared(shared) {}

  // sums += sum of rows(first_row + i, l) columns(l, first_column + j) over first_k <= l <
  // last_k: as RegisterTiles::multiply.
  template <typename Rows, typename Columns>
  __device__ void multiply(const Rows& rows, bool rows_along_k, int first_row,
                           const Columns& columns, bool columns_along_k, int first_column,
                           int first_k, int last_k) {
    const Walk walk_a(rows_along_k), walk_b(columns_along_k);
    decltype(rows.row(0)) rows_a[loads];
    decltype(columns.row(0)) rows_b[loads];
    unsigned next_a[loads], next_b[loads];
#pragma unroll
    for (int e = 0; e < loads; e++) {
      rows_a[e] = rows.row(first_row + walk_a.row(e));
      rows_b[e] = columns.row(first_column + walk_b.row(e));
    }
    auto word_of = [&](const auto& operand, const auto& row, int first) {
      float values[per_word];
#pragma unroll
      for (int i = 0; i < per_word; i++) {
        const int l = first + i;
        values[i] = l < last_k ? value_of<float>(operand, row, operand.inner(l)) : 0.0f;
      }
      return Factor<kind>::word(values);
    };
    auto fetch = [&](int start) {
#pragma unroll
      for (int e = 0; e < loads; e++) {
        next_a[e] = word_of(rows, rows_a[e], start + per_word * walk_a.word(e));
        next_b[e] = word_of(columns, rows_b[e], start + per_word * walk_b.word(e));
      }
    };
    auto keep = [&](int buffer) {
#pragma unroll
      for (int e = 0; e < loads; e++) {
        shared.a[buffer][walk_a.row(e)][walk_a.word(e)] = next_a[e];
        shared.b[buffer][walk_b.row(e)][walk_b.word(e)] = next_b[e];
      }
    };
    through_two_buffers<depth>(first_k, last_k, fetch, keep,
                               [&](int buffer) { add_products(buffer); });
  }

  // ldmatrix brings four 8x4 blocks of words, in the order of mma's registers: of a the upper and
  // lower eight rows, first words 0 to 3 and then 4 to 7; of b, whose rows are columns of the
  // product, words 0 to 3 and 4 to 7 of eight columns, and then of eight more.
  __device__ __forceinline__ void add_products(int buffer) {
#pragma unroll
    for (int word = 0; word < words; word += 8) {
      unsigned of_a[2][4], of_b[2][2], both[4];
#pragma unroll
      for (int i = 0; i < 2; i++) {
        ptx::ldmatrix(of_a[i], &shared.a[buffer][row + 16 * i + lane % 16][word + lane / 16 * 4]);
      }
      const int of_lane = column + lane / 16 * 8 + lane % 8;
      ptx::ldmatrix(both, &shared.b[buffer][of_lane][word + lane / 8 % 2 * 4]);
#pragma unroll
      for (int i = 0; i < 4; i++) of_b[i / 2][i % 2] = both[i];
      this->add(of_a, of_b);
    }
  }
};
