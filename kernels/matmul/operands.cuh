// The factors of a matrix product as operands (operand.cuh).
#pragma once

struct Offset {
  long long offset;
  bool valid;  // inside of the matrix
};

// A matrix with these strides along its rows and along k.
template <typename T>
struct MatrixOperand {
  const T* __restrict__ values;
  long long row_stride, k_stride;
  int rows;
  __device__ __forceinline__ Offset row(int i) const { return {i * row_stride, i < rows}; }
  __device__ __forceinline__ long long inner(int l) const { return l * k_stride; }
  __device__ __forceinline__ bool inside(Offset a, long long inner) const { return a.valid; }
  __device__ __forceinline__ const T* at(Offset a, long long inner) const {
    return values + a.offset + inner;
  }
};
