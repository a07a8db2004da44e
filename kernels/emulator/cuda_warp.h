// Barriers, fences and the functions in which the lanes of a warp meet.
#pragma once

#include <cstring>
#include <type_traits>

#include "runtime.h"

inline void __syncthreads(EMULATOR_PLACE) { emulator::barrier(place); }
inline int __syncthreads_count(int predicate, EMULATOR_PLACE) {
  return emulator::voting_barrier(predicate != 0, "__syncthreads_count", place);
}
inline int __syncthreads_and(int predicate, EMULATOR_PLACE) {
  return emulator::voting_barrier(predicate == 0, "__syncthreads_and", place) == 0;
}
inline int __syncthreads_or(int predicate, EMULATOR_PLACE) {
  return emulator::voting_barrier(predicate != 0, "__syncthreads_or", place) != 0;
}

// Memory is written at once and in order; that there is a fence is what the race detector needs.
inline void __threadfence() { emulator::fence(); }
inline void __threadfence_system() { emulator::fence(); }
inline void __threadfence_block() { emulator::fence(); }
inline void __nanosleep(unsigned) { emulator::let_others_run(); }

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

// What the lanes of the mask that exist have handed in, one after the other.
template <class T, class Visit>
EMULATOR_UNWATCHED void each_lane(unsigned mask, T value, const char* function, Place place,
                                  Visit visit) {
  const char* slots = exchange(mask, &value, sizeof value, function, place);
  mask &= existing_lanes();
  for (int i = 0; i < warp_size; i++) {
    T other;
    memcpy(&other, slots + slot_size * i, sizeof other);
    if (mask >> i & 1) visit(1u << i, other);
  }
}

// A mask of the lanes that have handed in what the running one has.
template <class T>
EMULATOR_UNWATCHED unsigned matches(unsigned mask, T value, const char* function, Place place) {
  unsigned result = 0;
  each_lane(mask, value, function, place, [&](unsigned bit, T other) {
    if (!memcmp(&value, &other, sizeof value)) result |= bit;
  });
  return result;
}

// A mask of the lanes whose predicate is not zero.
EMULATOR_UNWATCHED inline unsigned vote(unsigned mask, int predicate, const char* function,
                                        Place place) {
  unsigned result = 0;
  each_lane(mask, predicate, function, place, [&](unsigned bit, int other) {
    if (other) result |= bit;
  });
  return result;
}

// The first lane of the segment of `width` lanes that the running one belongs to.
inline int segment(int width) { return lane() / width * width; }

}  // namespace emulator

#define EMULATOR_SHUFFLES(T)                                                                   \
  inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATOR_PLACE) {   \
    int from = emulator::segment(width) + (source & (width - 1));                              \
    return emulator::shuffle(mask, value, from, "__shfl_sync", place);                         \
  }                                                                                            \
  inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,              \
                          EMULATOR_PLACE) {                                                    \
    int from = emulator::lane() - static_cast<int>(delta);                                     \
    if (from < emulator::segment(width)) from = emulator::lane();                              \
    return emulator::shuffle(mask, value, from, "__shfl_up_sync", place);                      \
  }                                                                                            \
  inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,            \
                            EMULATOR_PLACE) {                                                  \
    int from = emulator::lane() + static_cast<int>(delta);                                     \
    if (from >= emulator::segment(width) + width) from = emulator::lane();                     \
    return emulator::shuffle(mask, value, from, "__shfl_down_sync", place);                    \
  }                                                                                            \
  inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,              \
                           EMULATOR_PLACE) {                                                   \
    int from = emulator::lane() ^ lane_mask;                                                   \
    if (from >= emulator::segment(width) + width) from = emulator::lane();                     \
    return emulator::shuffle(mask, value, from, "__shfl_xor_sync", place);                     \
  }
#define EMULATOR_MATCHES(T)                                                                    \
  inline unsigned __match_any_sync(unsigned mask, T value, EMULATOR_PLACE) {                   \
    return emulator::matches(mask, value, "__match_any_sync", place);                          \
  }                                                                                            \
  inline __attribute__((always_inline)) unsigned __match_all_sync(                             \
      unsigned mask, T value, int* predicate, EMULATOR_PLACE) {                                \
    const unsigned all = mask & emulator::existing_lanes();                                    \
    const bool same = emulator::matches(mask, value, "__match_all_sync", place) == all;        \
    *predicate = same;                                                                         \
    return same ? all : 0;                                                                     \
  }
#define EMULATOR_EXCHANGES(T) EMULATOR_SHUFFLES(T) EMULATOR_MATCHES(T)
EMULATOR_EXCHANGES(int)
EMULATOR_EXCHANGES(unsigned)
EMULATOR_EXCHANGES(long)
EMULATOR_EXCHANGES(unsigned long)
EMULATOR_EXCHANGES(long long)
EMULATOR_EXCHANGES(unsigned long long)
EMULATOR_EXCHANGES(float)
EMULATOR_EXCHANGES(double)

inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, predicate, "__ballot_sync", place);
}
inline int __any_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, predicate, "__any_sync", place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  return emulator::vote(mask, !predicate, "__all_sync", place) == 0;
}
inline int __uni_sync(unsigned mask, int predicate, EMULATOR_PLACE) {
  const unsigned yes = emulator::vote(mask, predicate, "__uni_sync", place);
  return yes == 0 || yes == (mask & emulator::existing_lanes());
}

// The lanes of the warp that are at this place together, when all of them have run as far as they
// can: on a GPU, too, it says who happens to be here, not who will come.
inline unsigned __activemask(EMULATOR_PLACE) { return emulator::active_lanes(place); }

#define EMULATOR_REDUCE(T, name, identity, result)                                  \
  inline T name(unsigned mask, T value, EMULATOR_PLACE) {                           \
    T sum = identity;                                                               \
    emulator::each_lane(mask, value, #name, place,                                  \
                        [&](unsigned, T other) { sum = static_cast<T>(result); });  \
    return sum;                                                                     \
  }
EMULATOR_REDUCE(unsigned, __reduce_add_sync, 0, sum + other)
EMULATOR_REDUCE(unsigned, __reduce_min_sync, ~0u, other < sum ? other : sum)
EMULATOR_REDUCE(unsigned, __reduce_max_sync, 0, other > sum ? other : sum)
EMULATOR_REDUCE(unsigned, __reduce_and_sync, ~0u, sum & other)
EMULATOR_REDUCE(unsigned, __reduce_or_sync, 0, sum | other)
EMULATOR_REDUCE(unsigned, __reduce_xor_sync, 0, sum ^ other)
EMULATOR_REDUCE(int, __reduce_add_sync, 0, static_cast<unsigned>(sum) + static_cast<unsigned>(other))
EMULATOR_REDUCE(int, __reduce_min_sync, 0x7fffffff, other < sum ? other : sum)
EMULATOR_REDUCE(int, __reduce_max_sync, -0x7fffffff - 1, other > sum ? other : sum)
