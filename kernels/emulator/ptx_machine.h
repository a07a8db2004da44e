// What translated PTX calls: the instructions that are more than an operator of C++, as the chapters
// "Instructions" and "Warp-level matrix instructions" of the PTX ISA manual describe them. Nothing of
// ptx.h is used, so that the text of kernels/cuda/ptx.cuh is read twice.
//
// A register is an unsigned integer of its size (a predicate a bool); each instruction says what
// type its bits are. The translated text defines PTX_SHARED_BYTES, the size of its shared variables,
// and PTX_CHECKED where accesses are watched.
#pragma once

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "runtime.h"

EMULATOR_SHARED_BORDERS

#define PTX_INLINE inline __attribute__((always_inline))
#define PTX_PLACE (emulator::Place{__FILE__, __LINE__})

namespace ptx {

// ------------------------------------------------------------------------- registers and memory

// The bits of a register, or the lower part of them, as a T.
template <class T, class Register>
PTX_INLINE T get(Register x) {
  static_assert(sizeof(T) <= sizeof(Register));
  T result;
  memcpy(&result, &x, sizeof result);
  return result;
}

// A register wider than the value gets it with its sign, or with zeros in front.
template <class Register, class T>
PTX_INLINE void set(Register& to, T value) {
  static_assert(sizeof(T) <= sizeof(Register));
  if constexpr (sizeof(T) == sizeof(Register)) {
    memcpy(&to, &value, sizeof to);
  } else {
    static_assert(std::is_integral_v<T>);
    to = static_cast<Register>(value);
  }
}

// Addresses of shared memory are small numbers: first the text's variables, then what the launch
// adds. All others are the host's.
constexpr uint32_t dynamic_begin = 1 << 24;
alignas(128) static char shared_variables[PTX_SHARED_BYTES];

PTX_INLINE char* shared(uint32_t address) {
  if (address < dynamic_begin) return shared_variables + address;
  return emulator_dynamic_shared + (address - dynamic_begin);
}
PTX_INLINE uint64_t to_shared(uint64_t generic) {
  const uint64_t offset = generic - reinterpret_cast<uint64_t>(shared_variables);
  if (offset < sizeof shared_variables) return offset;
  return generic - reinterpret_cast<uint64_t>(emulator_dynamic_shared) + dynamic_begin;
}

template <class T, int count>
struct Vector {
  T values[count];
};
template <class V>
PTX_INLINE V load(const char* address) {
#ifdef PTX_CHECKED
  emulator::check_read(address, sizeof(V));
#endif
  V result;
  memcpy(&result, address, sizeof result);
  return result;
}
template <class V>
PTX_INLINE void store(char* address, V value) {
#ifdef PTX_CHECKED
  emulator::check_write(address, sizeof(V));
#endif
  memcpy(address, &value, sizeof value);
}
// Parameters are not watched.
template <class V>
PTX_INLINE V load_parameter(const char* address) {
  V result;
  memcpy(&result, address, sizeof result);
  return result;
}

// ------------------------------------------------------------------------------------- integers

// A count above the width of the register counts as that width.
template <class T>
PTX_INLINE T shift_left(T x, uint32_t count) {
  return count < 8 * sizeof(T) ? static_cast<T>(x << count) : T(0);
}
template <class T>
PTX_INLINE T shift_right(T x, uint32_t count) {
  if (count < 8 * sizeof(T)) return static_cast<T>(x >> count);
  return x < 0 ? T(-1) : T(0);
}
template <class T>
PTX_INLINE T multiply_high(T x, T y) {
  if constexpr (sizeof(T) == 8) {
    using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return static_cast<T>(static_cast<Wide>(x) * y >> 64);
  } else {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    return static_cast<T>(static_cast<Wide>(x) * y >> 8 * sizeof(T));
  }
}
// The lowest `length` bits of x, put into y at `position`.
template <class T>
PTX_INLINE T insert_bits(T x, T y, uint32_t position, uint32_t length) {
  position &= 0xff, length &= 0xff;
  for (uint32_t i = 0; i < length && position + i < 8 * sizeof(T); i++) {
    const T bit = T(1) << (position + i);
    y = x >> i & 1 ? y | bit : y & ~bit;
  }
  return y;
}

// ------------------------------------------------------------------------------- floating point

// .ftz: a subnormal number counts as a zero of its sign.
PTX_INLINE float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x; }
PTX_INLINE double flush(double x) { return x; }  // .ftz is about float alone

