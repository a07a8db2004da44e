// What the kernels for products multiply: operands. An operand is a matrix with two indices, an outer
// one, which the result keeps, and a term, which is summed over. It need not be in memory as such.
//
//     outer(i), term(l)      what depends on one index alone, computed once for many values
//     inside(outer, term)    whether there is a value; elsewhere it counts as 0
//     at(outer, term)        where it is, if inside
#pragma once

template <typename T, typename Operand, typename Outer, typename Term>
__device__ __forceinline__ T value_of(const Operand& operand, Outer outer, Term term) {
  return operand.inside(outer, term) ? *operand.at(outer, term) : T(0);
}
