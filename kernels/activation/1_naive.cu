// Activations, rung 1: one thread for one value.
//
// Changed:  the loop of the reference has become the grid; thread i computes value i.
// Faster:   thousands of threads wait for memory at once, where the loop waits for one value.
// Bound by: memory traffic, and by the work around it: each thread computes an index and compares
//           it with n for 4 bytes read and 4 written.

template <typename T>
__global__ void relu(const T* __restrict__ x, T* __restrict__ y, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] < T(0) ? T(0) : x[i];  // not x > 0 ? x : 0, which would hide NaN
}

template <typename T>
__global__ void relu_backward(const T* __restrict__ grad, const T* __restrict__ y,
                              T* __restrict__ result, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) result[i] = y[i] > T(0) ? grad[i] : T(0);
}

template <typename T>
__global__ void leaky_relu(const T* __restrict__ x, T* __restrict__ y, T slope, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] > T(0) ? x[i] : slope * x[i];
}

// The output has the input's sign (slope >= 0), so the input need not be kept.
template <typename T>
__global__ void leaky_relu_backward(const T* __restrict__ grad, const T* __restrict__ y,
                                    T* __restrict__ result, T slope, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) result[i] = y[i] > T(0) ? grad[i] : slope * grad[i];
}

// ::tanh, whose error is an ulp or two; the hardware's tanh.approx is off by 2^-11.
template <typename T>
__global__ void tanh_forward(const T* __restrict__ x, T* __restrict__ y, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) y[i] = tanh(x[i]);
}

template <typename T>
__global__ void tanh_backward(const T* __restrict__ grad, const T* __restrict__ y,
                              T* __restrict__ result, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) result[i] = grad[i] * (T(1) - y[i] * y[i]);
}
