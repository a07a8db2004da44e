// Ends a launch when the kernel crashes or the user wants it.

#include "signals.h"

#include <link.h>
#include <pthread.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>

namespace emulator {

namespace {

constexpr int mistakes[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
constexpr int mistakes_count = sizeof mistakes / sizeof *mistakes;
struct sigaction before[mistakes_count], before_interrupt;
pthread_t launching;
volatile bool forwarded;  // the launching thread is told of a SIGINT that another one has handled
struct Code {
  const char *begin, *end;
} kernel_code, mathematics;
// A thread whose stack is full needs another for the handler.
alignas(16) char stack_of_handlers[64 << 10];

const char* program_counter(void* context) {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<char*>(registers.gregs[REG_RIP]);
#else
  return reinterpret_cast<char*>(registers.pc);
#endif
}

bool within(const char* address, const Code& code) {
  return address >= code.begin && address < code.end;
}

// Where the library with the mathematical functions lies.
int find_mathematics(dl_phdr_info* info, size_t, void*) {
  const auto inside = reinterpret_cast<const char*>(static_cast<double (*)(double)>(&::cos));
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto& part = info->dlpi_phdr[i];
    const char* begin = reinterpret_cast<const char*>(info->dlpi_addr + part.p_vaddr);
    const Code code = {begin, begin + part.p_memsz};
    if (part.p_type == PT_LOAD && within(inside, code)) {
      mathematics = code;
      return 1;
    }
  }
  return 0;
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
    snprintf(text, sizeof text, "integer division by zero, ");
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

// The kernel is left at once where its own code or a mathematical function is interrupted. Anywhere
// else something may be half done, such as an allocation: the runtime leaves it, when it is next
// called.
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
  const char* code = program_counter(context);
  if (current && (within(code, kernel_code) || within(code, mathematics))) stop();
}

void handle(int number, void (*handler)(int, siginfo_t*, void*), struct sigaction* old) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;  // the handlers need not return
  sigaction(number, &action, old);
}

}  // namespace

Signals::Signals(const Library& kernel) {
  launching = pthread_self();
  forwarded = false;
  kernel_code = {kernel.begin, kernel.shared};
  if (!mathematics.begin) dl_iterate_phdr(find_mathematics, nullptr);
  stack_t stack{};
  stack.ss_sp = stack_of_handlers;
  stack.ss_size = sizeof stack_of_handlers;
  sigaltstack(&stack, &stack_before);
  for (int i = 0; i < mistakes_count; i++) handle(mistakes[i], on_mistake, &before[i]);
  handle(SIGINT, on_interrupt, &before_interrupt);
  if (!(before_interrupt.sa_flags & SA_SIGINFO) && before_interrupt.sa_handler == SIG_IGN) {
    sigaction(SIGINT, &before_interrupt, nullptr);  // it stays ignored
  }
}

Signals::~Signals() {
  sigaction(SIGINT, &before_interrupt, nullptr);
  for (int i = 0; i < mistakes_count; i++) sigaction(mistakes[i], &before[i], nullptr);
  sigaltstack(&stack_before, nullptr);
}

}  // namespace emulator
