// Watches every memory access of a kernel: bounds, alignment, shared memory that no thread has
// written, data races.
//
// The compiler calls us. With -fsanitize=thread it puts a call of __tsan_readN or __tsan_writeN in
// front of each access; instead of its own library we link the functions at the end of this file.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "ordering.h"

namespace emulator {

bool checking, is_unsettled;

namespace {

// What is known of two bytes of memory (or of one, in arrays of bytes).
struct Location {
  Access write;
  Access reads[3];
  bool initialised, atomic, pending;
};

struct Region {
  char* begin;
  char* end;
  bool shared, writable;
  int number;        // of the parameter
  int item;          // bytes per element
  const char* name;  // of a variable of the text
  int grain;         // bytes for each of:
  std::vector<Location> locations;
};

// A write where another thread has written at the same time. It is a mistake unless both have
// written the same, which shows only after it has happened: when something is next watched.
struct UnsettledWrite {
  const char* begin;
  size_t bytes;
  char other[16];  // what was written before
  const char* kind;
  std::string message;
  const void* code;
};

std::vector<Region> regions;
bool counting;
int atomic_depth;
UnsettledWrite unsettled;
bool written_elsewhen;  // what is watched is not written just afterwards
bool strict_writes;     // writes of the same value are a mistake, too

std::string size_of(size_t bytes) { return " of " + std::to_string(bytes) + " bytes"; }

std::string name_of(const Region& region, const char* address) {
  char text[120];
  const long offset = address - region.begin;
  if (region.shared) {
    snprintf(text, sizeof text, "shared memory, byte %ld", offset);
  } else if (region.name) {
    snprintf(text, sizeof text, "%s %s, byte %ld", region.writable ? "__device__" : "__constant__",
             region.name, offset);
  } else if (region.number < 0) {
    snprintf(text, sizeof text, "constants of the text");
  } else if (region.number >= 1000) {
    snprintf(text, sizeof text, "array %d of those pointed to, byte %ld", region.number - 1000,
             offset);
  } else {
    snprintf(text, sizeof text, "parameter %d, byte %ld", region.number, offset);
  }
  return text;
}

// What was touched out of bounds: the nearest array, if one is near, and where that would be in it.
std::string outside(const char* address, size_t bytes, bool write) {
  constexpr long near_by = 1 << 14;
  const Region* nearest = nullptr;
  long distance = near_by;
  for (const Region& region : regions) {
    const long away = address < region.begin ? region.begin - address : address - region.end;
    if (away < distance && (region.shared || region.name || region.number >= 0)) {
      nearest = &region;
      distance = away;
    }
  }
  char text[160];
  if (!nearest) {
    snprintf(text, sizeof text, "%s at %p of %zu bytes, in no array", write ? "write" : "read",
             static_cast<const void*>(address), bytes);
    return text;
  }
  const std::string name = name_of(*nearest, address);
  const long size = nearest->end - nearest->begin, offset = address - nearest->begin;
  const bool before = offset < 0;
  snprintf(text, sizeof text, "%s of %zu bytes, %ld bytes %s %s (%ld bytes)",
           write ? "write" : "read", bytes, before ? -offset : offset - size,
           before ? "before" : "past the end of", name.substr(0, name.find(", byte")).c_str(), size);
  if (nearest->number < 0) return text;
  const long index = (before ? offset - nearest->item + 1 : offset) / nearest->item;
  return text + (", index " + std::to_string(index));
}

std::string describe(const Access& other) {
  char text[120];
  unsigned count = static_cast<unsigned>(threads.size());
  snprintf(text, sizeof text, "; the other: thread %u of block %u (linear), at @%p",
           (other.thread - 1) % count, (other.thread - 1) / count, other.code);
  return text;
}

[[noreturn]] void stop_at(const char* kind, const std::string& message, const void* code) {
  add_report(kind, message + ", " + who(*current), code, {"", 0});
  stop();
}

Region* find(const char* address) {
  static size_t last;
  if (last < regions.size() && address >= regions[last].begin && address < regions[last].end) {
    return &regions[last];
  }
  for (size_t i = 0; i < regions.size(); i++) {
    if (address >= regions[i].begin && address < regions[i].end) {
      last = i;
      return &regions[i];
    }
  }
  return nullptr;
}

// Remembers a read. Three are kept, of different threads: a later write by one of them must still
// find another one that it was not ordered with.
void remember_read(Location& location, const Access& now) {
  Access* oldest = location.reads;
  for (Access& read : location.reads) {
    if (!read.thread || read.thread == now.thread || ordered(read)) {
      read = now;
      return;
    }
    if (read.barriers < oldest->barriers) oldest = &read;
  }
}

constexpr const char* two_writes = "race: two writes";

// Whether two threads touch a location at once, one of them writing.
const char* race_at(const Location& location, bool write, bool atomic, const Access** other) {
  if (location.write.thread && !ordered(location.write) && !(atomic && location.atomic)) {
    *other = &location.write;
    return write ? two_writes : "race: a read after a write";
  }
  if (!write) return nullptr;
  for (const Access& read : location.reads) {
    if (read.thread && !ordered(read)) {
      *other = &read;
      return "race: a write after a read";
    }
  }
  return nullptr;
}

// Two threads write to a location: whether they write the same shows only after the write.
void settle_later(const char* begin, size_t bytes, const std::string& message, const void* code) {
  is_unsettled = true;
  unsettled = {begin, bytes, {}, two_writes, message + ", " + who(*current), code};
  memcpy(unsettled.other, begin, bytes);
}

void check_locations(Region& region, char* begin, size_t bytes, bool write, const void* code,
                     bool reads) {
  const bool atomic = atomic_depth > 0;
  const Access now = access_now(code);
  if (write && !region.shared) current->has_written = true;
  for (char* p = begin; p < begin + bytes; p += region.grain) {
    Location& location = region.locations[(p - region.begin) / region.grain];
    if (location.pending) {
      stop_at("cp.async", name_of(region, p) + " is used before its copy was waited for", code);
    }
    if (region.shared && reads && !location.initialised) {
      stop_at("uninitialised", name_of(region, p) + " is read and was never written", code);
    }
    const Access* other = nullptr;
    if (const char* race = race_at(location, write, atomic, &other)) {
      const std::string message = name_of(region, p) + describe(*other);
      if (race != two_writes || atomic || written_elsewhen || strict_writes) {
        stop_at(race, message, code);
      }
      if (!is_unsettled) settle_later(begin, bytes, message, code);
    }
    if (write) {
      location.write = now;
      location.initialised = true;
      location.atomic = atomic;
      for (Access& read : location.reads) read.thread = 0;
    } else {
      remember_read(location, now);
    }
  }
}

}  // namespace

void settle_writes() {
  if (!is_unsettled) return;
  is_unsettled = false;
  if (stopped || !memcmp(unsettled.begin, unsettled.other, unsettled.bytes)) return;
  add_report(unsettled.kind, unsettled.message, unsettled.code, {"", 0});
  stopped = true;
}

void access(const void* address, size_t bytes, bool write, const void* code, bool reads) {
  if (!checking || !current) return;
  if (is_unsettled) settle_writes();
  if (stopped) stop();
  char* begin = static_cast<char*>(const_cast<void*>(address));
  if (begin >= current->stack && begin < current->stack + stack_size) return;  // a local variable
  Region* region = find(begin);
  if (!region) stop_at("out of bounds", outside(begin, bytes, write), code);
  const char* verb = write ? "write" : "read";
  if (begin + bytes > region->end) {
    stop_at("out of bounds", std::string(verb) + size_of(bytes) + " beyond the end of " +
                                 name_of(*region, begin), code);
  }
  if (reinterpret_cast<uint64_t>(begin) % bytes) {
    stop_at("misaligned", std::string(verb) + size_of(bytes) + ", " + name_of(*region, begin), code);
  }
  if (write && !region->writable) {
    stop_at("constant memory", "a write to " + name_of(*region, begin), code);
  }
  if (counting && !atomic_depth && region->writable) {
    count_access(begin, static_cast<unsigned>(bytes), write, region->shared, code);
  }
  if (region->writable) check_locations(*region, begin, bytes, write, code, reads || !write);
}

void access_by_copy(void* shared, size_t bytes, const void* code) {
  written_elsewhen = true;
  access(shared, bytes, true, code);
  written_elsewhen = false;
}

void check_read(const void* address, size_t bytes) {
  access(address, bytes, false, __builtin_return_address(0));
}

void check_write(void* address, size_t bytes) {
  access(address, bytes, true, __builtin_return_address(0));
}

void begin_atomic(void* address, size_t bytes, bool reads) {
  const void* code = __builtin_return_address(0);
  atomic_depth++;
  access(address, bytes, true, code, reads);
  if (checking) release_and_acquire(address);
}

void end_atomic(bool changed) {
  atomic_depth--;
  atomic_was_done(changed, __builtin_return_address(0));
}

void fence() {
  current->fence_barriers = barriers_passed;
  current->fence_clock = ++current->known[current->lane];
  current->has_written = false;
  leave_if_interrupted();
}

static void set_pending(void* shared, size_t bytes, bool value) {
  Region* region = checking ? find(static_cast<char*>(shared)) : nullptr;
  if (!region) return;
  size_t first = (static_cast<char*>(shared) - region->begin) / region->grain;
  for (size_t i = 0; i < bytes / region->grain; i++) region->locations[first + i].pending = value;
}

void pending(void* shared, size_t bytes) { set_pending(shared, bytes, true); }

void arrived(void* shared, size_t bytes, const void* code) {
  set_pending(shared, bytes, false);
  const bool was_counting = counting;
  counting = false;  // it was counted when it began
  access_by_copy(shared, bytes, code);
  counting = was_counting;
}

// --------------------------------------------------------------------------- around the blocks

static Region& add_region(char* begin, char* end, bool shared, bool writable) {
  regions.push_back({begin, end, shared, writable, -1, 1, nullptr, 2, {}});
  return regions.back();
}

void watch(const Array* arrays, int count, const Library& library, char* dynamic_shared,
           size_t dynamic_bytes, bool check, bool strict, bool count_traffic) {
  regions.clear();
  forget_traffic();
  released.clear();
  checking = check;
  strict_writes = strict;
  counting = check && count_traffic;
  atomic_depth = 0;
  is_unsettled = written_elsewhen = false;
  if (!check) return;
  if (library.shared < library.end) add_region(library.shared, library.end, true, true);
  if (dynamic_bytes) add_region(dynamic_shared, dynamic_shared + dynamic_bytes, true, true);
  for (int i = 0; i < count; i++) {
    const Array& array = arrays[i];
    if (!array.bytes) continue;
    const bool writable = array.parameter != constant_variable;
    Region& region = add_region(array.begin, array.begin + array.bytes, false, writable);
    region.number = array.parameter;
    region.item = array.item;
    region.name = array.name;
    region.grain = array.item == 1 ? 1 : 2;
    if (writable) region.locations.resize(array.bytes / region.grain + 1);
  }
  // Constants that the compiler keeps beside the code: text in quotes, constexpr tables.
  add_region(library.begin, library.variables ? library.variables : library.gap, false, false);
  if (library.variables) add_region(library.variables_end, library.gap, false, false);
}

void forget_shared_memory() {
  for (Region& region : regions) {
    if (!region.shared) continue;
    region.locations.assign((region.end - region.begin) / region.grain + 1, Location());
  }
}

}  // namespace emulator

