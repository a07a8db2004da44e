// float to 16 bits and back, rounded to the nearest, ties to even, for any host compiler.
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

// A type of 16 bits that computes in float, and its pair; for cuda_fp16.h and cuda_bf16.h.
#define EMULATOR_SMALL_FLOAT(T, T2, to, from)                                                   \
  struct T {                                                                                    \
    uint16_t bits;                                                                              \
    T() = default;                                                                              \
    T(float x) : bits(emulator::to(x)) {}                                                       \
    operator float() const { return emulator::from(bits); }                                     \
    T& operator+=(T other) { return *this = T(float(*this) + float(other)); }                   \
    T& operator-=(T other) { return *this = T(float(*this) - float(other)); }                   \
    T& operator*=(T other) { return *this = T(float(*this) * float(other)); }                   \
    T& operator/=(T other) { return *this = T(float(*this) / float(other)); }                   \
  };                                                                                            \
  inline T operator+(T a, T b) { return T(float(a) + float(b)); }                               \
  inline T operator-(T a, T b) { return T(float(a) - float(b)); }                               \
  inline T operator*(T a, T b) { return T(float(a) * float(b)); }                               \
  inline T operator/(T a, T b) { return T(float(a) / float(b)); }                               \
  inline T operator-(T a) { return T(-float(a)); }                                              \
  inline bool operator<(T a, T b) { return float(a) < float(b); }                               \
  inline bool operator>(T a, T b) { return float(a) > float(b); }                               \
  inline bool operator<=(T a, T b) { return float(a) <= float(b); }                             \
  inline bool operator>=(T a, T b) { return float(a) >= float(b); }                             \
  inline bool operator==(T a, T b) { return float(a) == float(b); }                             \
  inline bool operator!=(T a, T b) { return float(a) != float(b); }                             \
  struct alignas(4) T2 { T x, y; };                                                             \
  inline T __hadd(T a, T b) { return a + b; }                                                   \
  inline T __hsub(T a, T b) { return a - b; }                                                   \
  inline T __hmul(T a, T b) { return a * b; }                                                   \
  inline T __hfma(T a, T b, T c) { return T(fmaf(a, b, c)); }                                   \
  inline T2 __hadd2(T2 a, T2 b) { return {a.x + b.x, a.y + b.y}; }                              \
  inline T2 __hmul2(T2 a, T2 b) { return {a.x * b.x, a.y * b.y}; }                              \
  inline T __hdiv(T a, T b) { return a / b; }                                                   \
  inline T __hneg(T a) { return -a; }                                                           \
  inline T __habs(T a) { return T(fabsf(float(a))); }                                           \
  inline T __hmax(T a, T b) { return T(fmaxf(float(a), float(b))); }                            \
  inline T __hmin(T a, T b) { return T(fminf(float(a), float(b))); }                            \
  inline bool __heq(T a, T b) { return a == b; }                                                \
  inline bool __hne(T a, T b) { return a < b || a > b; } /* false where one is NaN */           \
  inline bool __hlt(T a, T b) { return a < b; }                                                 \
  inline bool __hle(T a, T b) { return a <= b; }                                                \
  inline bool __hgt(T a, T b) { return a > b; }                                                 \
  inline bool __hge(T a, T b) { return a >= b; }                                                \
  inline bool __hisnan(T a) { return isnan(float(a)); }                                         \
  inline int __hisinf(T a) { return isinf(float(a)) ? (float(a) > 0 ? 1 : -1) : 0; }            \
  inline T hexp(T a) { return T(expf(float(a))); }                                              \
  inline T hexp2(T a) { return T(exp2f(float(a))); }                                            \
  inline T hexp10(T a) { return T(exp10f(float(a))); }                                          \
  inline T hlog(T a) { return T(logf(float(a))); }                                              \
  inline T hlog2(T a) { return T(log2f(float(a))); }                                            \
  inline T hlog10(T a) { return T(log10f(float(a))); }                                          \
  inline T hsqrt(T a) { return T(sqrtf(float(a))); }                                            \
  inline T hrsqrt(T a) { return T(rsqrtf(float(a))); }                                          \
  inline T hrcp(T a) { return T(1.0f / float(a)); }                                             \
  inline T hsin(T a) { return T(sinf(float(a))); }                                              \
  inline T hcos(T a) { return T(cosf(float(a))); }                                              \
  inline T hfloor(T a) { return T(floorf(float(a))); }                                          \
  inline T hceil(T a) { return T(ceilf(float(a))); }                                            \
  inline T htrunc(T a) { return T(truncf(float(a))); }                                          \
  inline T hrint(T a) { return T(rintf(float(a))); }                                            \
  inline T2 __hsub2(T2 a, T2 b) { return {a.x - b.x, a.y - b.y}; }                              \
  inline T2 __hneg2(T2 a) { return {-a.x, -a.y}; }                                              \
  inline T2 __habs2(T2 a) { return {__habs(a.x), __habs(a.y)}; }                                \
  inline T2 __hmax2(T2 a, T2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }                \
  inline T2 __hmin2(T2 a, T2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }                \
  inline T2 __hfma2(T2 a, T2 b, T2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
