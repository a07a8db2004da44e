// Lists of arrays as one argument of a kernel: `arrays` addresses for each of up to 24 entries, of
// equal size, contiguous. As kernels/cuda/lists.py lays them out. (An argument may have 4 KiB.)
#pragma once

constexpr int most_entries = 24, list_threads = 256, values_per_block = 4096;

template <typename T, int arrays>
struct Lists {
  struct Entry {
    T* at[arrays];
    long long size;
    int first_block, aligned;  // aligned: all begin at multiples of four values
  } entries[most_entries];
  int count;
};

template <typename T>
struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
  T values[4];
};

// Calls function(values) for the values of one place in all arrays of an entry, four places at a
// time where they are aligned: of the arrays whose bit is set in `read`; and writes back those in
// `written`. A block finds its entry by its own number; it is launched for values_per_block values.
template <unsigned read, unsigned written, typename T, int arrays, typename Function>
__device__ __forceinline__ void for_each_place(const Lists<T, arrays>& lists, Function function) {
  int number = lists.count - 1;
  while (static_cast<int>(blockIdx.x) < lists.entries[number].first_block) number--;
  const auto& entry = lists.entries[number];
  const long long first =
      static_cast<long long>(blockIdx.x - entry.first_block) * values_per_block;
  const long long last = min(first + values_per_block, entry.size);
  const long long in_fours = entry.aligned ? first + (last - first) / 4 * 4 : first;
#pragma unroll 1  // more at once would not fit into the registers
  for (long long i = first + 4 * threadIdx.x; i < in_fours; i += 4 * list_threads) {
    Four<T> fours[arrays] = {};
#pragma unroll
    for (int a = 0; a < arrays; a++) {
      if (read >> a & 1) fours[a] = *reinterpret_cast<const Four<T>*>(entry.at[a] + i);
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
      T values[arrays];
#pragma unroll
      for (int a = 0; a < arrays; a++) values[a] = fours[a].values[k];
      function(values);
#pragma unroll
      for (int a = 0; a < arrays; a++) fours[a].values[k] = values[a];
    }
#pragma unroll
    for (int a = 0; a < arrays; a++) {
      if (written >> a & 1) *reinterpret_cast<Four<T>*>(entry.at[a] + i) = fours[a];
    }
  }
  for (long long i = in_fours + threadIdx.x; i < last; i += list_threads) {
    T values[arrays] = {};
#pragma unroll
    for (int a = 0; a < arrays; a++) {
      if (read >> a & 1) values[a] = entry.at[a][i];
    }
    function(values);
#pragma unroll
    for (int a = 0; a < arrays; a++) {
      if (written >> a & 1) entry.at[a][i] = values[a];
    }
  }
}
