// The product of a strip of rows and a strip of columns on tensor cores, fed by copies that run
// while others are multiplied: memory to shared memory, 16 bytes at a time, without a register
// between. What lies in shared memory is float, and rounded when a warp reads it.
//
// Asks of both operands that four neighbours, along the terms or along the outer index, lie side by
// side in memory, at a multiple of 16 bytes, and are inside together.
#pragma once

#include "operand.cuh"
#include "tensor_sums.cuh"

// `tile` rows or columns and 16 terms, in chunks of four values: `along` the terms, or else along the
// outer index, whichever are neighbours in memory. Laid out so that what a warp reads at once lies in
// different banks.
template <Kind kind, int tile, bool along>
struct Staged {
  static constexpr int depth = 16, chunks = tile * depth / 4, per_word = Factor<kind>::per_word;
  // From one term to the next where the outer index is the fast one. Lanes read eight values each of
  // four terms, which are per_word apart: at 0, 8, 16 and 24 modulo 32.
  static constexpr int stride = tile + 8 / per_word;
  alignas(16) float values[depth * (along ? tile : stride)];

  // The chunk's first value. Neighbouring numbers are neighbours in memory.
  __device__ __forceinline__ static int outer_of(int chunk) {
    return along ? chunk / (depth / 4) : chunk % (tile / 4) * 4;
  }
  __device__ __forceinline__ static int term_of(int chunk) {
    return along ? chunk % (depth / 4) * 4 : chunk / (tile / 4);
  }

  // Along the terms, ldmatrix reads a chunk each of eight rows at once. Two rows fill all banks, so
  // each pair of rows has its own order of chunks (a swizzle): chunk ^ 0, 2, 1, 3. Pairs of 16-bit
  // factors are read from four rows at once, two chunks of each: ^ 0 and ^ 2 make four different ones
  // of them, as do ^ 1 and ^ 3.
  __device__ __forceinline__ static int place(int outer, int term) {
    if constexpr (!along) return term * stride + outer;
    const int order = (outer & 2) | (outer >> 2 & 1);
    return outer * depth + (term / 4 ^ order) * 4 + term % 4;
  }

  // Four blocks of 8 outer indices and 4 words, as mma's registers of one lane: in the order (0, 0),
  // (8, 0), (0, 4), (8, 4) of a's rows and words, or (0, 0), (0, 4), (8, 0), (8, 4) of b's columns.
  template <bool of_a>
  __device__ __forceinline__ void read(unsigned (&registers)[4], int outer, int term) const {
    auto block_outer = [&](int i) { return outer + 8 * (of_a ? i % 2 : i / 2); };
    auto block_term = [&](int i) { return term + 4 * per_word * (of_a ? i / 2 : i % 2); };
    const int lane = threadIdx.x % 32;
    if constexpr (along && per_word == 1) {
      const int block = lane / 8;
      ptx::ldmatrix(registers, values + place(block_outer(block) + lane % 8, block_term(block)));
#pragma unroll
      for (int i = 0; i < 4; i++) {
        registers[i] = Factor<kind>::word({__uint_as_float(registers[i])});
      }
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        registers[i] = word(block_outer(i) + lane / 4, block_term(i) + per_word * (lane % 4));
      }
    }
  }

  // The word of a factor that begins at `term`.
  __device__ __forceinline__ unsigned word(int outer, int term) const {
    if constexpr (per_word == 1) {
      return Factor<kind>::word({values[place(outer, term)]});
    } else if constexpr (along) {
      const float2 pair = *reinterpret_cast<const float2*>(values + place(outer, term));
      return Factor<kind>::word({pair.x, pair.y});
    } else {
      return Factor<kind>::word({values[place(outer, term)], values[place(outer, term + 1)]});
    }
  }

  // Starts to copy a thread's chunks of the terms from `start` on; zeros where nothing is inside.
  template <int count, typename Operand, typename Outer>
  __device__ __forceinline__ void copy(const Operand& operand, const Outer (&outer)[count], int start,
                                       int last_term) {
#pragma unroll
    for (int e = 0; e < count; e++) {
      const int chunk = threadIdx.x + chunks / count * e, l = start + term_of(chunk);
      const auto term = operand.term(l);
      ptx::cp_async<16>(values + place(outer_of(chunk), term_of(chunk)), operand.at(outer[e], term),
                        l < last_term && operand.inside(outer[e], term));
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

  // sums += sum of rows(first_row + i, l) columns(l, first_column + j) over first_term <= l <
  // last_term. While one stage is multiplied, the next three are on their way.
  template <typename RowsOperand, typename ColumnsOperand>
  __device__ void multiply(const RowsOperand& rows, int first_row, const ColumnsOperand& columns,
                           int first_column, int first_term, int last_term) {
    decltype(rows.outer(0)) outer_a[copies];
    decltype(columns.outer(0)) outer_b[copies];
#pragma unroll
    for (int e = 0; e < copies; e++) {
      const int chunk = threadIdx.x + threads * e;
      outer_a[e] = rows.outer(first_row + Rows::outer_of(chunk));
      outer_b[e] = columns.outer(first_column + Columns::outer_of(chunk));
    }
    auto copy = [&](int step) {
      Stage& stage = shared[step % stages];
      const int start = first_term + step * depth;
      if (start < last_term) {
        stage.a.copy(rows, outer_a, start, last_term);
        stage.b.copy(columns, outer_b, start, last_term);
      }
      ptx::cp_async_commit();  // of nothing, too, so that the groups can be counted
    };
#pragma unroll
    for (int step = 0; step < stages - 1; step++) copy(step);
    for (int step = 0; first_term + step * depth < last_term; step++) {
      ptx::cp_async_wait<stages - 2>();  // the oldest has arrived, of this thread's
      __syncthreads();                   // of all; and all are done with the one before
      copy(step + stages - 1);           // which is overwritten
      add_products(shared[step % stages]);
    }
  }

  __device__ __forceinline__ void add_products(const Stage& stage) {
    constexpr int per_word = Factor<kind>::per_word;
#pragma unroll
    for (int term = 0; term < depth; term += 8 * per_word) {
      unsigned of_a[per_m][4], of_b[per_n][2];
#pragma unroll
      for (int i = 0; i < per_m; i++) stage.a.template read<true>(of_a[i], row + 16 * i, term);
#pragma unroll
      for (int j = 0; j < per_n; j += 2) {
        unsigned both[4];
        stage.b.template read<false>(both, column + 8 * j, term);
#pragma unroll
        for (int i = 0; i < 4; i++) of_b[j + i / 2][i % 2] = both[i];
      }
      this->add(of_a, of_b);
    }
  }
};
