// The product of a strip of rows and a strip of columns on tensor cores, fed by copies that run
// while others are multiplied: memory to shared memory, 16 bytes at a time, without a register
// between. Shared memory holds floats; a warp rounds them when it reads them.
//
// In both operands four neighbours, along k or along the rows, must lie side by side in memory, at a
// multiple of 16 bytes, and be inside together.
#pragma once

#include "cuda/operand.cuh"
#include "cuda/tensor_sums.cuh"

// `tile` rows or columns and 16 values along k, in chunks of four values: `along` k, or else along the
// rows, whichever are neighbours in memory. The layout puts the values that a warp reads at once into
// different banks.
template <Kind kind, int tile, bool along>
struct Staged {
  static constexpr int depth = 16, chunks = tile * depth / 4, per_word = Factor<kind>::per_word;
  // The distance from one l to the next where the rows are the fast index. Lanes read eight values at
  // each of four l, which are per_word apart: at 0, 8, 16 and 24 modulo 32.
  static constexpr int stride = tile + 8 / per_word;
  alignas(16) float values[depth * (along ? tile : stride)];

  // The chunk's first value. Neighbouring numbers are neighbours in memory.
  __device__ __forceinline__ static int row_of(int chunk) {
    return along ? chunk / (depth / 4) : chunk % (tile / 4) * 4;
  }
  __device__ __forceinline__ static int k_of(int chunk) {
    return along ? chunk % (depth / 4) * 4 : chunk / (tile / 4);
  }

  // Along k, ldmatrix reads a chunk each of eight rows at once. Two rows fill all banks, so
  // each pair of rows has its own order of chunks (a swizzle): chunk ^ 0, 2, 1, 3. Pairs of 16-bit
  // factors are read from four rows at once, two chunks of each: ^ 0 and ^ 2 make four different ones
  // of them, as do ^ 1 and ^ 3.
  __device__ __forceinline__ static int place(int row, int k) {
    if constexpr (!along) return k * stride + row;
    const int order = (row & 2) | (row >> 2 & 1);
    return row * depth + (k / 4 ^ order) * 4 + k % 4;
  }

  // Four blocks of 8 rows and 4 words, as mma's registers of one lane: in the order (0, 0),
  // (8, 0), (0, 4), (8, 4) of a's rows and words, or (0, 0), (0, 4), (8, 0), (8, 4) of b's columns.
  template <bool of_a>
  __device__ __forceinline__ void read(unsigned (&registers)[4], int row, int k) const {
    auto block_row = [&](int i) { return row + 8 * (of_a ? i % 2 : i / 2); };
    auto block_k = [&](int i) { return k + 4 * per_word * (of_a ? i / 2 : i % 2); };
    const int lane = threadIdx.x % 32;
    if constexpr (along && per_word == 1) {
      const int block = lane / 8;
      ptx::ldmatrix(registers, values + place(block_row(block) + lane % 8, block_k(block)));
#pragma unroll
      for (int i = 0; i < 4; i++) {
        registers[i] = Factor<kind>::word({__uint_as_float(registers[i])});
      }
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        registers[i] = word(block_row(i) + lane / 4, block_k(i) + per_word * (lane % 4));
      }
    }
  }

  // The word of a factor that begins at `k`.
  __device__ __forceinline__ unsigned word(int row, int k) const {
    if constexpr (per_word == 1) {
      return Factor<kind>::word({values[place(row, k)]});
    } else if constexpr (along) {
      const float2 pair = *reinterpret_cast<const float2*>(values + place(row, k));
      return Factor<kind>::word({pair.x, pair.y});
    } else {
      return Factor<kind>::word({values[place(row, k)], values[place(row, k + 1)]});
    }
  }

  // Starts to copy a thread's chunks from `start` on along k; zeros where nothing is inside.
  template <int count, typename Operand, typename Row>
  __device__ __forceinline__ void copy(const Operand& operand, const Row (&rows)[count], int start,
                                       int last_k) {
#pragma unroll
    for (int e = 0; e < count; e++) {
      const int chunk = threadIdx.x + chunks / count * e, l = start + k_of(chunk);
      const auto inner = operand.inner(l);
      ptx::cp_async<16>(values + place(row_of(chunk), k_of(chunk)), operand.at(rows[e], inner),
                        l < last_k && operand.inside(rows[e], inner));
    }
  }
};

// side x side: of the block's tile, 64 or 128, with 128 or 256 threads: two warps along the rows, each
// with 32 columns.
template <Kind kind, int side, bool rows_along, bool columns_along>
struct TensorPipeline : WarpSums<kind, side / 32, 4> {
  static constexpr int per_m = side / 32, per_n = 4, threads = 2 * side, stages = 4;
  using Sums = WarpSums<kind, per_m, per_n>;
  using Sums::column, Sums::lane, Sums::row;
  using Rows = Staged<kind, side, rows_along>;
  using Columns = Staged<kind, side, columns_along>;
  static constexpr int depth = Rows::depth, copies = Rows::chunks / threads;
  static constexpr bool even = true;  // columns are a multiple of four

  struct Stage {
    Rows a;
    Columns b;
  };
  Stage* const shared;  // of `stages`

  __device__ explicit TensorPipeline(Stage* shared) : Sums(side / 32), shared(shared) {}

  // sums += sum of rows(first_row + i, l) columns(l, first_column + j) over first_k <= l <
  // last_k. While one stage is multiplied, the next three are on their way.
  template <typename RowsOperand, typename ColumnsOperand>
  __device__ void multiply(const RowsOperand& rows, int first_row, const ColumnsOperand& columns,
                           int first_column, int first_k, int last_k) {
    decltype(rows.row(0)) rows_a[copies];
    decltype(columns.row(0)) rows_b[copies];
#pragma unroll
    for (int e = 0; e < copies; e++) {
      const int chunk = threadIdx.x + threads * e;
      rows_a[e] = rows.row(first_row + Rows::row_of(chunk));
      rows_b[e] = columns.row(first_column + Columns::row_of(chunk));
    }
    auto copy = [&](int step) {
      Stage& stage = shared[step % stages];
      const int start = first_k + step * depth;
      if (start < last_k) {
        stage.a.copy(rows, rows_a, start, last_k);
        stage.b.copy(columns, rows_b, start, last_k);
      }
      ptx::cp_async_commit();  // of nothing, too, so that the groups can be counted
    };
#pragma unroll
    for (int step = 0; step < stages - 1; step++) copy(step);
    for (int step = 0; first_k + step * depth < last_k; step++) {
      ptx::cp_async_wait<stages - 2>();  // the oldest has arrived, of this thread's
      __syncthreads();                   // of all; and all are done with the one before
      copy(step + stages - 1);           // which is overwritten
      add_products(shared[step % stages]);
    }
  }

  __device__ __forceinline__ void add_products(const Stage& stage) {
    constexpr int per_word = Factor<kind>::per_word;
#pragma unroll
    for (int k = 0; k < depth; k += 8 * per_word) {
      unsigned of_a[per_m][4], of_b[per_n][2];
#pragma unroll
      for (int i = 0; i < per_m; i++) stage.a.template read<true>(of_a[i], row + 16 * i, k);
#pragma unroll
      for (int j = 0; j < per_n; j += 2) {
        unsigned both[4];
        stage.b.template read<false>(both, column + 8 * j, k);
#pragma unroll
        for (int i = 0; i < 4; i++) of_b[j + i / 2][i % 2] = both[i];
      }
      this->add(of_a, of_b);
    }
  }
};
