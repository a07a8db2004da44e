// Activations, rung 2: 16 bytes at a time, as many threads as the GPU holds.
//
// Changed:  a thread loads and stores vectors of 16 bytes (4 floats or 2 doubles) and walks through
//           the array in steps of the whole grid; the last values, fewer than a vector, one by one.
// Faster:   a quarter of the memory instructions and of the index arithmetic for the same bytes, and
//           more bytes on their way per thread; the grid is launched once, not block after block.
// Bound by: memory traffic, as anything that does so little with each value.

template <typename T>
struct Vector {
  static constexpr int size = 16 / sizeof(T);
  alignas(16) T values[size];
};

// result[i] = function(a[i], b[i]) for i < n. All arrays begin at multiples of 16 bytes.
template <typename T, typename Function>
__device__ __forceinline__ void for_each(const T* __restrict__ a, const T* __restrict__ b,
                                         T* __restrict__ result, long long n, Function function) {
  const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long vectors = n / Vector<T>::size;
  for (long long i = thread; i < vectors; i += threads) {
    const Vector<T> x = reinterpret_cast<const Vector<T>*>(a)[i];
    const Vector<T> y = reinterpret_cast<const Vector<T>*>(b)[i];
    Vector<T> z;
#pragma unroll
    for (int k = 0; k < Vector<T>::size; k++) z.values[k] = function(x.values[k], y.values[k]);
    reinterpret_cast<Vector<T>*>(result)[i] = z;
  }
  const long long rest = vectors * Vector<T>::size + thread;
  if (rest < n) result[rest] = function(a[rest], b[rest]);
}

template <typename T>
__global__ void relu(const T* __restrict__ x, T* __restrict__ y, long long n) {
  for_each(x, x, y, n, [](T v, T) { return v < T(0) ? T(0) : v; });
}

template <typename T>
__global__ void relu_backward(const T* __restrict__ grad, const T* __restrict__ y,
                              T* __restrict__ result, long long n) {
  for_each(grad, y, result, n, [](T g, T v) { return v > T(0) ? g : T(0); });
}

template <typename T>
__global__ void leaky_relu(const T* __restrict__ x, T* __restrict__ y, T slope, long long n) {
  for_each(x, x, y, n, [=](T v, T) { return v > T(0) ? v : slope * v; });
}

template <typename T>
__global__ void leaky_relu_backward(const T* __restrict__ grad, const T* __restrict__ y,
                                    T* __restrict__ result, T slope, long long n) {
  for_each(grad, y, result, n, [=](T g, T v) { return v > T(0) ? g : slope * g; });
}

template <typename T>
__global__ void tanh_forward(const T* __restrict__ x, T* __restrict__ y, long long n) {
  for_each(x, x, y, n, [](T v, T) { return tanh(v); });
}

template <typename T>
__global__ void tanh_backward(const T* __restrict__ grad, const T* __restrict__ y,
                              T* __restrict__ result, long long n) {
  for_each(grad, y, result, n, [](T g, T v) { return g * (T(1) - v * v); });
}
