// CUDA threads as fibers: each has a stack of its own and runs until it waits for others.
//
// Blocks run one after the other. Within a block one thread runs at a time, in an order that is
// forward, backward or random; what is right must be right in each. Nothing here is fast where it
// could be plain, except the switch between stacks, of which a convolution makes millions.

#include "threads.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "ordering.h"
#include "signals.h"

// Room for the dynamic shared memory of the running block: always in one place, which the text of a
// kernel names. It is larger than that of any GPU.
alignas(1024) char emulator_dynamic_shared[1 << 20];

namespace emulator {

Thread* current;
std::vector<Thread> threads;
unsigned block_number;
uint32_t barriers_passed;
volatile bool stopped;
volatile bool interrupted;

namespace {

dim3 size_of_block, size_of_grid;
uint3 index_of_block;
std::string report;
int reports;
uint64_t random_state;
int barrier_votes;     // how many threads have said yes at the last barrier
int idle_atomics;      // of the running thread, that have changed nothing since it was switched to
int idle_turns;        // turns that threads gave up so, since any thread did something else

struct Warp {
  char slots[2][warp_size * slot_size];
};
std::vector<Warp> warps;

constexpr Place nowhere{"", 0};

}  // namespace

static bool same_place(const Thread& a, const Thread& b) {
  return a.place.line == b.place.line &&
         (a.place.file == b.place.file || !strcmp(a.place.file, b.place.file));
}

// ------------------------------------------------------------------------------------- reporting

void add_report(const char* kind, const std::string& message, const void* code, Place place) {
  if (reports++ >= 20) return;
  char numbers[64];
  snprintf(numbers, sizeof numbers, "%p\t%d", code, place.line);
  std::string line = message;
  for (char& c : line) {
    if (c == '\t' || c == '\n') c = ' ';
  }
  report += std::string(kind) + "\t" + line + "\t" + place.file + "\t" + numbers + "\n";
}

void stop() {
  stopped = true;
  switch_to_scheduler();
  abort();
}

std::string who(const Thread& thread) {
  char text[120];
  snprintf(text, sizeof text, "thread (%u,%u,%u) of block (%u,%u,%u)", thread.index.x,
           thread.index.y, thread.index.z, index_of_block.x, index_of_block.y, index_of_block.z);
  return text;
}

void fail(const char* kind, const char* message, Place place) {
  add_report(kind, std::string(message) + ", " + who(*current), nullptr, place);
  stop();
}

static std::string place_text(Place place) {
  return std::string(place.file) + ":" + std::to_string(place.line);
}

// No thread can go on: says what the threads of the block wait for.
static void report_deadlock() {
  std::map<std::string, int> waiting;
  bool barrier = false;
  Place place = nowhere;
  for (const Thread& thread : threads) {
    std::string what;
    if (thread.state == State::done) {
      what = "have exited";
    } else {
      barrier |= thread.state == State::at_barrier;
      if (!place.line || thread.state == State::in_warp) place = thread.place;
      what = "wait in " + std::string(thread.function) + " at " + place_text(thread.place);
    }
    waiting[what]++;
  }
  std::string text;
  for (const auto& [what, count] : waiting) {
    text += (text.empty() ? "" : "; ") + std::to_string(count) + " threads " + what;
  }
  char block[60];
  snprintf(block, sizeof block, ", block (%u,%u,%u)", index_of_block.x, index_of_block.y,
           index_of_block.z);
  bool warp = std::any_of(threads.begin(), threads.end(),
                          [](const Thread& t) { return t.state == State::in_warp; });
  add_report(barrier && !warp ? "divergent barrier" : "deadlock", text + block, nullptr, place);
  stopped = true;
}

// ------------------------------------------------------------------------- what kernels call

uint3 thread_index() { return current->index; }
uint3 block_index() { return index_of_block; }
dim3 block_size() { return size_of_block; }
dim3 grid_size() { return size_of_grid; }
int lane() { return static_cast<int>(current->lane); }

// Lets the scheduler run, until it finds that the running thread can go on.
static inline void wait(State state, const char* function, Place place) {
  Thread& thread = *current;
  thread.state = state;
  thread.place = place;
  thread.function = function;
  idle_turns = 0;
  switch_to_scheduler();
}

void barrier(Place place) { wait(State::at_barrier, "__syncthreads", place); }

int voting_barrier(bool yes, const char* function, Place place) {
  current->yes = yes;
  wait(State::at_barrier, function, place);
  return barrier_votes;
}

uint32_t existing_lanes() {
  const size_t first = current->linear - current->lane;
  const size_t count = std::min<size_t>(warp_size, threads.size() - first);
  return count == warp_size ? ~0u : (1u << count) - 1;
}

uint32_t active_lanes(Place place) {
  wait(State::looking_around, "__activemask", place);
  return current->mask;
}

void let_others_run() {
  leave_if_interrupted();
  switch_to_scheduler();
}

void leave_if_interrupted() {
  if (interrupted) stop();
}

// A thread that waits for another in a loop of atomic operations must let that one run. Where all
// do nothing else for this many turns, nothing will ever change.
constexpr int idle_atomics_of_a_turn = 16, most_idle_turns = 1 << 20;

void atomic_was_done(bool changed, const void* code) {
  leave_if_interrupted();
  if (changed) {
    idle_atomics = idle_turns = 0;
  } else if (++idle_atomics == idle_atomics_of_a_turn) {
    if (++idle_turns == most_idle_turns) {
      add_report("deadlock", "threads wait in loops of atomic operations for what does not come, " +
                 who(*current), code, nowhere);
      stop();
    }
    switch_to_scheduler();
  }
}

const char* exchange(uint32_t mask, const void* value, size_t bytes, const char* function,
                     Place place) {
  if (!(mask >> current->lane & 1)) {
    fail("warp function", "the calling lane is not in its own mask", place);
  }
  char* slots = warps[current->warp].slots[current->meetings++ & 1];
  memcpy(slots + slot_size * current->lane, value, bytes);
  current->mask = mask;
  wait(State::in_warp, function, place);
  return slots;
}

void async_copy(void* shared, const void* global, size_t bytes, size_t valid) {
  const void* code = __builtin_return_address(0);
  if (valid) access(global, valid, false, code);
  access_by_copy(shared, bytes, code);
  pending(static_cast<char*>(shared), bytes);
  memset(shared, 0xff, bytes);
  current->open.push_back({static_cast<char*>(shared), static_cast<const char*>(global), bytes,
                           valid, code});
}

void async_commit() {
  current->groups.push_back(std::move(current->open));
  current->open.clear();
}

void async_wait(int groups_left) {
  auto& groups = current->groups;
  while (static_cast<int>(groups.size()) > groups_left) {
    for (const AsyncCopy& copy : groups.front()) {
      memcpy(copy.to, copy.from, copy.valid);
      memset(copy.to + copy.valid, 0, copy.bytes - copy.valid);
      arrived(copy.to, copy.bytes, copy.code);
    }
    groups.erase(groups.begin());
  }
}

// ------------------------------------------------------------------------------------ scheduling

static uint64_t random_number() {  // xorshift64 (Marsaglia 2003)
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void shuffle(std::vector<int>& order) {
  for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[random_number() % i]);
}

// The lanes of `mask` have met: what each did before is now known to all of them.
static void learn(Thread* lanes, uint32_t mask, int count) {
  uint32_t merged[warp_size] = {};
  for (int i = 0; i < count; i++) {
    if (!(mask >> i & 1)) continue;
    lanes[i].known[i]++;  // its clock
    for (int j = 0; j < count; j++) merged[j] = std::max(merged[j], lanes[i].known[j]);
  }
  for (int i = 0; i < count; i++) {
    if (mask >> i & 1) std::copy(merged, merged + warp_size, lanes[i].known);
  }
}

// Tells lanes that have asked who is at the same place.
static bool answer_lanes(Thread* lanes, int count) {
  bool answered = false;
  for (int i = 0; i < count; i++) {
    if (lanes[i].state != State::looking_around) continue;
    uint32_t mask = 0;
    for (int j = 0; j < count; j++) {
      const bool same = lanes[j].state == State::looking_around && same_place(lanes[i], lanes[j]);
      if (same) mask |= 1u << j;
    }
    for (int j = i; j < count; j++) {
      if (!(mask >> j & 1)) continue;
      lanes[j].mask = mask;
      lanes[j].state = State::ready;
    }
    answered = true;
  }
  return answered;
}

// Lets those lanes go on whose whole mask has come to a warp function.
static bool release_warp(size_t first) {
  int count = static_cast<int>(std::min<size_t>(warp_size, threads.size() - first));
  Thread* lanes = &threads[first];
  uint32_t existing = count == warp_size ? ~0u : (1u << count) - 1;
  bool released = answer_lanes(lanes, count);
  for (int i = 0; i < count; i++) {
    if (lanes[i].state != State::in_warp) continue;
    uint32_t mask = lanes[i].mask & existing;
    // Nobody misses those that have exited where no values are handed over.
    const bool only_waits = !strcmp(lanes[i].function, "__syncwarp");
    bool complete = true, same = true;
    for (int j = 0; j < count; j++) {
      if (!(mask >> j & 1)) continue;
      if (only_waits && lanes[j].state == State::done) {
        mask &= ~(1u << j);
        continue;
      }
      complete &= lanes[j].state == State::in_warp && lanes[j].mask == lanes[i].mask;
      same &= lanes[j].state != State::in_warp || !strcmp(lanes[j].function, lanes[i].function);
    }
    if (!complete) continue;
    if (!same) {
      add_report("warp function", "lanes of one warp meet in different functions: " +
                 std::string(lanes[i].function) + " among them, " + who(lanes[i]), nullptr,
                 lanes[i].place);
      stopped = true;
      return true;
    }
    learn(lanes, mask, count);
    for (int j = 0; j < count; j++) {
      if (mask >> j & 1) lanes[j].state = State::ready;
    }
    released = true;
  }
  return released;
}

// Lets the block pass a barrier when all threads that have not exited are at the same one. Waiting
// at different ones is a mistake: CUDA leaves undefined what happens.
static bool release_barrier() {
  const Thread* first = nullptr;
  barrier_votes = 0;
  for (const Thread& thread : threads) {
    if (thread.state == State::done) continue;
    if (!first) first = &thread;
    if (thread.state != State::at_barrier || !same_place(thread, *first)) return false;
    barrier_votes += thread.yes;
  }
  barriers_passed++;
  if (checking) order_at_barrier();
  for (Thread& thread : threads) {
    if (thread.state == State::at_barrier) thread.state = State::ready;
  }
  return true;
}

enum Order { forward, backward, random_order };

static void run_block(int order) {
  const int count = static_cast<int>(threads.size());
  std::vector<int> turn(count);
  for (int i = 0; i < count; i++) {
    turn[i] = order == backward ? count - 1 - i : i;
    Thread& thread = threads[i];
    thread.state = State::ready;
    thread.place = nowhere;
    thread.function = "";
    thread.meetings = 0;
    thread.open.clear();
    thread.groups.clear();
    std::fill(thread.known, thread.known + warp_size, 0u);
    thread.fence_barriers = thread.fence_clock = 0;
    thread.has_written = false;
    thread.acquired.clear();
    prepare(thread, run_kernel);
  }
  barriers_passed = fenced_barriers = 0;
  acquired_by_block.clear();
  idle_turns = 0;
  for (;;) {
    bool progress = false;
    if (order == random_order) shuffle(turn);
    for (int i : turn) {
      if (threads[i].state != State::ready) continue;
      progress = true;
      current = &threads[i];
      idle_atomics = 0;
      switch_to_thread();
      if (is_unsettled) settle_writes();
      if (stopped) return;
    }
    for (int first = 0; first < count; first += warp_size) {
      progress |= release_warp(first);
      if (stopped) return;
    }
    if (progress) continue;
    if (std::all_of(threads.begin(), threads.end(),
                    [](const Thread& t) { return t.state == State::done; })) {
      break;
    }
    if (!release_barrier()) return report_deadlock();
  }
  for (const Thread& thread : threads) {
    if (thread.open.empty() && thread.groups.empty()) continue;
    bool copies = !thread.open.empty();
    for (const auto& group : thread.groups) copies |= !group.empty();
    if (!copies) continue;
    add_report("cp.async", "copies that no thread has waited for at the end of " + who(thread),
               nullptr, nowhere);
    break;
  }
}

}  // namespace emulator

