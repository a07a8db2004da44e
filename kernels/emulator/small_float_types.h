// A floating-point type of 16 bits and its pair, with CUDA's operators and functions; for
// cuda_fp16.h and cuda_bf16.h. Results are as if computed exactly and rounded once, but those of
// functions such as hexp, which are rounded from float.
#pragma once

#include "cuda_emulator.h"
#include "small_floats.h"

namespace emulator {

// x as a float that lies on the same side of all numbers of 16 bits as x does, and is one only when
// x is: cut off, and with the last bit set when something was lost.
template <class Wide>
float to_odd(Wide x) {
  const float nearest = static_cast<float>(x);
  const Wide back = nearest;
  if (back == x || x != x) return nearest;
  const uint32_t bits = bits_as<uint32_t>(nearest);
  const bool beyond = x < 0 ? back < x : back > x;
  return bits_as<float>((beyond ? bits - 1 : bits) | 1);
}

// a * b + c, whose product is exact in double, in the same way.
inline float odd_fma(float a, float b, float c) {
  const double product = static_cast<double>(a) * b, sum = product + c;
  const double part = sum - product, lost = (product - (sum - part)) + (c - part);
  if (lost == 0 || lost != lost) return to_odd(sum);
  // Towards zero and odd, as above.
  const uint64_t bits = bits_as<uint64_t>(sum);
  return to_odd(bits_as<double>(((lost < 0) != (sum < 0) ? bits - 1 : bits) | 1));
}

// The 16 bits of a number, by the conversions to the nearest and back, in a rounding mode.
template <class To, class From>
uint16_t to_small(int mode, float x, To nearest_bits, From value_of) {
  const uint16_t bits = nearest_bits(x);
  const float value = value_of(bits);
  if (mode == FE_TONEAREST || value == x || x != x) return bits;
  const bool above = value > x, negative = x < 0;
  if (mode == FE_TOWARDZERO ? above != negative : mode == FE_DOWNWARD && above) {
    return static_cast<uint16_t>(negative && mode == FE_DOWNWARD ? bits + 1 : bits - 1);
  }
  if (mode == FE_UPWARD && !above) return static_cast<uint16_t>(negative ? bits - 1 : bits + 1);
  return bits;
}

template <class T>
T saturated(T x) { return T(__saturatef(float(x))); }
template <class T>
T not_negative(T x) { return float(x) < 0.0f ? T(0.0f) : x; }

}  // namespace emulator

#define EMULATOR_SMALL_INTEGERS(macro, ...)                                                      \
  macro(signed char, __VA_ARGS__) macro(unsigned char, __VA_ARGS__) macro(char, __VA_ARGS__)     \
  macro(short, __VA_ARGS__) macro(unsigned short, __VA_ARGS__) macro(int, __VA_ARGS__)           \
  macro(unsigned, __VA_ARGS__) macro(long, __VA_ARGS__) macro(unsigned long, __VA_ARGS__)        \
  macro(long long, __VA_ARGS__) macro(unsigned long long, __VA_ARGS__)
#define EMULATOR_SMALL_TO(Integer, T) \
  operator Integer() const { return emulator::clamped<Integer>(truncf(float(*this))); }
#define EMULATOR_SMALL_FROM(Integer, T) \
  T(Integer x) : T(static_cast<long double>(x)) {}