// --------------------------------------------------- what instrumented code calls, by these names

#define WATCH(name, bytes, write)                                               \
  extern "C" void __tsan_##name##bytes(void* address) {                         \
    if (!emulator::atomic_depth) {                                              \
      emulator::access(address, bytes, write, __builtin_return_address(0));     \
    }                                                                           \
  }
#define WATCH_SIZES(name, write) \
  WATCH(name, 1, write) WATCH(name, 2, write) WATCH(name, 4, write) WATCH(name, 8, write) \
  WATCH(name, 16, write)
WATCH_SIZES(read, false)
WATCH_SIZES(write, true)
WATCH_SIZES(unaligned_read, false)
WATCH_SIZES(unaligned_write, true)
WATCH_SIZES(volatile_read, false)
WATCH_SIZES(volatile_write, true)

static void watch_range(void* address, long bytes, bool write, const void* code) {
  emulator::written_elsewhen = true;
  for (long i = 0; i < bytes; i += 4) {
    emulator::access(static_cast<char*>(address) + i, std::min(4l, bytes - i), write, code);
  }
  emulator::written_elsewhen = false;
}
extern "C" void __tsan_read_range(void* address, long bytes) {
  watch_range(address, bytes, false, __builtin_return_address(0));
}
extern "C" void __tsan_write_range(void* address, long bytes) {
  watch_range(address, bytes, true, __builtin_return_address(0));
}
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
