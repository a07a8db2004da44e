// Counts what accesses cost: the passes of shared memory's banks, the sectors of global memory.
//
// memory.cpp tells each access of a lane. At the end of a block those that a warp made together, by
// one instruction at one of its turns, are put together.

#include <algorithm>
#include <map>

#include "threads.h"

namespace emulator {

namespace {

// An access of one lane, until those of its warp at the same instruction can be put together.
struct LaneAccess {
  const void* code;
  unsigned warp, turn, lane;
  uint64_t address;
  unsigned bytes;
  bool shared, write;
};

struct Traffic {
  long long requests, cost, ideal;
  bool shared, write;
};

std::vector<LaneAccess> lane_accesses;
// An instruction's accesses to one kind of memory: an asynchronous copy has two.
using Instruction = std::pair<const void*, bool>;
std::map<std::pair<Instruction, unsigned>, unsigned> turns;  // by thread
std::map<Instruction, Traffic> traffic;

}  // namespace

void forget_traffic() { traffic.clear(); }

void count_access(const char* address, unsigned bytes, bool write, bool shared, const void* code) {
  unsigned turn = turns[{{code, shared}, current->linear}]++;
  lane_accesses.push_back({code, current->warp, turn, current->lane,
                           reinterpret_cast<uint64_t>(address), bytes, shared, write});
}

// Shared memory has 32 banks of 4 bytes, and serves 128 bytes at a time: all lanes at once when
// each wants up to 4 bytes, half a warp with 8, a quarter with 16. Within a phase each bank serves
// one word, to as many lanes as want it. Global memory moves sectors of 32 bytes.
static void add_warp_access(const LaneAccess* first, const LaneAccess* last) {
  Traffic& line = traffic[{first->code, first->shared}];
  line.shared = first->shared;
  line.write = first->write;
  line.requests++;
  const unsigned unit = first->shared ? 4 : 32;
  const unsigned lanes = first->shared ? std::min(32u, 128 / std::max(4u, first->bytes)) : 32;
  for (const LaneAccess* phase = first; phase < last;) {
    const LaneAccess* end = phase;
    std::vector<uint64_t> units;
    for (; end < last && end->lane / lanes == phase->lane / lanes; end++) {
      for (uint64_t a = end->address / unit; a <= (end->address + end->bytes - 1) / unit; a++) {
        units.push_back(a);
      }
    }
    std::sort(units.begin(), units.end());
    units.erase(std::unique(units.begin(), units.end()), units.end());
    if (first->shared) {
      int words[32] = {};
      for (uint64_t word : units) words[word % 32]++;
      line.cost += *std::max_element(words, words + 32);
      line.ideal++;
    } else {
      line.cost += static_cast<long long>(units.size());
      std::vector<uint64_t> wanted;
      for (const LaneAccess* a = phase; a < end; a++) wanted.push_back(a->address);
      std::sort(wanted.begin(), wanted.end());
      auto different = std::unique(wanted.begin(), wanted.end()) - wanted.begin();
      line.ideal += (different * first->bytes + 31) / 32;
    }
    phase = end;
  }
}

void traffic_of_block() {
  auto key = [](const LaneAccess& a) { return std::make_tuple(a.code, a.shared, a.warp, a.turn); };
  std::stable_sort(lane_accesses.begin(), lane_accesses.end(),
                   [&](const LaneAccess& a, const LaneAccess& b) {
                     return std::make_pair(key(a), a.lane) < std::make_pair(key(b), b.lane);
                   });
  for (size_t i = 0; i < lane_accesses.size();) {
    size_t j = i;
    while (j < lane_accesses.size() && key(lane_accesses[j]) == key(lane_accesses[i])) j++;
    add_warp_access(&lane_accesses[i], &lane_accesses[i] + (j - i));
    i = j;
  }
  lane_accesses.clear();
  turns.clear();
}

}  // namespace emulator

// Copies the counts, up to `most` instructions; returns how many there are.
extern "C" int emulator_traffic(int most, const void** code, long long* values) {
  int i = 0;
  for (const auto& [instruction, line] : emulator::traffic) {
    if (i == most) break;
    code[i] = instruction.first;
    const long long row[5] = {line.shared, line.write, line.requests, line.cost, line.ideal};
    std::copy(row, row + 5, values + 5 * i++);
  }
  return i;
}
