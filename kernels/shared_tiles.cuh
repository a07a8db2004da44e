// The product of a strip of rows and a strip of columns, by 32x32 threads with a value each, through
// tiles in shared memory. What the rows and columns are, an operand says: a matrix, or the windows
// of an image.
#pragma once

#include "operand.cuh"

template <typename T>
struct SharedTiles {
  static constexpr int side = 32;

  // One column more than needed: a tile that is written downwards would otherwise have all its 32
  // values in one bank.
  struct Shared {
    T a[side][side + 1], b[side][side + 1];
  };

  // The value of the thread's row and column: the sum of rows(first_row + threadIdx.y, l)
  // columns(l, first_column + threadIdx.x) over first_term <= l < last_term. *_along_terms:
  // whether neighbouring terms are neighbours in memory, so that neighbouring threads fetch them.
  template <typename Rows, typename Columns>
  __device__ static T multiply(Shared& shared, const Rows& rows, bool rows_along_terms,
                               int first_row, const Columns& columns, bool columns_along_terms,
                               int first_column, int first_term, int last_term) {
    const int x = threadIdx.x, y = threadIdx.y;
    const int row = rows_along_terms ? y : x, row_term = rows_along_terms ? x : y;
    const int column = columns_along_terms ? y : x, column_term = columns_along_terms ? x : y;
    const auto outer_a = rows.outer(first_row + row);
    const auto outer_b = columns.outer(first_column + column);
    T sum = 0;
    for (int start = first_term; start < last_term; start += side) {
      const int l = start + row_term, h = start + column_term;
      shared.a[row][row_term] = l < last_term ? value_of<T>(rows, outer_a, rows.term(l)) : T(0);
      shared.b[column_term][column] =
          h < last_term ? value_of<T>(columns, outer_b, columns.term(h)) : T(0);
      __syncthreads();
#pragma unroll
      for (int s = 0; s < side; s++) sum += shared.a[y][s] * shared.b[s][x];
      __syncthreads();  // before the next round overwrites what others still read
    }
    return sum;
  }
};
