// Adam, rung 2: all parameters of a model in one launch.
//
// Changed:  the addresses of up to 24 parameters are themselves an argument of the kernel; a block
//           finds the parameter that it works for by its own number. Four values at a time.
// Faster:   one launch instead of one for each parameter: a GAN has dozens of biases and weights of
//           batch norms, each a few microseconds of launch for a few numbers.
// Bound by: memory traffic: four reads and three writes for each weight.

#include "adam/advance.cuh"
#include "cuda/lists.cuh"

// The kernel's arguments: as adam/gpu.py lays them out.
template <typename T>
struct Table {
  Lists<T, 4> lists;  // p, gradient, m, v
  T beta1, one_minus_beta1, beta2, one_minus_beta2, eps;
};

template <typename T>
__global__ void __launch_bounds__(list_threads)
adam(const __grid_constant__ Table<T> table, const double* __restrict__ sizes) {
  const T step_size = static_cast<T>(sizes[0]), correction = static_cast<T>(sizes[1]);
  for_each_place<0b1111, 0b1101>(table.lists, [&](T (&values)[4]) {
    T &p = values[0], &m = values[2], &v = values[3];
    const T g = values[1];
    m = table.beta1 * m + table.one_minus_beta1 * g;
    v = table.beta2 * v + table.one_minus_beta2 * g * g;
    p -= step_size * m / (sqrt(v) * correction + table.eps);
  });
}
