// CUDA C++ for a host compiler: enough of the language that kernels compile as they are.
//
// Included in front of a kernel's text. What a kernel uses that is missing here does not compile;
// nothing is silently ignored but what cannot change a result (__restrict__, __launch_bounds__).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "cuda_integers.h"
#include "cuda_math.h"
#include "runtime.h"

#define TINYGAN_EMULATOR 1

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
#define __align__(n) alignas(n)
#define __grid_constant__
// Shared variables become the library's variables without a value, of which the running block is
// the only user. Constants lie in a section of their own, between the read-only ones.
#define __shared__ static
#define __constant__ static __attribute__((used, section("cuda_constant")))

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

// -------------------------------------------------------------------------- barriers and the warp

inline void __syncthreads(EMULATOR_PLACE) { emulator::barrier(place); }
inline void __threadfence() {}  // memory is written at once; see the limits in the README
inline void __threadfence_block() {}

inline void __syncwarp(unsigned mask = 0xffffffff, EMULATOR_PLACE) {
  emulator::exchange(mask, &mask, 0, "__syncwarp", place);
}

namespace emulator {

// What the lane `source` of the warp has handed in.
template <class T>
EMULATOR_UNWATCHED T shuffle(unsigned mask, T value, int source, const char* function,
                             Place place) {
  static_assert(sizeof(T) <= slot_size && std::is_trivially_copyable_v<T>);
  const char* slots = exchange(mask, &value, sizeof value, function, place);
  if (!(mask >> source & 1)) {
    fail("warp function", "a shuffle reads from a lane that is not in its mask", place);
  }
  T result;
  memcpy(&result, slots + slot_size * source, sizeof result);
  return result;
}

// A mask of the lanes whose predicate is not zero.
EMULATOR_UNWATCHED inline unsigned vote(unsigned mask, int predicate, const char* function,
                                        Place place) {
  const char* slots = exchange(mask, &predicate, sizeof predicate, function, place);
  unsigned result = 0;
  for (int i = 0; i < warp_size; i++) {
    int other;
    memcpy(&other, slots + slot_size * i, sizeof other);
    if ((mask >> i & 1) && other) result |= 1u << i;
  }
  return result;
}

// The first lane of the segment of `width` lanes that the running one belongs to.
inline int segment(int width) { return lane() / width * width; }

}  // namespace emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATOR_PLACE) {
  int from = emulator::segment(width) + source % width;
  return emulator::shuffle(mask, value, from, "__shfl_sync", place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_PLACE) {
  int from = emulator::lane() - static_cast<int>(delta);
  if (from < emulator::segment(width)) from = emulator::lane();
  return emulator::shuffle(mask, value, from, "__shfl_up_sync", place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_PLACE) {
  int from = emulator::lane() + static_cast<int>(delta);
  if (from >= emulator::segment(width) + width) from = emulator::lane();
  return emulator::shuffle(mask, value, from, "__shfl_down_sync", place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, EMULATOR_PLACE) {
  int from = emulator::lane() ^ lane_mask;
  if (from >= emulator::segment(width) + width) from = emulator::lane();
  return emulator::shuffle(mask, value, from, "__shfl_xor_sync", place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, predicate, "__ballot_sync", place);
}
inline int __any_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, predicate, "__any_sync", place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, !predicate, "__all_sync", place) == 0;
}

// ---------------------------------------------------------------------------------------- atomics

// Threads only change at barriers and warp functions, so that what stands between begin and end
// is not interrupted; they tell the race detector.
#define EMULATOR_ATOMIC(name, result)                                       \
  template <class T>                                                        \
  EMULATOR_UNWATCHED T name(T* address, std::common_type_t<T> value) {      \
    emulator::begin_atomic(address, sizeof(T));                             \
    T old = *address;                                                       \
    *address = static_cast<T>(result);                                      \
    emulator::end_atomic();                                                 \
    return old;                                                             \
  }
EMULATOR_ATOMIC(atomicAdd, old + value)
EMULATOR_ATOMIC(atomicSub, old - value)
EMULATOR_ATOMIC(atomicMin, old < value ? old : value)
EMULATOR_ATOMIC(atomicMax, old > value ? old : value)
EMULATOR_ATOMIC(atomicExch, value)
EMULATOR_ATOMIC(atomicAnd, old & value)
EMULATOR_ATOMIC(atomicOr, old | value)
EMULATOR_ATOMIC(atomicXor, old ^ value)
EMULATOR_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
EMULATOR_ATOMIC(atomicDec, old == 0 || old > value ? value : old - 1)

template <class T>
EMULATOR_UNWATCHED T atomicCAS(T* address, std::common_type_t<T> compare,
                               std::common_type_t<T> value) {
  emulator::begin_atomic(address, sizeof(T));
  T old = *address;
  if (old == compare) *address = value;
  emulator::end_atomic();
  return old;
}

// -------------------------------------------------------------------------------------- functions

// Loads and stores that tell the caches something read and write all the same.
#define EMULATOR_LOAD(name) \
  template <class T>        \
  inline T name(const T* address) { return *address; }
#define EMULATOR_STORE(name) \
  template <class T>         \
  inline void name(T* address, std::common_type_t<T> value) { *address = value; }
EMULATOR_LOAD(__ldg) EMULATOR_LOAD(__ldca) EMULATOR_LOAD(__ldcg) EMULATOR_LOAD(__ldcs)
EMULATOR_LOAD(__ldlu) EMULATOR_LOAD(__ldcv)
EMULATOR_STORE(__stwb) EMULATOR_STORE(__stcg) EMULATOR_STORE(__stcs) EMULATOR_STORE(__stwt)

// ---------------------------------------------------------------------------------- entry points

// For each kernel: a function that calls it with pointers to its arguments, as cuLaunchKernel gets
// them, and one that says how many bytes each parameter has (negative: a pointer).
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
EMULATOR_UNWATCHED int parameter_sizes(void (*)(A...), int* sizes) {
  int count = 0;
  ((sizes[count++] = static_cast<int>(sizeof(A)) * (std::is_pointer_v<A> ? -1 : 1)), ...);
  return count;
}
}  // namespace emulator

#define EMULATOR_KERNEL(number, ...)                                                 \
  extern "C" EMULATOR_UNWATCHED void emulator_kernel_##number(void** _arguments) {   \
    emulator::call(&__VA_ARGS__, _arguments);                                        \
  }                                                                                  \
  extern "C" EMULATOR_UNWATCHED int emulator_parameters_##number(int* _sizes) {      \
    return emulator::parameter_sizes(&__VA_ARGS__, _sizes);                          \
  }
#define EMULATOR_CONSTANT(number, name)                                              \
  extern "C" EMULATOR_UNWATCHED void* emulator_constant_##number(size_t* bytes) {    \
    *bytes = sizeof(name);                                                           \
    return const_cast<void*>(static_cast<const void*>(&name));                       \
  }

// The library's own borders, from the linker.
extern "C" char __ehdr_start[], __bss_start[], _end[];
extern "C" EMULATOR_UNWATCHED void emulator_library(char** borders) {
  borders[0] = __ehdr_start;
  borders[1] = __bss_start;
  borders[2] = _end;
}
