// Numbers of 16 bits and tf32: from float, rounded to the nearest, ties to even, and back.
#pragma once

#include "cuda_emulator.h"

namespace emulator {

inline uint16_t to_bfloat16(float x) {
  uint32_t bits = bits_as<uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;  // NaN, as the GPU writes it
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float from_bfloat16(uint16_t x) { return bits_as<float>(static_cast<uint32_t>(x) << 16); }

inline uint16_t to_float16(float x) {
  const uint32_t bits = bits_as<uint32_t>(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;
  if (size >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // above 65519: infinity
  if (size < 0x38800000) {  // below 2^-14: a multiple of 2^-24, which adding 1/2 rounds to
    float rounded = bits_as<float>(size) + 0.5f;
    return static_cast<uint16_t>(sign | (bits_as<uint32_t>(rounded) - 0x3f000000));
  }
  const uint32_t rounded = size + 0xfff + (size >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}
inline float from_float16(uint16_t x) {
  const uint32_t sign = static_cast<uint32_t>(x & 0x8000) << 16, size = x & 0x7fff;
  float magnitude;
  if (size >= 0x7c00) {
    magnitude = bits_as<float>(0x7f800000 | (size & 0x3ff) << 13);
  } else if (size < 0x400) {
    magnitude = static_cast<float>(size) * 0x1p-24f;
  } else {
    magnitude = bits_as<float>((size << 13) + 0x38000000);
  }
  return bits_as<float>(bits_as<uint32_t>(magnitude) | sign);
}

// tf32 in a register: the tensor core ignores the last 13 bits.
inline uint32_t to_tf32(float x) {
  const uint32_t bits = bits_as<uint32_t>(x);
  return (bits & 0x7f800000) == 0x7f800000 ? bits : (bits + 0x1000) & ~0x1fffu;
}
inline float from_tf32(uint32_t x) { return bits_as<float>(x & ~0x1fffu); }

}  // namespace emulator
