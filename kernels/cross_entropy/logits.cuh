// The formulas of cross_entropy/__init__.py for one logit.
#pragma once

template <typename T>
__device__ __forceinline__ T softplus(T x) {
  return (x > T(0) ? x : T(0)) + log1p(exp(x > T(0) ? -x : x));
}

// softplus(x) - target x; with the target 1 as softplus(-x), without the difference.
template <typename T>
__device__ __forceinline__ double loss_of(T x, T target) {
  const double value = x;
  return target == T(1) ? softplus(-value) : softplus(value) - target * value;
}
