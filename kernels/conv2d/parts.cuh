// Adds up the parts of a sum that blocks have computed.
#pragma once

// result[i] = the sum of parts[0][i], parts[1][i], ..., always in this order.
template <typename T>
__global__ void sum_parts(const T* __restrict__ parts, T* __restrict__ result, int count,
                          long long size) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  T sum = 0;
  for (int part = 0; part < count; part++) sum += parts[part * size + i];
  result[i] = sum;
}
