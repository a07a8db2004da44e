// Arithmetic in a rounding mode (_rn to the nearest, _rz towards zero, _ru up, _rd down), and
// conversions between numbers, which CUDA clamps to what the result can hold.
#pragma once

#include <cfenv>
#include <cstring>

#include "cuda_math.h"

namespace emulator {

// operation(x, y, z), rounded as `mode` says. The compiler knows nothing of modes: through volatile
// variables the numbers get and leave it between the two calls.
template <class Result, class T, class Operation>
EMULATOR_UNWATCHED Result in_mode(int mode, Operation operation, T x, T y = T(), T z = T()) {
  if (mode == FE_TONEAREST) return operation(x, y, z);
  volatile T a = x, b = y, c = z;
  fesetround(mode);
  volatile Result result = operation(T(a), T(b), T(c));
  fesetround(FE_TONEAREST);
  return result;
}

template <class T>
T to_whole(int mode, T x) {
  return mode == FE_TONEAREST ? rint(x) : mode == FE_UPWARD ? ceil(x)
       : mode == FE_DOWNWARD ? floor(x) : trunc(x);
}

// A whole number as an integer, as the GPU's instruction cvt does it: clamped; NaN becomes 0, but
// the integer with only the highest bit when either type has 64 bits.
template <class To, class From>
To clamped(From x) {
  using Limits = std::numeric_limits<To>;
  constexpr int bits = 8 * sizeof(To);
  if (x != x) {
    constexpr bool wide = sizeof(To) == 8 || sizeof(From) == 8;
    return wide ? static_cast<To>(1ull << (bits - 1)) : To(0);
  }
  constexpr From above = static_cast<From>(1ull << (bits - 2)) * (Limits::is_signed ? 2 : 4);
  if (x >= above) return Limits::max();
  if (x <= static_cast<From>(Limits::min())) return Limits::min();
  return static_cast<To>(x);
}

template <class To, class From>
To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  memcpy(&result, &value, sizeof result);
  return result;
}

}  // namespace emulator

#define EMULATOR_ALL_MODES(macro, ...)    \
  macro(_rn, FE_TONEAREST, __VA_ARGS__)   \
  macro(_rz, FE_TOWARDZERO, __VA_ARGS__)  \
  macro(_ru, FE_UPWARD, __VA_ARGS__)      \
  macro(_rd, FE_DOWNWARD, __VA_ARGS__)

#define EMULATOR_ROUNDED_1(suffix, mode, T, name, result)                                  \
  inline T name##suffix(T x) noexcept {                                                    \
    return emulator::in_mode<T>(mode, [](T x, T, T) { return static_cast<T>(result); }, x); \
  }
#define EMULATOR_ROUNDED_2(suffix, mode, T, name, result)                                  \
  inline T name##suffix(T x, T y) noexcept {                                               \
    return emulator::in_mode<T>(mode, [](T x, T y, T) { return result; }, x, y);           \
  }
#define EMULATOR_ROUNDED_3(suffix, mode, T, name, result)                                  \
  inline T name##suffix(T x, T y, T z) noexcept {                                          \
    return emulator::in_mode<T>(mode, [](T x, T y, T z) { return result; }, x, y, z);      \
  }
#define EMULATOR_ROUNDED(T, letter, fused, library_fma)                      \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_2, T, __##letter##add, x + y)          \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_2, T, __##letter##sub, x - y)          \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_2, T, __##letter##mul, x * y)          \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_2, T, __##letter##div, x / y)          \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_1, T, __##letter##rcp, T(1) / x)       \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_1, T, __##letter##sqrt, sqrt(x))       \
  EMULATOR_ALL_MODES(EMULATOR_ROUNDED_3, T, fused, library_fma(x, y, z))
EMULATOR_ROUNDED(float, f, __fmaf, fmaf)
EMULATOR_ROUNDED(double, d, __fma, fma)
EMULATOR_ALL_MODES(EMULATOR_ROUNDED_3, float, __fmaf_ieee, fmaf(x, y, z))
inline float __frsqrt_rn(float x) noexcept { return rsqrtf(x); }

// ------------------------------------------------------------------------------------ conversions

#define EMULATOR_TO_INTEGER(suffix, mode, From, name, To)               \
  inline To name##suffix(From x) noexcept {                             \
    return emulator::clamped<To>(emulator::to_whole(mode, x));          \
  }
#define EMULATOR_FROM_INTEGER(suffix, mode, From, name, To)                                       \
  inline To name##suffix(From x) noexcept {                                                       \
    return emulator::in_mode<To>(mode, [](From x, From, From) { return static_cast<To>(x); }, x); \
  }
#define EMULATOR_CONVERSIONS(T, name)                                                \
  EMULATOR_ALL_MODES(EMULATOR_TO_INTEGER, T, __##name##2int, int)                    \
  EMULATOR_ALL_MODES(EMULATOR_TO_INTEGER, T, __##name##2uint, unsigned)              \
  EMULATOR_ALL_MODES(EMULATOR_TO_INTEGER, T, __##name##2ll, long long)               \
  EMULATOR_ALL_MODES(EMULATOR_TO_INTEGER, T, __##name##2ull, unsigned long long)     \
  EMULATOR_ALL_MODES(EMULATOR_FROM_INTEGER, long long, __ll2##name, T)               \
  EMULATOR_ALL_MODES(EMULATOR_FROM_INTEGER, unsigned long long, __ull2##name, T)
EMULATOR_CONVERSIONS(float, float)
EMULATOR_CONVERSIONS(double, double)
EMULATOR_ALL_MODES(EMULATOR_FROM_INTEGER, int, __int2float, float)
EMULATOR_ALL_MODES(EMULATOR_FROM_INTEGER, unsigned, __uint2float, float)
EMULATOR_ALL_MODES(EMULATOR_FROM_INTEGER, double, __double2float, float)
inline double __int2double_rn(int x) noexcept { return x; }
inline double __uint2double_rn(unsigned x) noexcept { return x; }

inline unsigned __float_as_uint(float x) noexcept { return emulator::bits_as<unsigned>(x); }
inline int __float_as_int(float x) noexcept { return emulator::bits_as<int>(x); }
inline float __uint_as_float(unsigned x) noexcept { return emulator::bits_as<float>(x); }
inline float __int_as_float(int x) noexcept { return emulator::bits_as<float>(x); }
inline long long __double_as_longlong(double x) noexcept {
  return emulator::bits_as<long long>(x);
}
inline double __longlong_as_double(long long x) noexcept { return emulator::bits_as<double>(x); }
inline int __double2hiint(double x) noexcept {
  return static_cast<int>(emulator::bits_as<uint64_t>(x) >> 32);
}
inline int __double2loint(double x) noexcept {
  return static_cast<int>(emulator::bits_as<uint64_t>(x));
}
inline double __hiloint2double(int high, int low) noexcept {
  return emulator::bits_as<double>(static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32 |
                                   static_cast<uint32_t>(low));
}