// The type itself.
#define EMULATOR_SMALL_TYPE(T, T2, to_bits, from_bits)                                          \
  struct T {                                                                                    \
    uint16_t bits;                                                                              \
    T() = default;                                                                              \
    T(float x) : bits(emulator::to_bits(x)) {}                                                  \
    T(double x) : bits(emulator::to_bits(emulator::to_odd(x))) {}                               \
    EMULATOR_SMALL_FROM(short, T) EMULATOR_SMALL_FROM(unsigned short, T)                        \
    EMULATOR_SMALL_FROM(int, T) EMULATOR_SMALL_FROM(unsigned, T)                                \
    EMULATOR_SMALL_FROM(long, T) EMULATOR_SMALL_FROM(unsigned long, T)                          \
    EMULATOR_SMALL_FROM(long long, T) EMULATOR_SMALL_FROM(unsigned long long, T)                \
    operator float() const { return emulator::from_bits(bits); }                                \
    operator bool() const { return (bits & 0x7fff) != 0; }                                      \
    EMULATOR_SMALL_INTEGERS(EMULATOR_SMALL_TO, T)                                               \
    static T of_bits(uint16_t bits) {                                                           \
      T result;                                                                                 \
      result.bits = bits;                                                                       \
      return result;                                                                            \
    }                                                                                           \
    static T rounded(int mode, float x) {                                                       \
      return of_bits(emulator::to_small(mode, x, emulator::to_bits, emulator::from_bits));      \
    }                                                                                           \
                                                                                                \
   private:                                                                                     \
    explicit T(long double x) : bits(emulator::to_bits(emulator::to_odd(x))) {}                 \
  };                                                                                            \
  struct alignas(4) T2 {                                                                        \
    T x, y;                                                                                     \
    T2() = default;                                                                             \
    T2(const T& x, const T& y) : x(x), y(y) {}                                                  \
  };

// Arithmetic, by operators and by names. A float holds a sum or product exactly enough.
#define EMULATOR_SMALL_BINARY(T, T2, symbol, name)                                       \
  inline T operator symbol(const T& a, const T& b) { return T(float(a) symbol float(b)); } \
  inline T2 operator symbol(const T2& a, const T2& b) {                                  \
    return {a.x symbol b.x, a.y symbol b.y};                                             \
  }                                                                                      \
  inline T& operator symbol##=(T& a, const T& b) { return a = a symbol b; }              \
  inline T2& operator symbol##=(T2& a, const T2& b) { return a = a symbol b; }           \
  inline T __h##name(T a, T b) { return a symbol b; }
#define EMULATOR_SMALL_NAMED(T, T2, symbol, name)                                        \
  inline T2 __h##name##2(T2 a, T2 b) { return a symbol b; }                              \
  inline T __h##name##_rn(T a, T b) { return a symbol b; }                               \
  inline T2 __h##name##2_rn(T2 a, T2 b) { return a symbol b; }                           \
  inline T __h##name##_sat(T a, T b) { return emulator::saturated(a symbol b); }         \
  inline T2 __h##name##2_sat(T2 a, T2 b) {                                               \
    return {emulator::saturated(a.x symbol b.x), emulator::saturated(a.y symbol b.y)};   \
  }
#define EMULATOR_SMALL_STEP(T, T2, symbol)                                               \
  inline T& operator symbol##symbol(T& a) { return a = a symbol T(1.0f); }               \
  inline T operator symbol##symbol(T& a, int) { T old = a; a = a symbol T(1.0f); return old; }
#define EMULATOR_SMALL_ARITHMETIC(T, T2)                                                 \
  EMULATOR_SMALL_BINARY(T, T2, +, add) EMULATOR_SMALL_NAMED(T, T2, +, add)               \
  EMULATOR_SMALL_BINARY(T, T2, -, sub) EMULATOR_SMALL_NAMED(T, T2, -, sub)               \
  EMULATOR_SMALL_BINARY(T, T2, *, mul) EMULATOR_SMALL_NAMED(T, T2, *, mul)               \
  EMULATOR_SMALL_BINARY(T, T2, /, div)                                                   \
  inline T2 __h2div(T2 a, T2 b) { return a / b; }                                        \
  EMULATOR_SMALL_STEP(T, T2, +) EMULATOR_SMALL_STEP(T, T2, -)                            \
  inline T __hneg(T a) { return T::of_bits(a.bits ^ 0x8000); }                           \
  inline T2 __hneg2(T2 a) { return {__hneg(a.x), __hneg(a.y)}; }                         \
  inline T __habs(T a) { return T::of_bits(a.bits & 0x7fff); }                           \
  inline T2 __habs2(T2 a) { return {__habs(a.x), __habs(a.y)}; }                         \
  inline T operator-(const T& a) { return __hneg(a); }                                   \
  inline T operator+(const T& a) { return a; }                                           \
  inline T2 operator-(const T2& a) { return __hneg2(a); }                                \
  inline T2 operator+(const T2& a) { return a; }                                         \
  inline T __hfma(T a, T b, T c) { return T(emulator::odd_fma(a, b, c)); }               \
  inline T __hfma_sat(T a, T b, T c) { return emulator::saturated(__hfma(a, b, c)); }    \
  inline T __hfma_relu(T a, T b, T c) { return emulator::not_negative(__hfma(a, b, c)); } \
  inline T2 __hfma2(T2 a, T2 b, T2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; } \
  inline T2 __hfma2_sat(T2 a, T2 b, T2 c) {                                              \
    return {__hfma_sat(a.x, b.x, c.x), __hfma_sat(a.y, b.y, c.y)};                       \
  }                                                                                      \
  inline T2 __hfma2_relu(T2 a, T2 b, T2 c) {                                             \
    return {__hfma_relu(a.x, b.x, c.x), __hfma_relu(a.y, b.y, c.y)};                     \
  }                                                                                      \
  inline T2 __hcmadd(T2 a, T2 b, T2 c) {                                                 \
    return {__hfma(-a.y, b.y, __hfma(a.x, b.x, c.x)), __hfma(a.y, b.x, __hfma(a.x, b.y, c.y))}; \
  }

