// The moments of a part of the rows: how many there are, the mean of each column, and the sum of
// squares around it; 1 + 2 c numbers, of which nothing but the first is set where there are no rows.
#pragma once

struct Part {
  double* const values;
  const int c;
  __device__ __forceinline__ Part(double* parts, long long number, int c)
      : values(parts + number * (1 + 2 * c)), c(c) {}
  __device__ __forceinline__ double& count() const { return values[0]; }
  __device__ __forceinline__ double& mean(int j) const { return values[1 + j]; }
  __device__ __forceinline__ double& squares(int j) const { return values[1 + c + j]; }
};
