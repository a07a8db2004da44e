// Preloaded into a process (LD_PRELOAD): one call of the system on a file in `folder` fails, or is
// the last one that the process makes. See failing_calls.py.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char folder[PATH_MAX];    // how paths begin; calls on other files are not counted
long fail_at = -1;        // the number of the call, from 0
int fail_errno = 0;       // what it sets; 0: the process is killed by it
long calls = 0;
char failed[2 * PATH_MAX];  // the call, for the report

static int fails(const char* call, const char* path) {
  if (!folder[0] || strncmp(path, folder, strlen(folder)) || calls++ != fail_at) return 0;
  snprintf(failed, sizeof failed, "%s(%s)", call, path + strlen(folder));
  if (fail_errno == 0) kill(getpid(), SIGKILL);
  errno = fail_errno;
  return 1;
}

static int fails_at(const char* call, int file) {
  char link[64], path[PATH_MAX] = "";
  if (!folder[0]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  if (readlink(link, path, sizeof path - 1) < 0) return 0;
  return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(const char* name, const char* path, int flags, mode_t mode) {
  if (fails("open", path)) return -1;
  return ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, name))(path, flags, mode);
}

#define OPEN(name)                                 \
  int name(const char* path, int flags, ...) {     \
    va_list rest;                                  \
    va_start(rest, flags);                         \
    mode_t mode = va_arg(rest, int);               \
    va_end(rest);                                  \
    return opened(#name, path, flags, mode);       \
  }

OPEN(open)
OPEN(open64)

ssize_t read(int file, void* bytes, size_t count) {
  return fails_at("read", file) ? -1 : REAL(read)(file, bytes, count);
}

ssize_t write(int file, const void* bytes, size_t count) {
  if (fails_at("write", file)) {  // half of it is written, as on a disk that becomes full
    int number = errno;
    if (REAL(write)(file, bytes, count / 2) < 0) return -1;
    errno = number;
    return -1;
  }
  return REAL(write)(file, bytes, count);
}

// No power is cut here: the disk need not be waited for.
int fsync(int file) { return fails_at("fsync", file) ? -1 : 0; }

int close(int file) {
  int fail = fails_at("close", file), number = errno;
  int result = REAL(close)(file);  // a file is closed, whatever close says
  if (!fail) return result;
  errno = number;
  return -1;
}

int mkdir(const char* path, mode_t mode) {
  return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char* from, const char* to) {
  return fails("rename", to) ? -1 : REAL(rename)(from, to);
}

int unlink(const char* path) { return fails("unlink", path) ? -1 : REAL(unlink)(path); }
