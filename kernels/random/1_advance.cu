// The position of a stream of random numbers, rung 1: moved by one thread.
//
// Changed:  the state stays on the GPU, where no copy by the host orders it among the kernels.
// Faster:   a recorded graph of kernels goes on drawing each time it is replayed.
// Bound by: the launch, and a few reads one after the other.

#include "philox.cuh"

// After `count` > 0 floats: each takes half a word, the second half waits for the next.
__device__ __forceinline__ Word words_taken(Word* state, Word count, float) {
  const Word halves = count - state[has_at], words = (halves + 1) / 2;
  state[has_at] = halves % 2;
  if (words > 0) {
    const Word last = state[word_at] / 2 + words - 1;
    state[first_at] = philox(state, last / 4).at(last % 4) >> 32;
  }
  return words;
}

// After `count` doubles: each takes a word, and a half that waits goes on waiting.
__device__ __forceinline__ Word words_taken(Word*, Word count, double) { return count; }

// NumPy stays in a block until it needs a word of the next one: 1 to 4 of its words are taken.
template <typename T>
__global__ void advance(Word* state, Word count) {
  const Word index = state[word_at] / 2 + words_taken(state, count, T());
  const Word blocks = index > 0 ? (index - 1) / 4 : 0;
  const Block counter = counter_plus(state, blocks);
#pragma unroll
  for (int k = 0; k < 4; k++) state[counter_at + k] = counter.words[k];
  state[word_at] = 2 * (index - 4 * blocks);
}
