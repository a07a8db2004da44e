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

#include "lists.cuh"

// The kernel's arguments: as adam/gpu.py lays them out.
template <typename T>
struct Table {
  Lists<T, 4> lists;                  // p, gradient, m, v
  T beta1, rest1, beta2, rest2, eps;  // rest = 1 - beta, from double
  double exact_beta1, exact_beta2, lr, step;
};

// clock: null, or {learning rate, number of this step}, which then stand for table.lr and .step.
template <typename T>
__global__ void __launch_bounds__(list_threads)
adam(const __grid_constant__ Table<T> table, const double* __restrict__ clock) {
  __shared__ T shared_step_size, shared_correction;
  if (threadIdx.x == 0) {
    const double lr = clock ? clock[0] : table.lr, step = clock ? clock[1] : table.step;
    shared_step_size = static_cast<T>(lr / (1.0 - pow(table.exact_beta1, step)));
    shared_correction = static_cast<T>(1.0 / sqrt(1.0 - pow(table.exact_beta2, step)));
  }
  __syncthreads();
  const T step_size = shared_step_size, correction = shared_correction;
  for_each_place<0b1111, 0b1101>(table.lists, [&](T (&values)[4]) {
    T &p = values[0], &m = values[2], &v = values[3];
    const T g = values[1];
    m = table.beta1 * m + table.rest1 * g;
    v = table.beta2 * v + table.rest2 * g * g;
    p -= step_size * m / (sqrt(v) * correction + table.eps);
  });
}

// The clock goes on by one step.
__global__ void tick(double* clock) { clock[1] += 1.0; }
