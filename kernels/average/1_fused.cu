// The moving average of weights, rung 1: all arrays of a model in one launch.
//
// Changed:  the loop over arrays and values has become the grid, as in Adam's rung 2.
// Faster:   one launch, one pass over memory.
// Bound by: memory traffic: two reads and a write for each weight.

#include "cuda/lists.cuh"

// The kernel's arguments: as average/gpu.py lays them out.
template <typename T>
struct Table {
  Lists<T, 2> lists;  // average, value
  double decay;
};

// count: the number of this update, in the device's memory: a captured graph goes on counting.
template <typename T>
__global__ void __launch_bounds__(list_threads)
average(const __grid_constant__ Table<T> table, const double* __restrict__ count) {
  const double t = *count, early = (1.0 + t) / (10.0 + t);
  const T share = static_cast<T>(1.0 - (early < table.decay ? early : table.decay));
  for_each_place<0b11, 0b01>(table.lists,
                             [&](T (&values)[2]) { values[0] += share * (values[1] - values[0]); });
}

__global__ void advance(double* count) { *count += 1.0; }
