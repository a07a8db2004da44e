// The wrappers of kernels/cuda/ptx.cuh for a CPU. What they do stands there.
#pragma once

#include "small_floats.h"

namespace ptx {

// always_inline, so that what they access is reported at the kernel's line.
#define EMULATOR_INLINE inline __attribute__((always_inline))

template <int bytes>
EMULATOR_INLINE void cp_async(void* shared, const void* global, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  emulator::async_copy(shared, global, bytes, valid ? bytes : 0);
}
inline void cp_async_commit() { emulator::async_commit(); }
template <int groups>
EMULATOR_INLINE void cp_async_wait() {
  emulator::async_wait(groups);
}

inline unsigned to_tf32(float x) { return emulator::to_tf32(x); }
inline unsigned pack_bf16(float low, float high) {
  return emulator::to_bfloat16(low) | static_cast<unsigned>(emulator::to_bfloat16(high)) << 16;
}
inline unsigned pack_f16(float low, float high) {
  return emulator::to_float16(low) | static_cast<unsigned>(emulator::to_float16(high)) << 16;
}

namespace detail {

using emulator::Place;
using emulator::slot_size;

// Every lane hands in its row of 8 values and takes its elements from the rows of others.
EMULATOR_UNWATCHED inline void ldmatrix(unsigned (&registers)[4], const void* row, bool transposed,
                                        Place place) {
  const char* slots = emulator::exchange(0xffffffff, row, 16, "ldmatrix", place);
  const int group = emulator::lane() / 4, member = emulator::lane() % 4;
  for (int i = 0; i < 4; i++) {
    uint16_t pair[2];
    for (int j = 0; j < 2; j++) {
      const int r = transposed ? 2 * member + j : group, c = transposed ? group : 2 * member + j;
      memcpy(&pair[j], slots + slot_size * (8 * i + r) + 2 * c, 2);
    }
    registers[i] = pair[0] | static_cast<unsigned>(pair[1]) << 16;
  }
}

// Word i of what a lane handed in: a[0] to a[3], then b[0] and b[1].
EMULATOR_UNWATCHED inline unsigned word(const char* slots, int lane, int i) {
  unsigned result;
  memcpy(&result, slots + slot_size * lane + 4 * i, 4);
  return result;
}

inline float bf16_half(unsigned word, int high) {
  return emulator::from_bfloat16(static_cast<uint16_t>(high ? word >> 16 : word));
}
inline float f16_half(unsigned word, int high) {
  return emulator::from_float16(static_cast<uint16_t>(high ? word >> 16 : word));
}

// The sum is taken in double and rounded once; a tensor core adds in another order and truncates.
template <class A, class B>
EMULATOR_UNWATCHED void multiply(float (&d)[4], int depth, A element_of_a, B element_of_b) {
  const int group = emulator::lane() / 4, member = emulator::lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int row = group + 8 * (i / 2), column = 2 * member + i % 2;
    double sum = d[i];
    for (int k = 0; k < depth; k++) {
      sum += static_cast<double>(element_of_a(row, k)) * element_of_b(k, column);
    }
    d[i] = static_cast<float>(sum);
  }
}

EMULATOR_UNWATCHED inline const char* hand_in(const unsigned (&a)[4], const unsigned (&b)[2],
                                              const char* name, Place place) {
  const unsigned words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  return emulator::exchange(0xffffffff, words, sizeof words, name, place);
}

template <class Half>
EMULATOR_UNWATCHED void multiply_16_bit(float (&d)[4], const char* slots, Half half) {
  multiply(
      d, 16,
      [&](int row, int k) {
        return half(word(slots, row % 8 * 4 + k % 8 / 2, row / 8 + 2 * (k / 8)), k % 2);
      },
      [&](int k, int column) {
        return half(word(slots, column * 4 + k % 8 / 2, 4 + k / 8), k % 2);
      });
}

}  // namespace detail

EMULATOR_INLINE void ldmatrix(unsigned (&registers)[4], const void* row, EMULATOR_PLACE) {
  emulator::check_read(row, 16);
  detail::ldmatrix(registers, row, false, place);
}
EMULATOR_INLINE void ldmatrix_transposed(unsigned (&registers)[4], const void* row,
                                         EMULATOR_PLACE) {
  emulator::check_read(row, 16);
  detail::ldmatrix(registers, row, true, place);
}

EMULATOR_UNWATCHED inline void mma_tf32(float (&d)[4], const unsigned (&a)[4],
                                        const unsigned (&b)[2], EMULATOR_PLACE) {
  const char* slots = detail::hand_in(a, b, "mma_tf32", place);
  detail::multiply(
      d, 8,
      [&](int row, int k) {
        return emulator::from_tf32(
            detail::word(slots, row % 8 * 4 + k % 4, row / 8 + 2 * (k / 4)));
      },
      [&](int k, int column) {
        return emulator::from_tf32(detail::word(slots, column * 4 + k % 4, 4 + k / 4));
      });
}
EMULATOR_UNWATCHED inline void mma_bf16(float (&d)[4], const unsigned (&a)[4],
                                        const unsigned (&b)[2], EMULATOR_PLACE) {
  const char* slots = detail::hand_in(a, b, "mma_bf16", place);
  detail::multiply_16_bit(d, slots, detail::bf16_half);
}
EMULATOR_UNWATCHED inline void mma_f16(float (&d)[4], const unsigned (&a)[4],
                                       const unsigned (&b)[2], EMULATOR_PLACE) {
  const char* slots = detail::hand_in(a, b, "mma_f16", place);
  detail::multiply_16_bit(d, slots, detail::f16_half);
}

}  // namespace ptx
