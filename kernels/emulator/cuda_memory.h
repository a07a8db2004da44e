// Reads and writes with a hint for the caches, which has no meaning here.
#pragma once

#define EMULATOR_READ(T, name) \
  inline __attribute__((always_inline)) T name(const T* address) noexcept { return *address; }
#define EMULATOR_WRITE(T, name)                                                             \
  inline __attribute__((always_inline)) void name(T* address, T value) noexcept {           \
    *address = value;                                                                       \
  }
#define EMULATOR_CACHED(T)                                                                     \
  EMULATOR_READ(T, __ldg) EMULATOR_READ(T, __ldca) EMULATOR_READ(T, __ldcg)                    \
  EMULATOR_READ(T, __ldcs) EMULATOR_READ(T, __ldcv) EMULATOR_READ(T, __ldlu)                   \
  EMULATOR_WRITE(T, __stcg) EMULATOR_WRITE(T, __stcs) EMULATOR_WRITE(T, __stwb)                \
  EMULATOR_WRITE(T, __stwt)
#define EMULATOR_CACHED_VECTORS(name) \
  EMULATOR_CACHED(name##2)            \
  EMULATOR_CACHED(name##4)
EMULATOR_CACHED(char)
EMULATOR_CACHED(signed char)
EMULATOR_CACHED(unsigned char)
EMULATOR_CACHED(short)
EMULATOR_CACHED(unsigned short)
EMULATOR_CACHED(int)
EMULATOR_CACHED(unsigned)
EMULATOR_CACHED(long)
EMULATOR_CACHED(unsigned long)
EMULATOR_CACHED(long long)
EMULATOR_CACHED(unsigned long long)
EMULATOR_CACHED(float)
EMULATOR_CACHED(double)
EMULATOR_CACHED_VECTORS(char)
EMULATOR_CACHED_VECTORS(uchar)
EMULATOR_CACHED_VECTORS(short)
EMULATOR_CACHED_VECTORS(ushort)
EMULATOR_CACHED_VECTORS(int)
EMULATOR_CACHED_VECTORS(uint)
EMULATOR_CACHED_VECTORS(float)
EMULATOR_CACHED(longlong2)
EMULATOR_CACHED(ulonglong2)
EMULATOR_CACHED(double2)
