// Ends a launch when the kernel crashes or the user wants it.

#include "signals.h"

#include <pthread.h>
#include <ucontext.h>

#include <cstdio>

namespace emulator {

namespace {

constexpr int mistakes[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
constexpr int mistakes_count = sizeof mistakes / sizeof *mistakes;
struct sigaction before[mistakes_count], before_interrupt, before_step;
pthread_t launching;
volatile bool forwarded;  // the launching thread is told of a SIGINT that another one has handled
Library kernel;
// A thread whose stack is full needs another for the handler.
alignas(16) char stack_of_handlers[64 << 10];

#if defined(__x86_64__)
constexpr long long single_step = 0x100;  // the processor's trap flag
#endif

const char* program_counter(void* context) {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<char*>(registers.gregs[REG_RIP]);
#else
  return reinterpret_cast<char*>(registers.pc);
#endif
}

const char* stack_pointer(void* context) {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<char*>(registers.gregs[REG_RSP]);
#else
  return reinterpret_cast<char*>(registers.sp);
#endif
}

void on_mistake(int number, siginfo_t* info, void* context) {
  if (!current || !pthread_equal(pthread_self(), launching)) {  // not a kernel's
    for (int i = 0; i < mistakes_count; i++) {
      if (mistakes[i] == number) sigaction(number, &before[i], nullptr);
    }
    return;
  }
  const char* code = program_counter(context) + 1;  // as a return address
  const char* kind = "crash";
  const char* address = static_cast<char*>(info->si_addr);
  char text[120];
  if (number == SIGFPE) {
    snprintf(text, sizeof text, "integer division by zero, or of the lowest integer by -1, ");
  } else if (number == SIGABRT) {
    snprintf(text, sizeof text, "the host's library has called abort(), ");
    code = nullptr;
  } else if (number == SIGILL) {
    snprintf(text, sizeof text, "the end of a path that the compiler takes for impossible, ");
  } else if (address >= current->stack - stack_guard && address < current->stack) {
    kind = "stack overflow";
    snprintf(text, sizeof text, "more than %zu KiB of local variables and calls, ",
             stack_size >> 10);
  } else {
    snprintf(text, sizeof text, "no memory at %p, ", info->si_addr);
  }
  add_report(kind, text + who(*current), code, {"", 0});
  stop();
}

// The user wants the launch to end. A kernel is left where its own code runs. Anywhere else something
// may be half done, such as an allocation: there it goes on, instruction by instruction, until it is
// back in its own code. (On other processors the runtime leaves it, when it is next called.)
void leave(void* context) {
  if (!current) return;
  const char *stack = stack_pointer(context), *code = program_counter(context);
  const bool on_fiber = stack >= current->stack && stack < current->stack + stack_size;
  if (on_fiber && code >= kernel.begin && code < kernel.shared) stop();
#if defined(__x86_64__)
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  flags = on_fiber ? flags | single_step : flags & ~single_step;  // the scheduler stops by itself
#endif
}

void on_step(int, siginfo_t*, void* context) { leave(context); }

void on_interrupt(int number, siginfo_t* info, void* context) {
  if (forwarded) {
    forwarded = false;
  } else if (before_interrupt.sa_flags & SA_SIGINFO) {
    before_interrupt.sa_sigaction(number, info, context);
  } else if (before_interrupt.sa_handler == SIG_DFL) {
    sigaction(number, &before_interrupt, nullptr);
    raise(number);
    return;
  } else {
    before_interrupt.sa_handler(number);
  }
  interrupted = stopped = true;
  if (!pthread_equal(pthread_self(), launching)) {
    forwarded = true;
    pthread_kill(launching, number);
    return;
  }
  leave(context);
}

void handle(int number, void (*handler)(int, siginfo_t*, void*), struct sigaction* old) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;  // the handlers need not return
  sigaction(number, &action, old);
}

}  // namespace

Signals::Signals(const Library& library) {
  launching = pthread_self();
  forwarded = false;
  kernel = library;
  stack_t stack{};
  stack.ss_sp = stack_of_handlers;
  stack.ss_size = sizeof stack_of_handlers;
  sigaltstack(&stack, &stack_before);
  for (int i = 0; i < mistakes_count; i++) handle(mistakes[i], on_mistake, &before[i]);
  handle(SIGTRAP, on_step, &before_step);
  handle(SIGINT, on_interrupt, &before_interrupt);
  if (!(before_interrupt.sa_flags & SA_SIGINFO) && before_interrupt.sa_handler == SIG_IGN) {
    sigaction(SIGINT, &before_interrupt, nullptr);  // it stays ignored
  }
}

Signals::~Signals() {
  sigaction(SIGINT, &before_interrupt, nullptr);
  sigaction(SIGTRAP, &before_step, nullptr);
  for (int i = 0; i < mistakes_count; i++) sigaction(mistakes[i], &before[i], nullptr);
  sigaltstack(&stack_before, nullptr);
}

}  // namespace emulator
