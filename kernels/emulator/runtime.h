// The interface between emulated kernels and the emulator's runtime.
//
// A kernel is compiled by the host's C++ compiler against cuda_emulator.h, which declares
// CUDA's language with what stands here. The runtime (threads.cpp, memory.cpp) is a library of its
// own, compiled once.
#pragma once

#include <cstddef>
#include <cstdint>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Where the dynamic shared memory of the running block lies.
extern "C" char emulator_dynamic_shared[];

// Between these a kernel's library has its __shared__ variables. A gap lies before them, the first
// thing in the text's part of the section of variables without a value: what the compiler has there
// itself lies before that, and an index that runs out of the first variable ends in it. A common
// symbol comes last in the section.
#define EMULATOR_SHARED_BORDERS                                                              \
  __asm__(".pushsection .bss\n.balign 1024\n.skip 65536\nemulator_shared:\n.popsection\n"    \
          ".hidden emulator_shared_end\n.comm emulator_shared_end, 1, 1");                   \
  extern "C" __attribute__((visibility("hidden"))) char emulator_shared[], emulator_shared_end[];

namespace emulator {

constexpr int warp_size = 32;
constexpr int slot_size = 64;  // bytes that a lane can hand to its warp at once

// Where a function was called, in lines of the kernel's text: as default arguments,
// __builtin_FILE() and __builtin_LINE() are those of the call.
struct Place {
  const char* file;
  int line;
};

// Constant within a CUDA thread, and marked so: the compiler may keep them in registers.
__attribute__((const)) uint3 thread_index();
__attribute__((const)) uint3 block_index();
__attribute__((const)) dim3 block_size();
__attribute__((const)) dim3 grid_size();
__attribute__((const)) int lane();

// Waits until every thread of the block that has not exited has come to the same barrier; the second
// returns how many of them have said `yes`.
void barrier(Place place);
int voting_barrier(bool yes, const char* function, Place place);

// Hands `bytes` bytes to the lanes of `mask` and waits until all of them have done so, by the same
// function. Lane i's bytes are at result + slot_size * i, until the lane's next exchange but one.
const char* exchange(uint32_t mask, const void* value, size_t bytes, const char* function,
                     Place place);

// The running thread's lanes: those that its warp has at all, and those that are at `place` when all
// have run as far as they can.
uint32_t existing_lanes();
uint32_t active_lanes(Place place);

// What the running thread has written counts as written before its next atomic operation.
void fence();

// The running thread goes on later.
void let_others_run();

// Reports a mistake of the kernel and ends the launch.
[[noreturn]] void fail(const char* kind, const char* message, Place place);

// Ends the launch when the user wants it.
void leave_if_interrupted();

// Between the two, reads and writes of the running thread are one atomic operation. `reads`: the
// kernel sees what was there before; `changed`: the memory is not as before.
void begin_atomic(void* address, size_t bytes, bool reads);
void end_atomic(bool changed);

// cp.async: copies `valid` bytes and fills up with zeros to `bytes`, at the latest when the group
// that the next commit closes is waited for; until then the destination must not be used.
void async_copy(void* shared, const void* global, size_t bytes, size_t valid);
void async_commit();
void async_wait(int groups_left);

// What a kernel reads through here is checked as if its own text had read it.
void check_read(const void* address, size_t bytes);
void check_write(void* address, size_t bytes);

}  // namespace emulator