// One operation with another rounding than to the nearest.
template <int mode, class Operation>
__attribute__((noinline)) auto rounded(Operation operation) {
  const int before = fegetround();
  fesetround(mode);
  volatile auto result = operation();
  fesetround(before);
  return +result;
}
// min and max: a number before NaN, -0 below +0.
template <class T>
PTX_INLINE T minimum(T x, T y) {
  if (x == y) return std::signbit(x) ? x : y;
  return x < y || y != y ? x : y;
}
template <class T>
PTX_INLINE T maximum(T x, T y) {
  if (x == y) return std::signbit(x) ? y : x;
  return x > y || y != y ? x : y;
}
template <class T>
PTX_INLINE T saturated(T x) {
  return x > 0 ? (x < 1 ? x : T(1)) : T(0);  // NaN becomes 0
}

// cvt from floating point: what is too large for the type becomes its nearest number, and NaN 0, or
// the highest bit alone if one of the types has 64 bits.
template <class To, class From>
PTX_INLINE To to_integer(From x) {
  if (x != x) {
    return sizeof(To) == 8 || sizeof(From) == 8 ? To(std::make_unsigned_t<To>(1)
                                                     << (8 * sizeof(To) - 1)) : To(0);
  }
  constexpr To low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
  if (x <= static_cast<From>(low)) return low;
  if (x >= static_cast<From>(high)) return high;
  return static_cast<To>(x);
}

// rcp.approx.ftz.f64: the 20 upper bits of the mantissa, where a Newton iteration begins.
inline double rough_reciprocal(double x) { return get<double>(get<uint64_t>(1 / x) >> 32 << 32); }

enum class Ties { to_even, away, towards_zero };

// x to a floating-point number of so many bits of exponent and mantissa: where the exponent ends,
// the steps get no smaller. The result is exact in double, or infinite.
inline double to_format(double x, int exponent_bits, int mantissa_bits, Ties ties) {
  if (!std::isfinite(x) || x == 0) return x;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = std::max(std::ilogb(x), 1 - bias);
  const double step = std::ldexp(1.0, exponent - mantissa_bits), steps = x / step;
  const double whole = ties == Ties::to_even ? std::nearbyint(steps)
                       : ties == Ties::away  ? std::round(steps) : std::trunc(steps);
  const double largest = std::ldexp(2.0 - std::ldexp(1.0, -mantissa_bits), bias);
  const double result = std::copysign(whole * step, x);
  if (std::fabs(result) <= largest) return result;
  return std::copysign(ties == Ties::towards_zero ? largest : HUGE_VAL, x);
}

inline uint32_t to_tf32(float x) {
  if (x != x) return 0x7fffffff;
  return get<uint32_t>(static_cast<float>(to_format(x, 8, 10, Ties::away)));
}
template <Ties ties>
uint32_t to_bf16(float x) {
  if (x != x) return 0x7fff;
  return get<uint32_t>(static_cast<float>(to_format(x, 8, 7, ties))) >> 16;
}
template <Ties ties>
uint32_t to_f16(float x) {
  if (x != x) return 0x7fff;
  const double number = to_format(x, 5, 10, ties), size = std::fabs(number);
  const uint32_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isinf(size)) return sign | 0x7c00;
  if (size < 0x1p-14) return sign | static_cast<uint32_t>(size * 0x1p24);
  const int exponent = std::ilogb(size);
  return sign | static_cast<uint32_t>((exponent + 15) << 10) |
         static_cast<uint32_t>((std::ldexp(size, -exponent) - 1) * 1024);
}
// Of tensor cores' factors; what lies below a tf32 number's last bit is not looked at.
inline double from_tf32(uint32_t bits) { return get<float>(bits >> 13 << 13); }
inline double from_bf16(uint32_t bits) { return get<float>(bits << 16); }
inline double from_f16(uint32_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double size = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : mantissa * 0x1p-24;
  if (exponent == 31) size = mantissa ? NAN : HUGE_VAL;
  return bits & 0x8000 ? -size : size;
}

// ------------------------------------------------------------------------------------- the warp

// shfl.sync: `clamp` has the last lane of a segment in its lowest five bits and, from bit 8 on, the
// bits that tell the segments apart.
enum class Shuffle { up, down, butterfly, index };
template <Shuffle mode>
uint32_t shuffle(uint32_t value, uint32_t b, uint32_t clamp, uint32_t mask, bool* inside,
                 emulator::Place place) {
  const int lane = emulator::lane(), by = b & 31, segments = clamp >> 8 & 31;
  const int last = (lane & segments) | (clamp & 31 & ~segments), first = lane & segments;
  int from = mode == Shuffle::up     ? lane - by
             : mode == Shuffle::down ? lane + by
             : mode == Shuffle::butterfly ? lane ^ by : first | (by & ~segments);
  *inside = mode == Shuffle::up ? from >= last : from <= last;
  if (!*inside) from = lane;
  const char* slots = emulator::exchange(mask, &value, 4, "shfl.sync", place);
  if (!(mask >> from & 1)) {
    emulator::fail("warp function", "shfl.sync reads from a lane that is not in its mask", place);
  }
  return get<uint32_t>(*reinterpret_cast<const uint32_t*>(slots + emulator::slot_size * from));
}