// Comparisons: those in ...u also hold when either number is NaN.
#define EMULATOR_SMALL_COMPARISON(T, T2, name, condition)                                       \
  inline bool __h##name(T a, T b) { return condition; }                                         \
  inline T2 __h##name##2(T2 a, T2 b) {                                                          \
    return {T(__h##name(a.x, b.x) ? 1.0f : 0.0f), T(__h##name(a.y, b.y) ? 1.0f : 0.0f)};        \
  }                                                                                             \
  inline bool __hb##name##2(T2 a, T2 b) { return __h##name(a.x, b.x) && __h##name(a.y, b.y); }  \
  inline unsigned __h##name##2_mask(T2 a, T2 b) {                                               \
    return (__h##name(a.x, b.x) ? 0xffffu : 0) | (__h##name(a.y, b.y) ? 0xffff0000u : 0);       \
  }
#define EMULATOR_SMALL_COMPARISONS(T, T2, symbol, opposite, ordered, unordered)                 \
  EMULATOR_SMALL_COMPARISON(T, T2, ordered, float(a) symbol float(b))                           \
  EMULATOR_SMALL_COMPARISON(T, T2, unordered, !(float(a) opposite float(b)))                    \
  inline bool operator symbol(const T& a, const T& b) { return float(a) symbol float(b); }      \
  inline bool operator symbol(const T2& a, const T2& b) { return a.x symbol b.x && a.y symbol b.y; }
#define EMULATOR_SMALL_ORDER(T, T2)                                                             \
  EMULATOR_SMALL_COMPARISONS(T, T2, <, >=, lt, ltu)                                             \
  EMULATOR_SMALL_COMPARISONS(T, T2, >, <=, gt, gtu)                                             \
  EMULATOR_SMALL_COMPARISONS(T, T2, <=, >, le, leu)                                             \
  EMULATOR_SMALL_COMPARISONS(T, T2, >=, <, ge, geu)                                             \
  EMULATOR_SMALL_COMPARISON(T, T2, eq, float(a) == float(b))                                    \
  EMULATOR_SMALL_COMPARISON(T, T2, neu, float(a) != float(b))                                   \
  EMULATOR_SMALL_COMPARISON(T, T2, equ, __heq(a, b) || __hisnan(a) || __hisnan(b))              \
  EMULATOR_SMALL_COMPARISON(T, T2, ne, float(a) < float(b) || float(a) > float(b))              \
  inline bool operator==(const T& a, const T& b) { return float(a) == float(b); }               \
  inline bool operator!=(const T& a, const T& b) { return float(a) != float(b); }               \
  inline bool operator==(const T2& a, const T2& b) { return a.x == b.x && a.y == b.y; }         \
  inline bool operator!=(const T2& a, const T2& b) { return a.x != b.x && a.y != b.y; }         \
  EMULATOR_SMALL_EXTREME(T, T2, min, emulator::smaller)                                         \
  EMULATOR_SMALL_EXTREME(T, T2, max, emulator::larger)
#define EMULATOR_SMALL_EXTREME(T, T2, name, choose)                                             \
  inline T __h##name(T a, T b) { return T(choose(float(a), float(b))); }                        \
  inline T __h##name##_nan(T a, T b) {                                                          \
    return __hisnan(a) || __hisnan(b) ? T::of_bits(0x7fff) : __h##name(a, b);                   \
  }                                                                                             \
  inline T2 __h##name##2(T2 a, T2 b) { return {__h##name(a.x, b.x), __h##name(a.y, b.y)}; }     \
  inline T2 __h##name##2_nan(T2 a, T2 b) {                                                      \
    return {__h##name##_nan(a.x, b.x), __h##name##_nan(a.y, b.y)};                              \
  }

