// Adam, rung 2: all parameters of a model in one launch.
//
// Changed:  the addresses of up to 24 parameters are themselves an argument of the kernel; a block
//           finds the parameter that it works for by its own number. Four values at a time.
// Faster:   one launch instead of one for each parameter: a GAN has dozens of biases and weights of
//           batch norms, each a few microseconds of launch for a few numbers.
// Bound by: memory traffic: four reads and three writes for each weight.
//
// What changes from step to step, the learning rate and the number of the step, can be read from the
// device's memory: a captured graph, whose arguments are fixed, counts by itself.

constexpr int most = 24, threads = 256, values_per_block = 4096;

// The kernel's arguments: as adam/gpu.py lays them out.
template <typename T>
struct Table {
  struct Entry {
    T *p, *grad, *m, *v;
    long long size;
    int first_block, aligned;  // aligned: all four begin at multiples of four values
  } entries[most];
  int count;
  T beta1, rest1, beta2, rest2, eps;  // rest = 1 - beta, from double
  double exact_beta1, exact_beta2, lr, step;
};

template <typename T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
  T values[4];
};

template <typename T>
__device__ __forceinline__ void update(const Table<T>& table, T& p, T g, T& m, T& v, T step_size,
                                       T correction) {
  m = table.beta1 * m + table.rest1 * g;
  v = table.beta2 * v + table.rest2 * g * g;
  p -= step_size * m / (sqrt(v) * correction + table.eps);
}

// clock: null, or {learning rate, number of this step}, which then stand for table.lr and .step.
template <typename T>
__global__ void __launch_bounds__(threads)
adam(const __grid_constant__ Table<T> table, const double* __restrict__ clock) {
  __shared__ T shared_step_size, shared_correction;
  if (threadIdx.x == 0) {
    const double lr = clock ? clock[0] : table.lr, step = clock ? clock[1] : table.step;
    shared_step_size = static_cast<T>(lr / (1.0 - pow(table.exact_beta1, step)));
    shared_correction = static_cast<T>(1.0 / sqrt(1.0 - pow(table.exact_beta2, step)));
  }
  __syncthreads();
  const T step_size = shared_step_size, correction = shared_correction;
  int number = table.count - 1;
  while (static_cast<int>(blockIdx.x) < table.entries[number].first_block) number--;
  const typename Table<T>::Entry& entry = table.entries[number];
  const long long first =
      static_cast<long long>(blockIdx.x - entry.first_block) * values_per_block;
  const long long last = min(first + values_per_block, entry.size);
  const long long in_fours = entry.aligned ? first + (last - first) / 4 * 4 : first;
  for (long long i = first + 4 * threadIdx.x; i < in_fours; i += 4 * threads) {
    Four<T> p = *reinterpret_cast<Four<T>*>(entry.p + i);
    const Four<T> g = *reinterpret_cast<const Four<T>*>(entry.grad + i);
    Four<T> m = *reinterpret_cast<Four<T>*>(entry.m + i);
    Four<T> v = *reinterpret_cast<Four<T>*>(entry.v + i);
#pragma unroll
    for (int k = 0; k < 4; k++) {
      update(table, p.values[k], g.values[k], m.values[k], v.values[k], step_size, correction);
    }
    *reinterpret_cast<Four<T>*>(entry.p + i) = p;
    *reinterpret_cast<Four<T>*>(entry.m + i) = m;
    *reinterpret_cast<Four<T>*>(entry.v + i) = v;
  }
  for (long long i = in_fours + threadIdx.x; i < last; i += threads) {
    update(table, entry.p[i], entry.grad[i], entry.m[i], entry.v[i], step_size, correction);
  }
}

// The clock goes on by one step.
__global__ void tick(double* clock) { clock[1] += 1.0; }
