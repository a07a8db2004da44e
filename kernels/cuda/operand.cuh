// Operands: the factors of matrix products. An operand is a matrix with two indices, a row, which the
// result keeps, and an inner index along k, which the product sums over. (The rows of the second
// factor are the columns of the product.) The matrix need not be in memory as such.
//
//     row(i), inner(l)      the part that depends on one index alone, computed once for many values
//     inside(row, inner)    whether there is a value; elsewhere the value is 0
//     at(row, inner)        the value's address, if inside
#pragma once

template <typename T, typename Operand, typename Row, typename Inner>
__device__ __forceinline__ T value_of(const Operand& operand, Row row, Inner inner) {
  return operand.inside(row, inner) ? *operand.at(row, inner) : T(0);
}