#define EMULATOR_SMALL_FUNCTION(T, T2, name, result)                   \
  inline T h##name(T a) {                                              \
    const float x = a;                                                 \
    return T(static_cast<float>(result));                              \
  }                                                                    \
  inline T2 h2##name(T2 a) { return {h##name(a.x), h##name(a.y)}; }
#define EMULATOR_SMALL_FUNCTIONS(T, T2)                                \
  EMULATOR_SMALL_FUNCTION(T, T2, ceil, ceilf(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, floor, floorf(x))                     \
  EMULATOR_SMALL_FUNCTION(T, T2, rint, rintf(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, trunc, truncf(x))                     \
  EMULATOR_SMALL_FUNCTION(T, T2, cos, cosf(x))                         \
  EMULATOR_SMALL_FUNCTION(T, T2, sin, sinf(x))                         \
  EMULATOR_SMALL_FUNCTION(T, T2, exp, expf(x))                         \
  EMULATOR_SMALL_FUNCTION(T, T2, exp2, exp2f(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, exp10, exp10f(x))                     \
  EMULATOR_SMALL_FUNCTION(T, T2, log, logf(x))                         \
  EMULATOR_SMALL_FUNCTION(T, T2, log2, log2f(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, log10, log10f(x))                     \
  EMULATOR_SMALL_FUNCTION(T, T2, sqrt, sqrtf(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, rsqrt, rsqrtf(x))                     \
  EMULATOR_SMALL_FUNCTION(T, T2, rcp, 1.0f / x)                        \
  EMULATOR_SMALL_FUNCTION(T, T2, tanh, tanhf(x))                       \
  EMULATOR_SMALL_FUNCTION(T, T2, tanh_approx, tanhf(x))

// Conversions; `name` is how CUDA's functions call the type.
#define EMULATOR_SMALL_ROUNDED(suffix, mode, From, function, T) \
  inline T function##suffix(From x) { return T::rounded(mode, emulator::to_odd(x)); }
#define EMULATOR_SMALL_ROUNDED_INTEGER(suffix, mode, From, function, T) \
  inline T function##suffix(From x) {                                   \
    return T::rounded(mode, emulator::to_odd(static_cast<long double>(x))); \
  }
#define EMULATOR_SMALL_TO_INTEGER(suffix, mode, To, function, T)          \
  inline To function##suffix(T x) {                                       \
    return emulator::clamped<To>(emulator::to_whole(mode, float(x)));     \
  }
#define EMULATOR_SMALL_INTEGER(Integer, integer, T, name)                                        \
  EMULATOR_ALL_MODES(EMULATOR_SMALL_ROUNDED_INTEGER, Integer, __##integer##2##name, T)           \
  EMULATOR_ALL_MODES(EMULATOR_SMALL_TO_INTEGER, Integer, __##name##2##integer, T)
#define EMULATOR_SMALL_CONVERSIONS(T, T2, name)                                                  \
  EMULATOR_ALL_MODES(EMULATOR_SMALL_ROUNDED, float, __float2##name, T)                           \
  EMULATOR_SMALL_INTEGER(short, short, T, name)                                                  \
  EMULATOR_SMALL_INTEGER(unsigned short, ushort, T, name)                                        \
  EMULATOR_SMALL_INTEGER(int, int, T, name)                                                      \
  EMULATOR_SMALL_INTEGER(unsigned, uint, T, name)                                                \
  EMULATOR_SMALL_INTEGER(long long, ll, T, name)                                                 \
  EMULATOR_SMALL_INTEGER(unsigned long long, ull, T, name)                                       \
  EMULATOR_SMALL_TO_INTEGER(_rz, FE_TOWARDZERO, signed char, __##name##2char, T)                 \
  EMULATOR_SMALL_TO_INTEGER(_rz, FE_TOWARDZERO, unsigned char, __##name##2uchar, T)              \
  inline T __float2##name(float x) { return T(x); }                                              \
  inline T __double2##name(double x) { return T(x); }                                            \
  inline float __##name##2float(T x) { return float(x); }                                        \
  inline short __##name##_as_short(T x) { return static_cast<short>(x.bits); }                   \
  inline unsigned short __##name##_as_ushort(T x) { return x.bits; }                             \
  inline T __short_as_##name(short x) { return T::of_bits(static_cast<uint16_t>(x)); }           \
  inline T __ushort_as_##name(unsigned short x) { return T::of_bits(x); }                        \
  inline bool __hisnan(T x) { return float(x) != float(x); }                                     \
  inline int __hisinf(T x) { return __builtin_isinf_sign(float(x)); }                            \
  inline T2 __hisnan2(T2 x) {                                                                    \
    return {T(__hisnan(x.x) ? 1.0f : 0.0f), T(__hisnan(x.y) ? 1.0f : 0.0f)};                     \
  }                                                                                              \
  inline T2 make_##name##2(T x, T y) { return {x, y}; }                                          \
  inline T2 __halves2##name##2(T x, T y) { return {x, y}; }                                      \
  inline T2 __##name##2##name##2(T x) { return {x, x}; }                                         \
  inline T2 __float2##name##2_rn(float x) { return {T(x), T(x)}; }                               \
  inline T2 __floats2##name##2_rn(float x, float y) { return {T(x), T(y)}; }                     \
  inline T2 __float22##name##2_rn(float2 x) { return {T(x.x), T(x.y)}; }                         \
  inline float2 __##name##22float2(T2 x) { return {float(x.x), float(x.y)}; }                    \
  inline float __low2float(T2 x) { return float(x.x); }                                          \
  inline float __high2float(T2 x) { return float(x.y); }                                         \
  inline T __low2##name(T2 x) { return x.x; }                                                    \
  inline T __high2##name(T2 x) { return x.y; }                                                   \
  inline T2 __low2##name##2(T2 x) { return {x.x, x.x}; }                                         \
  inline T2 __high2##name##2(T2 x) { return {x.y, x.y}; }                                        \
  inline T2 __lows2##name##2(T2 a, T2 b) { return {a.x, b.x}; }                                  \
  inline T2 __highs2##name##2(T2 a, T2 b) { return {a.y, b.y}; }                                 \
  inline T2 __lowhigh2highlow(T2 x) { return {x.y, x.x}; }

// Everything, for a type and its pair.
#define EMULATOR_SMALL_FLOAT(T, T2, name, to_bits, from_bits)  \
  EMULATOR_SMALL_TYPE(T, T2, to_bits, from_bits)               \
  EMULATOR_SMALL_CONVERSIONS(T, T2, name)                      \
  EMULATOR_SMALL_ARITHMETIC(T, T2)                             \
  EMULATOR_SMALL_ORDER(T, T2)                                  \
  EMULATOR_SMALL_FUNCTIONS(T, T2)                              \
  EMULATOR_CACHED(T)                                           \
  EMULATOR_CACHED(T2)                                          \
  EMULATOR_SHUFFLES(T)                                         \
  EMULATOR_SHUFFLES(T2)                                        \
  EMULATOR_ATOMIC_NAMED(T, atomicAdd, true, old + value)       \
  EMULATOR_ATOMIC_NAMED(T2, atomicAdd, true, old + value)
