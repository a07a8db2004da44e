// Sums of two lists of arrays, rung 1: all of them in one launch.
//
// Changed:  the loop over arrays and values has become the grid, as in Adam's rung 2.
// Faster:   one launch, one pass over memory.
// Bound by: memory traffic: two reads and a write for each value; for the nets of digits, the launch.

#include "cuda/lists.cuh"

template <typename T>
struct Table {
  Lists<T, 3> lists;  // sum, a, b
};

template <typename T>
__global__ void __launch_bounds__(list_threads) add_all(const __grid_constant__ Table<T> table) {
  for_each_place<0b110, 0b001>(table.lists, [](T (&values)[3]) { values[0] = values[1] + values[2]; });
}