// ldmatrix .xN of 8x8 matrices of 16 bits: thread 8 i + r has the address of row r of matrix i.
// Register i gets, of row lane / 4, the two neighbours at 2 (lane % 4); with .trans, of the column.
template <int count, bool transposed>
PTX_INLINE void load_matrices(uint32_t (&registers)[count], uint32_t address,
                              emulator::Place place) {
  const char* row = shared(address);
  if (emulator::lane() < 8 * count) emulator::check_read(row, 16);
  char own[16] = {};
  if (emulator::lane() < 8 * count) memcpy(own, row, 16);
  const char* slots = emulator::exchange(~0u, own, 16, "ldmatrix", place);
  for (int i = 0; i < count; i++) {
    auto element = [&](int r, int c) -> uint32_t {
      uint16_t value;
      memcpy(&value, slots + emulator::slot_size * (8 * i + r) + 2 * c, 2);
      return value;
    };
    const int a = emulator::lane() / 4, b = emulator::lane() % 4 * 2;
    registers[i] = transposed ? element(b, a) | element(b + 1, a) << 16
                              : element(a, b) | element(a, b + 1) << 16;
  }
}

// The matrices of one warp's mma.m16n8kK, gathered from the fragments of all lanes and multiplied
// as matrices. `per_word` factors stand in a register. The manual's layout: a register of A holds
// the columns per_word (lane % 4) and on of row lane / 4; the second is 8 rows below, the third and
// the fourth are 4 per_word columns to the right. B is the same with rows and columns swapped, and
// 8 columns. A register of C holds row lane / 4, column 2 (lane % 4) or the next one; the third and
// the fourth are 8 rows below.
template <int per_word, class Decode>
void multiply_matrices(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                       const float (&c)[4], Decode decode, const char* name,
                       emulator::Place place) {
  constexpr int depth = 8 * per_word, bits = 32 / per_word;
  struct Fragments {
    uint32_t a[4], b[2];
    float c[4];
  } own;
  static_assert(sizeof own <= emulator::slot_size);
  memcpy(own.a, a, sizeof a), memcpy(own.b, b, sizeof b), memcpy(own.c, c, sizeof c);
  const char* slots = emulator::exchange(~0u, &own, sizeof own, name, place);
  double left[16][depth], right[depth][8];
  for (int lane = 0; lane < emulator::warp_size; lane++) {
    const auto& other = *reinterpret_cast<const Fragments*>(slots + emulator::slot_size * lane);
    for (int word = 0; word < 4; word++) {
      for (int i = 0; i < per_word; i++) {
        const int k = per_word * (lane % 4) + i;
        const uint32_t mask = bits == 32 ? ~0u : 0xffff;
        const int row = lane / 4 + (word & 1 ? 8 : 0), column = k + (word & 2 ? 4 * per_word : 0);
        left[row][column] = decode(other.a[word] >> bits % 32 * i & mask);
        if (word < 2) {
          right[k + word * 4 * per_word][lane / 4] = decode(other.b[word] >> bits % 32 * i & mask);
        }
      }
    }
  }
  for (int i = 0; i < 4; i++) {
    const int row = emulator::lane() / 4 + (i >= 2 ? 8 : 0);
    const int column = emulator::lane() % 4 * 2 + (i & 1);
    double sum = c[i];  // rounded once; a tensor core adds in an order of its own
    for (int k = 0; k < depth; k++) sum += left[row][k] * right[k][column];
    d[i] = static_cast<float>(sum);
  }
}

// -------------------------------------------------------------------------- asynchronous copies

template <int bytes>
PTX_INLINE void copy(uint32_t to, uint64_t from, uint32_t valid, emulator::Place place) {
  if (valid > bytes) {
    emulator::fail("cp.async", "the size of the source exceeds that of the copy", place);
  }
  emulator::async_copy(shared(to), reinterpret_cast<const void*>(from), bytes, valid);
}

}  // namespace ptx

// The library's own borders, from the linker; there are no variables but shared ones.
extern "C" char __ehdr_start[], __bss_start[];
extern "C" void emulator_library(char** borders) {
  borders[0] = __ehdr_start;
  borders[1] = borders[2] = nullptr;
  borders[3] = __bss_start;
  borders[4] = emulator_shared;
  borders[5] = emulator_shared_end;
}
