// Atomic operations, for the types that CUDA has them for.
#pragma once

#include <cstring>

#include "runtime.h"

namespace emulator {

// One operation: new_value(old) takes the old value's place. `reads` is whether the kernel sees what
// was there before. Inlined, so that a mistake is reported at the kernel's line; what stands between
// begin and end is not watched.
template <class T, class Update>
inline __attribute__((always_inline)) T atomic(T* address, bool reads, Update new_value) {
  begin_atomic(address, sizeof(T), reads);
  const T old = *address, now = new_value(old);
  *address = now;
  end_atomic(memcmp(&old, &now, sizeof(T)) != 0);
  return old;
}

}  // namespace emulator

#define EMULATOR_ATOMIC_NAMED(T, name, reads, result)                                       \
  inline __attribute__((always_inline)) T name(T* address, T value) {                       \
    return emulator::atomic(address, reads, [&](T old) { return static_cast<T>(result); }); \
  }
// For one thread's, block's or machine's memory it is the same operation here.
#define EMULATOR_ATOMIC(T, name, reads, result)           \
  EMULATOR_ATOMIC_NAMED(T, name, reads, result)           \
  EMULATOR_ATOMIC_NAMED(T, name##_block, reads, result)   \
  EMULATOR_ATOMIC_NAMED(T, name##_system, reads, result)
#define EMULATOR_COMPARE_AND_SWAP_NAMED(T, name)                                              \
  inline __attribute__((always_inline)) T name(T* address, T compare, T value) {              \
    return emulator::atomic(address, true, [&](T old) { return old == compare ? value : old; }); \
  }
#define EMULATOR_COMPARE_AND_SWAP(T)                         \
  EMULATOR_COMPARE_AND_SWAP_NAMED(T, atomicCAS)              \
  EMULATOR_COMPARE_AND_SWAP_NAMED(T, atomicCAS_block)        \
  EMULATOR_COMPARE_AND_SWAP_NAMED(T, atomicCAS_system)
#define EMULATOR_ATOMICS_OF_BITS(T)                            \
  EMULATOR_ATOMIC(T, atomicMin, true, old < value ? old : value) \
  EMULATOR_ATOMIC(T, atomicMax, true, old > value ? old : value) \
  EMULATOR_ATOMIC(T, atomicAnd, true, old & value)             \
  EMULATOR_ATOMIC(T, atomicOr, true, old | value)              \
  EMULATOR_ATOMIC(T, atomicXor, true, old ^ value)
EMULATOR_ATOMICS_OF_BITS(int)
EMULATOR_ATOMICS_OF_BITS(unsigned)
EMULATOR_ATOMICS_OF_BITS(long long)
EMULATOR_ATOMICS_OF_BITS(unsigned long long)

EMULATOR_ATOMIC(int, atomicAdd, true,
                static_cast<unsigned>(old) + static_cast<unsigned>(value))
EMULATOR_ATOMIC(unsigned, atomicAdd, true, old + value)
EMULATOR_ATOMIC(unsigned long long, atomicAdd, true, old + value)
EMULATOR_ATOMIC(float, atomicAdd, true, old + value)
EMULATOR_ATOMIC(double, atomicAdd, true, old + value)
EMULATOR_ATOMIC(int, atomicSub, true,
                static_cast<unsigned>(old) - static_cast<unsigned>(value))
EMULATOR_ATOMIC(unsigned, atomicSub, true, old - value)
EMULATOR_ATOMIC(unsigned, atomicInc, true, old >= value ? 0 : old + 1)
EMULATOR_ATOMIC(unsigned, atomicDec, true, old == 0 || old > value ? value : old - 1)

// What was there before may be nothing: an exchange is also how a value is first set.
EMULATOR_ATOMIC(int, atomicExch, false, value)
EMULATOR_ATOMIC(unsigned, atomicExch, false, value)
EMULATOR_ATOMIC(unsigned long long, atomicExch, false, value)
EMULATOR_ATOMIC(float, atomicExch, false, value)

EMULATOR_COMPARE_AND_SWAP(int)
EMULATOR_COMPARE_AND_SWAP(unsigned)
EMULATOR_COMPARE_AND_SWAP(unsigned long long)
inline __attribute__((always_inline)) unsigned short atomicCAS(
    unsigned short* address, unsigned short compare, unsigned short value) {
  return emulator::atomic(address, true, [&](unsigned short old) {
    return old == compare ? value : old;
  });
}

#if __CUDA_ARCH__ >= 900
EMULATOR_ATOMIC(float2, atomicAdd, true, (float2{old.x + value.x, old.y + value.y}))
EMULATOR_ATOMIC(float4, atomicAdd, true,
                (float4{old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w}))
#endif
