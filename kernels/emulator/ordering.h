// Which accesses of memory surely came before which: what the race detector goes by.
//
// Within a block, accesses are ordered by a barrier between them, or, within a warp, by a function
// in which both lanes took part. Between any two threads they are ordered by atomic operations on
// one place, as in locks and in counters of finished blocks: an operation *releases* what its thread
// did before its last fence, and what its block did before a barrier, if a fence followed each
// write; and it *acquires* what earlier operations on that place have released, for its thread and,
// from the next barrier on, for its block. What was acquired is not released again elsewhere.
#pragma once

#include <unordered_map>

#include "threads.h"

namespace emulator {

// One access of a location. Threads are numbered through the whole grid, from 1; 0 is none.
struct Access {
  uint32_t thread, barriers, clock;
  const void* code;
};

// What an atomic operation has released: of its thread the accesses before `clock`, of its block
// those before the barrier number `barriers`.
struct Release {
  uint32_t thread, barriers, clock, number;
};
struct Releases {
  uint32_t count;
  std::unordered_map<uint32_t, std::vector<Release>> by_block;
};

inline std::unordered_map<const void*, Releases> released;  // by address
inline Acquired acquired_by_block;
inline uint32_t fenced_barriers;  // a fence has followed all writes before this one

inline uint32_t block_threads;    // how many a block has
inline uint32_t first_of_block;   // the number of the running block's first thread

inline uint32_t thread_number(const Thread& thread) { return first_of_block + thread.linear; }

inline uint32_t block_of(uint32_t thread) { return (thread - 1) / block_threads; }

inline Access access_now(const void* code) {
  return {thread_number(*current), barriers_passed, current->known[current->lane], code};
}

inline bool is_acquired(const Access& other, const Acquired& acquired) {
  for (const auto& [address, count] : acquired) {
    const Releases& releases = released[address];
    const auto found = releases.by_block.find(block_of(other.thread));
    if (found == releases.by_block.end()) continue;
    for (const Release& release : found->second) {
      if (release.number >= count) break;
      if (other.barriers < release.barriers) return true;
      if (other.thread == release.thread && other.clock < release.clock) return true;
    }
  }
  return false;
}

// Whether an access surely came before what the running thread does now.
inline bool ordered(const Access& other) {
  const uint32_t place = other.thread - first_of_block;  // in the block, if less than its threads
  if (place == current->linear) return true;
  if (place < block_threads) {
    if (other.barriers < barriers_passed) return true;
    const Thread& thread = threads[place];
    if (thread.warp == current->warp && other.clock < current->known[thread.lane]) return true;
  }
  if (current->acquired.empty() && acquired_by_block.empty()) return false;
  return is_acquired(other, current->acquired) || is_acquired(other, acquired_by_block);
}

inline void release_and_acquire(const void* address) {
  const uint32_t me = thread_number(*current);
  const Release now = {me, std::max(current->fence_barriers, fenced_barriers),
                       current->fence_clock, 0};
  if (now.barriers || now.clock) {
    Releases& releases = released[address];
    std::vector<Release>& mine = releases.by_block[block_number];
    const bool known = !mine.empty() && mine.back().thread == me &&
                       mine.back().barriers == now.barriers && mine.back().clock == now.clock;
    if (!known) mine.push_back({me, now.barriers, now.clock, releases.count++});
  }
  if (released.empty()) return;
  const auto found = released.find(address);
  if (found != released.end()) current->acquired[address] = found->second.count;
}

// The block passes a barrier: what its threads have acquired is known to all.
inline void order_at_barrier() {
  bool all_fenced = true;
  for (Thread& thread : threads) {
    all_fenced &= !thread.has_written;
    for (const auto& [address, count] : thread.acquired) {
      acquired_by_block[address] = std::max(acquired_by_block[address], count);
    }
    thread.acquired.clear();
  }
  if (all_fenced) fenced_barriers = barriers_passed;
}

}  // namespace emulator
