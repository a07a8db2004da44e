// CUDA's functions of integers.
#pragma once

#include <cstdint>

namespace emulator {

// Bits `first` to `first` + 31 of high:low.
inline unsigned funnel(unsigned low, unsigned high, unsigned first) {
  const uint64_t both = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(both >> first);
}

// The sum of products of the `count` signed or unsigned numbers of types A and B in two words.
template <class A, class B, class Result>
Result dot(int count, unsigned a, unsigned b, int b_from, Result sum) {
  for (int i = 0; i < count; i++) {
    const A x = static_cast<A>(a >> 8 * sizeof(A) * i);
    const B y = static_cast<B>(b >> 8 * sizeof(B) * (i + b_from));
    sum += static_cast<Result>(x) * static_cast<Result>(y);
  }
  return sum;
}

template <class T>
T reversed(T x) {
  T result = 0;
  for (unsigned i = 0; i < 8 * sizeof(T); i++) result |= (x >> i & 1) << (8 * sizeof(T) - 1 - i);
  return result;
}

}  // namespace emulator

inline int __popc(unsigned x) noexcept { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) noexcept { return __builtin_popcountll(x); }
inline int __clz(int x) noexcept { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) noexcept {
  return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
inline int __ffs(int x) noexcept { return __builtin_ffs(x); }
inline int __ffsll(long long x) noexcept { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) noexcept { return emulator::reversed(x); }
inline unsigned long long __brevll(unsigned long long x) noexcept { return emulator::reversed(x); }
// The n-th set bit (from 1, or from the end when negative) from bit `base` on; ~0 when none is.
inline unsigned __fns(unsigned mask, unsigned base, int offset) noexcept {
  if (offset == 0) return mask >> (base & 31) & 1 ? base : ~0u;
  const int step = offset > 0 ? 1 : -1;
  int left = offset * step;
  for (int i = static_cast<int>(base); i >= 0 && i < 32; i += step) {
    if ((mask >> i & 1) && --left == 0) return static_cast<unsigned>(i);
  }
  return ~0u;
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) noexcept {
  const uint64_t both = static_cast<uint64_t>(y) << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned chosen = selector >> 4 * i;
    const unsigned byte = static_cast<unsigned>(both >> 8 * (chosen & 7)) & 0xff;
    result |= (chosen & 8 ? (byte & 0x80 ? 0xffu : 0u) : byte) << 8 * i;
  }
  return result;
}

inline unsigned __umulhi(unsigned x, unsigned y) noexcept {
  return static_cast<unsigned>(static_cast<uint64_t>(x) * y >> 32);
}
inline int __mulhi(int x, int y) noexcept {
  return static_cast<int>(static_cast<int64_t>(x) * y >> 32);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) noexcept {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(x) * y >> 64);
}
inline long long __mul64hi(long long x, long long y) noexcept {
  return static_cast<long long>(static_cast<__int128>(x) * y >> 64);
}
inline unsigned __umul24(unsigned x, unsigned y) noexcept {
  return (x & 0xffffff) * (y & 0xffffff);
}
inline int __mul24(int x, int y) noexcept {  // of the low 24 bits, as signed numbers
  const unsigned a = static_cast<unsigned>(static_cast<int>(static_cast<unsigned>(x) << 8) >> 8);
  const unsigned b = static_cast<unsigned>(static_cast<int>(static_cast<unsigned>(y) << 8) >> 8);
  return static_cast<int>(a * b);
}
inline unsigned __usad(unsigned x, unsigned y, unsigned z) noexcept {
  return (x > y ? x - y : y - x) + z;
}
inline unsigned __sad(int x, int y, unsigned z) noexcept {
  const unsigned a = static_cast<unsigned>(x), b = static_cast<unsigned>(y);
  return (x > y ? a - b : b - a) + z;
}
inline int __hadd(int x, int y) noexcept {
  return static_cast<int>((static_cast<int64_t>(x) + y) >> 1);
}
inline int __rhadd(int x, int y) noexcept {
  return static_cast<int>((static_cast<int64_t>(x) + y + 1) >> 1);
}
inline unsigned __uhadd(unsigned x, unsigned y) noexcept {
  return static_cast<unsigned>((static_cast<uint64_t>(x) + y) >> 1);
}
inline unsigned __urhadd(unsigned x, unsigned y) noexcept {
  return static_cast<unsigned>((static_cast<uint64_t>(x) + y + 1) >> 1);
}

inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) noexcept {
  return emulator::funnel(low, high, 32 - (shift & 31));
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) noexcept {
  return emulator::funnel(low, high, shift & 31);
}
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) noexcept {
  return shift >= 32 ? low : __funnelshift_l(low, high, shift);
}
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) noexcept {
  return shift >= 32 ? high : __funnelshift_r(low, high, shift);
}

inline int __dp4a(int a, int b, int c) noexcept {
  return static_cast<int>(emulator::dot<int8_t, int8_t>(
      4, static_cast<unsigned>(a), static_cast<unsigned>(b), 0, static_cast<unsigned>(c)));
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) noexcept {
  return emulator::dot<uint8_t, uint8_t>(4, a, b, 0, c);
}
inline int __dp2a_lo(int a, int b, int c) noexcept {
  return static_cast<int>(emulator::dot<int16_t, int8_t>(
      2, static_cast<unsigned>(a), static_cast<unsigned>(b), 0, static_cast<unsigned>(c)));
}
inline int __dp2a_hi(int a, int b, int c) noexcept {
  return static_cast<int>(emulator::dot<int16_t, int8_t>(
      2, static_cast<unsigned>(a), static_cast<unsigned>(b), 2, static_cast<unsigned>(c)));
}
inline unsigned __dp2a_lo(unsigned a, unsigned b, unsigned c) noexcept {
  return emulator::dot<uint16_t, uint8_t>(2, a, b, 0, c);
}
inline unsigned __dp2a_hi(unsigned a, unsigned b, unsigned c) noexcept {
  return emulator::dot<uint16_t, uint8_t>(2, a, b, 2, c);
}
inline int __dp4a(char4 a, char4 b, int c) noexcept {
  return static_cast<int>(static_cast<unsigned>(c) +
                          static_cast<unsigned>(a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w));
}
inline unsigned __dp4a(uchar4 a, uchar4 b, unsigned c) noexcept {
  return c + static_cast<unsigned>(a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w);
}
