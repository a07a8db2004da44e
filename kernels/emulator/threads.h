// The running launch, as threads.cpp (order, barriers) and memory.cpp (checks) see it.
#pragma once

#include <string>
#include <vector>

#include "runtime.h"

namespace emulator {

enum class State { ready, at_barrier, in_warp, done };

struct AsyncCopy {
  char* to;
  const char* from;
  size_t bytes, valid;
  const void* code;
};

struct Thread {
  uint3 index;
  unsigned linear, lane, warp;
  State state;
  Place place;           // where it waits
  uint32_t mask;         // with whom, in a warp function
  const char* function;  // which
  unsigned meetings;     // of warp functions so far, for the two halves of the exchange buffer
  void* stack_pointer;
  char* stack;
  std::vector<AsyncCopy> open;                 // since the last commit
  std::vector<std::vector<AsyncCopy>> groups;  // committed, oldest first
  // Which accesses of its warp's lanes a thread has surely seen: those before time known[lane] of
  // that lane's own clock. A clock advances when its thread meets others in a warp function.
  uint32_t known[warp_size];
};

constexpr size_t stack_size = 256 << 10;

extern Thread* current;              // null outside a launch
extern std::vector<Thread> threads;  // of the running block
extern unsigned block_number;        // linear
extern uint32_t barriers_passed;     // by the running block
extern bool stopped;                 // by a mistake

void add_report(const char* kind, const std::string& message, const void* code, Place place);
[[noreturn]] void stop();            // ends the launch, from within a thread
std::string who(const Thread& thread);

// memory.cpp
struct Array {
  char* begin;
  size_t bytes;
  int item;       // bytes per element
  int parameter;  // which of the kernel's
};
// A kernel's library in memory: [begin, shared) is code and constants, [shared, end) its variables
// that start without a value, which are the __shared__ ones.
struct Library {
  char *begin, *shared, *end;
};
void watch(const Array* arrays, int count, const Library& library, char* dynamic_shared,
           size_t dynamic_bytes, bool check, bool count_traffic);
void forget_shared_memory();         // at the start of a block
void traffic_of_block();             // at its end
void access(const void* address, size_t bytes, bool write, const void* code);
void pending(void* shared, size_t bytes);                    // cp.async has been issued
void arrived(void* shared, size_t bytes, const void* code);  // and was waited for

}  // namespace emulator
