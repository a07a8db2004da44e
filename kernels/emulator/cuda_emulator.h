// CUDA C++ for a host compiler: enough of the language that kernels compile as they are.
//
// Included in front of a kernel's text. What a kernel uses that is missing here does not compile;
// nothing is silently ignored but what cannot change a result (__restrict__, __launch_bounds__).
#pragma once

#include <cassert>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#include "runtime.h"

EMULATOR_SHARED_BORDERS

#define TINYGAN_EMULATOR 1
#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 800
#endif

// Reads of the emulator's own memory are not the kernel's.
#define EMULATOR_UNWATCHED __attribute__((no_sanitize("thread")))
// The file and line of a call, when they are default arguments.
#define EMULATOR_PLACE emulator::Place place = {__builtin_FILE(), __builtin_LINE()}

// ------------------------------------------------------------------------------------- qualifiers

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
// Shared variables become the library's variables without a value, of which the running block is
// the only user. Variables of the text (__device__, __constant__; language.py finds them) lie in a
// section of their own, in order, with gaps between them, so that an index that runs out of one does
// not land in the next.
#define __constant__
#define __managed__
#define EMULATOR_VARIABLE(number)                                                          \
  static EMULATOR_IN_VARIABLES char emulator_gap_##number[1024];                           \
  static EMULATOR_IN_VARIABLES
#define EMULATOR_IN_VARIABLES __attribute__((used, no_reorder, section("cuda_variables")))
#define __shared__ static

// ------------------------------------------------------------------------------ built-in variables

#define threadIdx (emulator::thread_index())
#define blockIdx (emulator::block_index())
#define blockDim (emulator::block_size())
#define gridDim (emulator::grid_size())
constexpr int warpSize = emulator::warp_size;

// A GPU stores a vector as one. A compiler may store the numbers of a structure one by one, but not
// those of its own vectors.
template <class Vector, class T, class... More>
inline __attribute__((always_inline)) Vector emulator_whole(T x, More... more) {
  typedef T Whole __attribute__((vector_size(sizeof(Vector))));
  const Whole whole = {x, more...};
  Vector result;
  memcpy(&result, &whole, sizeof result);
  return result;
}
#define EMULATOR_VECTOR(T, name)                                                      \
  struct name##1 { T x; };                                                            \
  struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                  \
  struct name##3 { T x, y, z; };                                                      \
  struct alignas(sizeof(T) < 8 ? 4 * sizeof(T) : 16) name##4 { T x, y, z, w; };       \
  inline name##1 make_##name##1(T x) { return {x}; }                                  \
  inline name##2 make_##name##2(T x, T y) { return emulator_whole<name##2>(x, y); }   \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                  \
  inline name##4 make_##name##4(T x, T y, T z, T w) {                                 \
    return emulator_whole<name##4>(x, y, z, w);                                       \
  }
EMULATOR_VECTOR(signed char, char)
EMULATOR_VECTOR(unsigned char, uchar)
EMULATOR_VECTOR(short, short)
EMULATOR_VECTOR(unsigned short, ushort)
EMULATOR_VECTOR(int, int)
EMULATOR_VECTOR(long long, longlong)
EMULATOR_VECTOR(unsigned long long, ulonglong)
EMULATOR_VECTOR(float, float)
EMULATOR_VECTOR(double, double)
struct uint1 { unsigned x; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline uint1 make_uint1(unsigned x) { return {x}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return emulator_whole<uint2>(x, y); }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return emulator_whole<uint4>(x, y, z, w);
}

// ------------------------------------------------------------------------------------- the others

#include "cuda_atomics.h"
#include "cuda_integers.h"
#include "cuda_memory.h"
#include "cuda_rounding.h"
#include "cuda_warp.h"

// ------------------------------------------------------------------------- ends and what is printed

inline void __trap(EMULATOR_PLACE) { emulator::fail("trap", "__trap() was called", place); }
inline void __brkpt(EMULATOR_PLACE) { emulator::fail("trap", "__brkpt() was called", place); }

// These take the place of the host library's, whose assert calls the first.
extern "C" void __assert_fail(const char* expression, const char* file, unsigned line,
                              const char*) noexcept {
  emulator::fail("assert", expression, {file, static_cast<int>(line)});
}
extern "C" void abort() noexcept { emulator::fail("crash", "abort() was called", {"", 0}); }
extern "C" EMULATOR_UNWATCHED int printf(const char* format, ...) {
  va_list values;
  va_start(values, format);
  const int count = vprintf(format, values);
  va_end(values);
  emulator::leave_if_interrupted();
  return count;
}

// ---------------------------------------------------------------------------------- entry points

// For each kernel: a function that calls it with pointers to its arguments, as cuLaunchKernel gets
// them, and one that says how many bytes each parameter has (negative: a pointer), and whether it points
// to what the kernel only reads.
namespace emulator {
template <class... A, size_t... i>
EMULATOR_UNWATCHED void call(void (*kernel)(A...), void** arguments, std::index_sequence<i...>) {
  kernel(*static_cast<std::remove_const_t<A>*>(arguments[i])...);
}
template <class... A>
EMULATOR_UNWATCHED void call(void (*kernel)(A...), void** arguments) {
  call(kernel, arguments, std::index_sequence_for<A...>{});
}
template <class... A>
EMULATOR_UNWATCHED int parameter_sizes(void (*)(A...), int* sizes, int* only_read) {
  int count = 0;
  ((only_read[count] = std::is_const_v<std::remove_pointer_t<A>>,
    sizes[count++] = static_cast<int>(sizeof(A)) * (std::is_pointer_v<A> ? -1 : 1)), ...);
  return count;
}
}  // namespace emulator

#define EMULATOR_KERNEL(number, ...)                                                 \
  extern "C" EMULATOR_UNWATCHED void emulator_kernel_##number(void** arguments) {    \
    emulator::call(&__VA_ARGS__, arguments);                                         \
  }                                                                                  \
  extern "C" EMULATOR_UNWATCHED int emulator_parameters_##number(int* sizes,         \
                                                                 int* only_read) {   \
    return emulator::parameter_sizes(&__VA_ARGS__, sizes, only_read);                \
  }
#define EMULATOR_ADDRESS(number, name)                                               \
  extern "C" EMULATOR_UNWATCHED void* emulator_variable_##number(size_t* bytes) {    \
    *bytes = sizeof(name);                                                           \
    return const_cast<void*>(static_cast<const volatile void*>(&name));              \
  }

// The library's own borders, from the linker.
extern "C" char __ehdr_start[], __bss_start[];
extern "C" __attribute__((weak, visibility("hidden"))) char __start_cuda_variables[],
    __stop_cuda_variables[];
extern "C" EMULATOR_UNWATCHED void emulator_library(char** borders) {
  borders[0] = __ehdr_start;
  borders[1] = __start_cuda_variables;
  borders[2] = __stop_cuda_variables;
  borders[3] = __bss_start;
  borders[4] = emulator_shared;
  borders[5] = emulator_shared_end;
}

// ----------------------------------------------------------- what NVRTC does not know by itself

#ifndef EMULATOR_HOST_HEADERS  // which the kernel's text includes
#undef INFINITY
#undef NAN
#undef HUGE_VAL
#undef HUGE_VALF
#undef M_E
#undef M_LOG2E
#undef M_LOG10E
#undef M_LN2
#undef M_LN10
#undef M_PI
#undef M_PI_2
#undef M_PI_4
#undef M_1_PI
#undef M_2_PI
#undef M_2_SQRTPI
#undef M_SQRT2
#undef M_SQRT1_2
#endif