using namespace emulator;

// Runs a kernel; returns the number of reports, or -1 when the user has interrupted it.
//
// entry: calls the kernel with arguments[i], pointers to its parameters. arrays: what it may
// access, besides shared memory. order: of enum Order.
extern "C" int emulator_launch(void (*kernel)(void**), void** arguments, const unsigned* grid,
                               const unsigned* block, size_t dynamic_bytes, int order,
                               uint64_t seed, const Array* arrays, int array_count, int check,
                               int strict, int count_traffic, const Library* library) {
  entry = kernel;
  entry_arguments = arguments;
  report.clear();
  reports = 0;
  stopped = interrupted = false;
  random_state = seed * 2654435761u + 88172645463325252ull;
  size_of_grid = dim3(grid[0], grid[1], grid[2]);
  size_of_block = dim3(block[0], block[1], block[2]);
  const unsigned count = block[0] * block[1] * block[2];
  threads.resize(count);
  block_threads = count;
  warps.resize((count + warp_size - 1) / warp_size);
  for (unsigned i = 0; i < count; i++) {
    Thread& thread = threads[i];
    thread.linear = i;
    thread.lane = i % warp_size;
    thread.warp = i / warp_size;
    thread.index = {i % block[0], i / block[0] % block[1], i / (block[0] * block[1])};
    thread.stack = stack_of(i);
  }
  watch(arrays, array_count, *library, emulator_dynamic_shared, dynamic_bytes, check,
        strict, count_traffic);
  const unsigned blocks = grid[0] * grid[1] * grid[2];
  std::vector<int> turn(blocks);
  for (unsigned i = 0; i < blocks; i++) {
    turn[i] = static_cast<int>(order == backward ? blocks - 1 - i : i);
  }
  if (order == random_order) shuffle(turn);
  Signals signals(*library);
  for (int number : turn) {
    unsigned i = static_cast<unsigned>(number);
    block_number = i;
    first_of_block = i * count + 1;
    index_of_block = {i % grid[0], i / grid[0] % grid[1], i / (grid[0] * grid[1])};
    memset(library->shared, 0xff, library->end - library->shared);  // NaN: shows if not written
    memset(emulator_dynamic_shared, 0xff, dynamic_bytes);
    forget_shared_memory();
    run_block(order);
    if (stopped) break;
    traffic_of_block();
  }
  current = nullptr;
  fflush(stdout);  // what kernels have printed
  return interrupted ? -1 : reports;
}

extern "C" const char* emulator_report() { return report.c_str(); }
