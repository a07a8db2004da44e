// The loop of a tiled product: while a block multiplies one pair of shared tiles, its threads fetch
// the next pair into registers, and then keep it in the other of two buffers.
#pragma once

// fetch(start), keep(buffer), multiply(buffer): of the tile that begins at `start`, with first_k <=
// start < last_k in steps of `depth`. All threads of the block call it.
template <int depth, typename Fetch, typename Keep, typename Multiply>
__device__ __forceinline__ void through_two_buffers(int first_k, int last_k, const Fetch& fetch,
                                                    const Keep& keep, const Multiply& multiply) {
  int buffer = 0;
  fetch(first_k);
  keep(0);
  __syncthreads();
  for (int start = first_k; start < last_k; start += depth) {
    const bool more = start + depth < last_k;
    if (more) fetch(start + depth);
    multiply(buffer);
    if (more) keep(buffer ^ 1);  // not read now: all threads have passed the barrier before
    __syncthreads();
    buffer ^= 1;
  }
}
