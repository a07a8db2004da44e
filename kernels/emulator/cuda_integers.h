// CUDA's functions of integers, and conversions between numbers.
#pragma once

#include <cstdint>
#include <cstring>

#include "cuda_math.h"

namespace emulator {

template <class To, class From>
To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  memcpy(&result, &value, sizeof result);
  return result;
}

// A whole number as an integer: the nearest that there is. NaN is 0, or where 64 bits take part the
// integer of which only the first bit is set (PTX ISA, cvt).
template <class To, class From>
To saturated(From whole) {
  constexpr To low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
  if (whole != whole) {
    const bool wide = sizeof(From) == 8 || sizeof(To) == 8;
    return wide ? static_cast<To>(1ull << (8 * sizeof(To) - 1)) : 0;
  }
  if (whole <= static_cast<From>(low)) return low;
  if (whole >= static_cast<From>(high)) return high;
  return static_cast<To>(whole);
}

// An integer or a double as a float or a double, rounded in one of the four ways.
template <int mode, class To, class From>
To converted(From value) {
  volatile From x = value;
  const int outer = fegetround();
  fesetround(mode);
  volatile To result = static_cast<To>(x);
  fesetround(outer);
  return result;
}

}  // namespace emulator

inline unsigned __float_as_uint(float x) { return emulator::bits_as<unsigned>(x); }
inline int __float_as_int(float x) { return emulator::bits_as<int>(x); }
inline float __uint_as_float(unsigned x) { return emulator::bits_as<float>(x); }
inline float __int_as_float(int x) { return emulator::bits_as<float>(x); }
inline long long __double_as_longlong(double x) { return emulator::bits_as<long long>(x); }
inline double __longlong_as_double(long long x) { return emulator::bits_as<double>(x); }
inline int __double2hiint(double x) { return static_cast<int>(__double_as_longlong(x) >> 32); }
inline int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
inline double __hiloint2double(int hi, int lo) {
  return emulator::bits_as<double>(static_cast<uint64_t>(static_cast<uint32_t>(hi)) << 32 |
                                   static_cast<uint32_t>(lo));
}

#define EMULATOR_TO_INTEGER(from, From, to, To)                                                  \
  inline To __##from##2##to##_rn(From x) { return emulator::saturated<To>(nearbyint(x)); }       \
  inline To __##from##2##to##_rz(From x) { return emulator::saturated<To>(trunc(x)); }           \
  inline To __##from##2##to##_ru(From x) { return emulator::saturated<To>(ceil(x)); }            \
  inline To __##from##2##to##_rd(From x) { return emulator::saturated<To>(floor(x)); }
EMULATOR_TO_INTEGER(float, float, int, int)
EMULATOR_TO_INTEGER(float, float, uint, unsigned int)
EMULATOR_TO_INTEGER(float, float, ll, long long)
EMULATOR_TO_INTEGER(float, float, ull, unsigned long long)
EMULATOR_TO_INTEGER(double, double, int, int)
EMULATOR_TO_INTEGER(double, double, uint, unsigned int)
EMULATOR_TO_INTEGER(double, double, ll, long long)
EMULATOR_TO_INTEGER(double, double, ull, unsigned long long)

#define EMULATOR_TO_FLOAT(from, From, to, To)                                                      \
  inline To __##from##2##to##_rn(From x) { return emulator::converted<FE_TONEAREST, To>(x); }      \
  inline To __##from##2##to##_rz(From x) { return emulator::converted<FE_TOWARDZERO, To>(x); }     \
  inline To __##from##2##to##_ru(From x) { return emulator::converted<FE_UPWARD, To>(x); }         \
  inline To __##from##2##to##_rd(From x) { return emulator::converted<FE_DOWNWARD, To>(x); }
EMULATOR_TO_FLOAT(int, int, float, float)
EMULATOR_TO_FLOAT(uint, unsigned int, float, float)
EMULATOR_TO_FLOAT(ll, long long, float, float)
EMULATOR_TO_FLOAT(ull, unsigned long long, float, float)
EMULATOR_TO_FLOAT(ll, long long, double, double)
EMULATOR_TO_FLOAT(ull, unsigned long long, double, double)
EMULATOR_TO_FLOAT(double, double, float, float)
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned int x) { return x; }

inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(static_cast<uint64_t>(x) * y >> 32);
}
inline int __mulhi(int x, int y) {
  return static_cast<int>(static_cast<int64_t>(x) * y >> 32);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(x) * y >> 64);
}
inline long long __mul64hi(long long x, long long y) {
  return static_cast<long long>(static_cast<__int128>(x) * y >> 64);
}
inline int __mul24(int x, int y) {  // the low 32 bits of the product of 24 bits each
  const int64_t a = static_cast<int32_t>(static_cast<uint32_t>(x) << 8) >> 8;
  const int64_t b = static_cast<int32_t>(static_cast<uint32_t>(y) << 8) >> 8;
  return static_cast<int>(static_cast<uint32_t>(a * b));
}
inline unsigned __umul24(unsigned x, unsigned y) { return (x & 0xffffff) * (y & 0xffffff); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) {
  return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned long long __brevll(unsigned long long x) {
  unsigned long long result = 0;
  for (int i = 0; i < 64; i++) result |= (x >> i & 1) << (63 - i);
  return result;
}
inline unsigned __brev(unsigned x) { return static_cast<unsigned>(__brevll(x) >> 32); }
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t both = static_cast<uint64_t>(y) << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned byte = static_cast<uint8_t>(both >> 8 * (selector >> 4 * i & 7));
    // The fourth bit of a selector repeats the byte's sign.
    const unsigned value = selector >> 4 * i & 8 ? (byte & 0x80 ? 0xffu : 0u) : byte;
    result |= value << 8 * i;
  }
  return result;
}
inline unsigned __sad(int x, int y, unsigned z) {
  return z + (x > y ? unsigned(x) - unsigned(y) : unsigned(y) - unsigned(x));
}
inline unsigned __usad(unsigned x, unsigned y, unsigned z) { return z + (x > y ? x - y : y - x); }
inline int __hadd(int x, int y) { return static_cast<int>((static_cast<int64_t>(x) + y) >> 1); }
inline int __rhadd(int x, int y) {
  return static_cast<int>((static_cast<int64_t>(x) + y + 1) >> 1);
}
inline unsigned __uhadd(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<uint64_t>(x) + y) >> 1);
}
inline unsigned __urhadd(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<uint64_t>(x) + y + 1) >> 1);
}
inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned shift) {
  return static_cast<unsigned>((static_cast<uint64_t>(hi) << 32 | lo) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned shift) {
  return static_cast<unsigned>((static_cast<uint64_t>(hi) << 32 | lo) >> (shift & 31));
}
inline unsigned __funnelshift_lc(unsigned lo, unsigned hi, unsigned shift) {
  const unsigned by = shift < 32 ? shift : 32;
  return static_cast<unsigned>((static_cast<unsigned __int128>(hi) << 32 | lo) << by >> 32);
}
inline unsigned __funnelshift_rc(unsigned lo, unsigned hi, unsigned shift) {
  const unsigned by = shift < 32 ? shift : 32;
  return static_cast<unsigned>((static_cast<uint64_t>(hi) << 32 | lo) >> by);
}
inline int __dp4a(int a, int b, int c) {
  unsigned sum = static_cast<unsigned>(c);
  for (int i = 0; i < 32; i += 8) {
    sum += static_cast<unsigned>(static_cast<int8_t>(a >> i) * static_cast<int8_t>(b >> i));
  }
  return static_cast<int>(sum);
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 32; i += 8) {
    c += static_cast<unsigned>(static_cast<uint8_t>(a >> i)) * static_cast<uint8_t>(b >> i);
  }
  return c;
}
inline unsigned umin(unsigned x, unsigned y) { return min(x, y); }
inline unsigned umax(unsigned x, unsigned y) { return max(x, y); }
inline long long llmin(long long x, long long y) { return min(x, y); }
inline long long llmax(long long x, long long y) { return max(x, y); }
inline unsigned long long ullmin(unsigned long long x, unsigned long long y) { return min(x, y); }
inline unsigned long long ullmax(unsigned long long x, unsigned long long y) { return max(x, y); }
