// The formulas of batch_norm/__init__.py for one value, given its column's statistics.
#pragma once

template <typename T>
struct Column {
  T weight, bias, mean, scale;  // scale = 1 / sqrt(var + eps)
  __device__ __forceinline__ Column(T weight, T bias, T mean, T var, T eps)
      : weight(weight), bias(bias), mean(mean), scale(T(1) / sqrt(var + eps)) {}
  __device__ __forceinline__ T z(T x) const { return (x - mean) * scale; }
  __device__ __forceinline__ T y(T x, T slope) const {
    const T u = weight * z(x) + bias;
    return u > T(0) ? u : slope * u;
  }
  // The gradient by u, the input of the activation.
  __device__ __forceinline__ T grad(T x, T grad_y, T slope) const {
    return weight * z(x) + bias > T(0) ? grad_y : slope * grad_y;
  }
  // weight_mean = grad_weight / m, bias_mean = grad_bias / m.
  __device__ __forceinline__ T grad_x(T x, T grad_y, T slope, T weight_mean, T bias_mean) const {
    return weight * scale * (grad(x, grad_y, slope) - bias_mean - z(x) * weight_mean);
  }
};
