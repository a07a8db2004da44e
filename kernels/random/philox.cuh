// Philox4x64-10: a block of four words from a key and a counter (see __init__.py for the state).
#pragma once

using Word = unsigned long long;
constexpr int key_at = 0, counter_at = 2, word_at = 6, has_at = 7, first_at = 8;  // in a state

struct Block {
  Word words[4];

  // Only with loops unrolled does a block stay in registers: an index would need an address.
  __device__ Word at(int index) const {
    Word word = words[0];
#pragma unroll
    for (int k = 1; k < 4; k++) word = index == k ? words[k] : word;
    return word;
  }
};

// The counter of a state, a number of 256 bits, plus `blocks`.
__device__ __forceinline__ Block counter_plus(const Word* __restrict__ state, Word blocks) {
  Block counter;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    counter.words[k] = state[counter_at + k] + blocks;
    blocks = counter.words[k] < blocks;  // the carry
  }
  return counter;
}

// Block number `index` of those that begin with the state's counter.
__device__ __forceinline__ Block philox(const Word* __restrict__ state, Word index) {
  Block x = counter_plus(state, index);
  Word key0 = state[key_at], key1 = state[key_at + 1];
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const Word high0 = __umul64hi(0xD2E7470EE14C6C93, x.words[0]);
    const Word high2 = __umul64hi(0xCA5A826395121157, x.words[2]);
    x = {{high2 ^ x.words[1] ^ key0, 0xCA5A826395121157 * x.words[2],
          high0 ^ x.words[3] ^ key1, 0xD2E7470EE14C6C93 * x.words[0]}};
    key0 += 0x9E3779B97F4A7C15;
    key1 += 0xBB67AE8584CAA73B;
  }
  return x;
}

__device__ __forceinline__ float to_float(unsigned half) { return (half >> 8) * 0x1p-24f; }
__device__ __forceinline__ double to_double(Word word) { return (word >> 11) * 0x1p-53; }

__device__ __forceinline__ float box_muller(float r1, float r2) {
  return sqrtf(-2.0f * logf(1.0f - r1)) * cospif(2.0f * r2);
}
__device__ __forceinline__ double box_muller(double r1, double r2) {
  return sqrt(-2.0 * log(1.0 - r1)) * cospi(2.0 * r2);
}
