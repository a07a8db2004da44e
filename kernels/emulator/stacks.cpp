// The stacks of fibers, and the switch from one to another.

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>

#include "threads.h"

namespace emulator {

void (*entry)(void**);
void** entry_arguments;
static void* scheduler_stack;

#if defined(__x86_64__) && !defined(TINYGAN_UCONTEXT)

// Saves the registers that a function must preserve, and the stack pointer; the rest is dead at a
// call. The new stack looks as this one does.
extern "C" void emulator_switch(void** save, void* to);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

void prepare(Thread& thread, void (*function)()) {
  void** top = reinterpret_cast<void**>(thread.stack + stack_size);
  *--top = nullptr;  // as if called: a return address, at which the stack is aligned
  *--top = reinterpret_cast<void*>(function);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  thread.stack_pointer = top;
}

void switch_to_scheduler() { emulator_switch(&current->stack_pointer, scheduler_stack); }
void switch_to_thread() { emulator_switch(&scheduler_stack, current->stack_pointer); }

#else  // other processors: POSIX, which also saves the signal mask with a system call each time

static ucontext_t scheduler_context;
static std::vector<ucontext_t> contexts(1024);

void prepare(Thread& thread, void (*function)()) {
  ucontext_t& context = contexts[thread.linear];
  getcontext(&context);
  context.uc_stack.ss_sp = thread.stack;
  context.uc_stack.ss_size = stack_size;
  context.uc_link = nullptr;
  makecontext(&context, function, 0);
}

void switch_to_scheduler() { swapcontext(&contexts[current->linear], &scheduler_context); }
void switch_to_thread() { swapcontext(&scheduler_context, &contexts[current->linear]); }

#endif

void run_kernel() {
  entry(entry_arguments);
  current->state = State::done;
  switch_to_scheduler();
  abort();  // a thread that is done is never resumed
}

char* stack_of(size_t number) {
  static std::vector<char*> stacks;
  while (stacks.size() <= number) {
    void* memory = mmap(nullptr, stack_size + stack_guard, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      perror("emulator: no memory for the stacks of threads");
      abort();
    }
    mprotect(memory, stack_guard, PROT_NONE);
    stacks.push_back(static_cast<char*>(memory) + stack_guard);
  }
  return stacks[number];
}

}  // namespace emulator
