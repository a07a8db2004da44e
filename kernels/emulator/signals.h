// What happens outside the emulator's control while a kernel runs: crashes and Ctrl-C.
#pragma once

#include <signal.h>

#include "threads.h"

namespace emulator {

// While one exists, a signal that a kernel has raised ends its launch as any other mistake, and
// SIGINT ends it, too, after whoever handled it before has been told.
class Signals {
 public:
  explicit Signals(const Library& library);
  ~Signals();

 private:
  stack_t stack_before;
};

}  // namespace emulator
