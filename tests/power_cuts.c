// Preloaded into a process (LD_PRELOAD): writes down what it does to the files below `folder`, in
// the order of the calls. See power_cuts.py.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

char folder[PATH_MAX];  // with a slash at its end; other files are not of interest
int journal = -1;       // where it is written down

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int within(const char* path) {
  size_t length = strlen(folder);
  return length && (!strncmp(path, folder, length) || !strncmp(path, folder, length - 1));
}

// A line of the call, two numbers and two paths, which hold no tabs; then `count` bytes.
static void record(const char* call, long long first, long long second, const char* path,
                   const char* other, const void* bytes, size_t count) {
  char line[2 * PATH_MAX + 99];
  int number = errno;
  int length = snprintf(line, sizeof line, "%s\t%lld\t%lld\t%s\t%s\n", call, first, second, path,
                        other);
  pthread_mutex_lock(&lock);
  if (REAL(write)(journal, line, length) != length) perror("power_cuts");
  if (count && REAL(write)(journal, bytes, count) != (ssize_t)count) perror("power_cuts");
  pthread_mutex_unlock(&lock);
  errno = number;
}

void mark(const char* text) { record("mark", 0, 0, text, "", NULL, 0); }

// The path of an open file, or nothing.
static const char* path_of(int file, char* path) {
  char link[64];
  int number = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = folder[0] ? readlink(link, path, PATH_MAX - 1) : -1;
  errno = number;
  if (length < 0) return NULL;
  path[length] = 0;
  return within(path) ? path : NULL;
}

#define OPEN(name)                                                                     \
  int name(const char* path, int flags, ...) {                                         \
    va_list rest;                                                                      \
    va_start(rest, flags);                                                             \
    mode_t mode = va_arg(rest, int);                                                   \
    va_end(rest);                                                                      \
    struct stat before;                                                                \
    int fresh = (flags & O_CREAT) && within(path) && stat(path, &before) < 0;          \
    int file = ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, mode); \
    if (file >= 0 && fresh) record("create", 0, 0, path, "", NULL, 0);                 \
    if (file >= 0 && !fresh && (flags & O_TRUNC) && within(path))                      \
      record("truncate", 0, 0, path, "", NULL, 0);                                     \
    return file;                                                                       \
  }

OPEN(open)
OPEN(open64)

ssize_t write(int file, const void* bytes, size_t count) {
  char path[PATH_MAX];
  ssize_t written = REAL(write)(file, bytes, count);
  if (written > 0 && path_of(file, path))
    record("write", lseek(file, 0, SEEK_CUR) - written, written, path, "", bytes, written);
  return written;
}

static int truncated(int file, long long length, int result) {
  char path[PATH_MAX];
  if (result == 0 && path_of(file, path)) record("truncate", length, 0, path, "", NULL, 0);
  return result;
}

int ftruncate(int file, off_t length) {
  return truncated(file, length, REAL(ftruncate)(file, length));
}

int ftruncate64(int file, off64_t length) {
  return truncated(file, length, REAL(ftruncate64)(file, length));
}

// It works always, and the disk itself is not waited for: this one keeps its power.
int fsync(int file) {
  char path[PATH_MAX];
  if (path_of(file, path)) record("fsync", 0, 0, path, "", NULL, 0);
  return 0;
}

int mkdir(const char* path, mode_t mode) {
  int result = REAL(mkdir)(path, mode);
  if (result == 0 && within(path)) record("mkdir", 0, 0, path, "", NULL, 0);
  return result;
}

int rename(const char* from, const char* to) {
  int result = REAL(rename)(from, to);
  if (result == 0 && within(to)) record("rename", 0, 0, from, to, NULL, 0);
  return result;
}

int unlink(const char* path) {
  int result = REAL(unlink)(path);
  if (result == 0 && within(path)) record("unlink", 0, 0, path, "", NULL, 0);
  return result;
}
