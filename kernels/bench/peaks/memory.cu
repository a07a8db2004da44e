// The peak of memory: a = b + c, each thread with 16 bytes of each array. And a reader, which fills
// the L2 cache with an array, any number of times over in one launch.
//
// Bound by: memory traffic. Neighbouring threads touch neighbouring bytes, and there are threads
// enough that many requests are always on their way.

template <typename T>
struct Vector {
  static constexpr int size = 16 / sizeof(T);
  alignas(16) T values[size];
};

template <typename T>
__global__ void add(const T* __restrict__ b, const T* __restrict__ c, T* __restrict__ a,
                    long long n) {
  using V = Vector<T>;
  constexpr int size = V::size;
  const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const long long first = thread * size;
  if (first + size <= n) {
    V x = *reinterpret_cast<const V*>(b + first);
    const V y = *reinterpret_cast<const V*>(c + first);
#pragma unroll
    for (int k = 0; k < size; k++) x.values[k] += y.values[k];
    *reinterpret_cast<V*>(a + first) = x;
  } else {
    for (long long i = first; i < n; i++) a[i] = b[i] + c[i];
  }
}

// y[t] = passes * (x[t] + x[t + threads] + x[t + 2 threads] + ...): a sum, so that no compiler leaves
// out the reading.
__global__ void sweep(const float* __restrict__ x, float* __restrict__ y, long long n, int passes) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int threads = gridDim.x * blockDim.x;
  float sum = 0;
  for (int pass = 0; pass < passes; pass++) {
#pragma unroll 8
    for (long long i = t; i < n; i += threads) sum += x[i];
  }
  y[t] = sum;
}
