// The formulas of batch_norm/__init__.py for one value, given its column's statistics.
#pragma once

template <typename T>
struct Column {
  T weight, bias, mean, scale;  // scale = 1 / sqrt(var + eps)
  __device__ __forceinline__ Column(const T* weights, const T* biases, const T* means,
                                    const T* variances, T eps, int j)
      : weight(weights[j]), bias(biases[j]), mean(means[j]),
        scale(T(1) / sqrt(variances[j] + eps)) {}
  __device__ __forceinline__ T z(T x) const { return (x - mean) * scale; }
  __device__ __forceinline__ T y(T x, T slope) const {
    const T u = weight * z(x) + bias;
    return u > T(0) ? u : slope * u;
  }
  // The gradient behind the activation.
  __device__ __forceinline__ T grad(T x, T grad_y, T slope) const {
    return weight * z(x) + bias > T(0) ? grad_y : slope * grad_y;
  }
  __device__ __forceinline__ T grad_x(T x, T grad_y, T slope, T grad_weight, T grad_bias,
                                      T m) const {
    return weight * scale * (grad(x, grad_y, slope) - grad_bias / m - z(x) * grad_weight / m);
  }
};
