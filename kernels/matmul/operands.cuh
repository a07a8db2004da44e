// The factors of a matrix product as operands (operand.cuh).
#pragma once

struct Offset {
  long long offset;
  bool valid;  // inside of the matrix
};

// A matrix whose outer index and terms lie `outer_stride` and `term_stride` apart in memory.
template <typename T>
struct MatrixOperand {
  const T* __restrict__ values;
  long long outer_stride, term_stride;
  int outers;
  __device__ __forceinline__ Offset outer(int i) const { return {i * outer_stride, i < outers}; }
  __device__ __forceinline__ long long term(int l) const { return l * term_stride; }
  __device__ __forceinline__ bool inside(Offset a, long long term) const { return a.valid; }
  __device__ __forceinline__ const T* at(Offset a, long long term) const {
    return values + a.offset + term;
  }
};
