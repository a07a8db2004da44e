// The running launch, as threads.cpp (order, barriers) and memory.cpp (checks) see it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "runtime.h"

namespace emulator {

enum class State { ready, at_barrier, in_warp, looking_around, done };

struct AsyncCopy {
  char* to;
  const char* from;
  size_t bytes, valid;
  const void* code;
};

// What a thread knows of atomic operations: how many on a place came before its own.
using Acquired = std::map<const void*, uint32_t>;

// The scheduler goes through all threads at each barrier: what it looks at comes first.
struct alignas(64) Thread {
  State state;
  bool yes;              // what it says at a barrier
  uint32_t mask;         // with whom, in a warp function; and who else looks around
  unsigned lane;
  Place place;           // where it waits
  const char* function;  // in which function
  void* stack_pointer;
  char* stack;
  unsigned linear, warp;
  uint3 index;
  unsigned meetings;     // of warp functions so far, for the two halves of the exchange buffer
  std::vector<AsyncCopy> open;                 // since the last commit
  std::vector<std::vector<AsyncCopy>> groups;  // committed, oldest first
  // Which accesses of its warp's lanes a thread has surely seen: those before time known[lane] of
  // that lane's own clock. A clock advances when its thread meets others in a warp function.
  uint32_t known[warp_size];
  uint32_t fence_barriers, fence_clock;  // when its last fence was
  bool has_written;                      // to global memory, since then
  Acquired acquired;                     // since the last barrier
};

constexpr size_t stack_size = 256 << 10;
// Below each stack, so that an overflow is no silent damage. With it a stack takes an odd number of
// pages: the tops of all stacks must not fall into the same sets of the caches.
constexpr size_t stack_guard = 68 << 10;

extern Thread* current;              // null outside a launch
extern std::vector<Thread> threads;  // of the running block
extern unsigned block_number;        // linear
extern uint32_t barriers_passed;     // by the running block
extern volatile bool stopped;        // by a mistake, or by the user
extern volatile bool interrupted;    // by the user: the running thread must call stop()

void add_report(const char* kind, const std::string& message, const void* code, Place place);
[[noreturn]] void stop();            // ends the launch, from within a thread
std::string who(const Thread& thread);

// stacks.cpp
extern void (*entry)(void**);        // the kernel, with what its parameters point to
extern void** entry_arguments;
char* stack_of(size_t number);       // made when first asked for
void prepare(Thread& thread, void (*function)());
void run_kernel();                   // a thread's function
void switch_to_scheduler();
void switch_to_thread();             // to the current one

// memory.cpp
extern bool checking, is_unsettled;  // whether accesses are watched, and a write waits to be judged
constexpr int constant_variable = -1, device_variable = -2;
struct Array {
  char* begin;
  size_t bytes;
  int item;          // bytes per element
  int parameter;     // which of the kernel's, or one of these:
  const char* name;  // of a variable of the text, which is no parameter
};
// A kernel's library in memory: [begin, gap) is code and what belongs to it, with the text's own
// variables in [variables, variables_end); [gap, shared) is nobody's; [shared, end) are the variables
// that start without a value, which are the __shared__ ones.
struct Library {
  char *begin, *variables, *variables_end, *gap, *shared, *end;
};
void watch(const Array* arrays, int count, const Library& library, char* dynamic_shared,
           size_t dynamic_bytes, bool check, bool strict, bool count_traffic);
void forget_shared_memory();         // at the start of a block
void settle_writes();                // after each turn of a thread
void atomic_was_done(bool changed, const void* code);
void access(const void* address, size_t bytes, bool write, const void* code, bool reads = false);
void access_by_copy(void* shared, size_t bytes, const void* code);  // written at any time
void pending(void* shared, size_t bytes);                    // cp.async has been issued
void arrived(void* shared, size_t bytes, const void* code);  // and was waited for


// traffic.cpp
void forget_traffic();               // at the start of a launch
void count_access(const char* address, unsigned bytes, bool write, bool shared, const void* code);
void traffic_of_block();             // at the end of a block

}  // namespace emulator
