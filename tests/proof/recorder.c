/* Records, in order, what a program writes below one folder and what it syncs.
 *
 * Loaded before libc (ld.so(8), LD_PRELOAD) into a program that is to be cut off at any moment
 * afterwards, on paper: tests/proof/unsynced.py replays the record. HAVENLINE_RECORD_LOG names
 * the record, HAVENLINE_RECORD_UNDER the folder. Each entry is a line of words, then the bytes of
 * a write:
 *
 *   write OFFSET LENGTH PATH \n BYTES    truncate LENGTH PATH    sync PATH
 *   rename OLD \t NEW                    unlink PATH
 *
 * What is written through mmap is not seen; of the files here that is only SQLite's -shm, which is
 * made anew after a crash.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static const char *under;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  const char *log = getenv("HAVENLINE_RECORD_LOG");
  under = getenv("HAVENLINE_RECORD_UNDER");
  if (log && under) {
    record = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
}

/* The path of a descriptor, if it lies below the folder. */
static int path_of(int fd, char *path) {
  char link[32];
  if (record < 0) {
    return 0;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, 4095);
  if (length <= 0) {
    return 0;
  }
  path[length] = 0;
  return strncmp(path, under, strlen(under)) == 0;
}

static void say(const char *format, ...) {
  char line[9000];
  va_list given;
  va_start(given, format);
  int length = vsnprintf(line, sizeof line, format, given);
  va_end(given);
  if (real_write(record, line, length) != length) {
    abort();
  }
}

static void say_bytes(const void *data, size_t length) {
  if (real_write(record, data, length) != (ssize_t)length) {
    abort();
  }
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
  char path[4096];
  if (!path_of(fd, path)) {
    return real_pwrite(fd, data, size, offset);
  }
  pthread_mutex_lock(&order);
  ssize_t done = real_pwrite(fd, data, size, offset);
  if (done > 0) {
    say("write %lld %zd %s\n", (long long)offset, done, path);
    say_bytes(data, done);
  }
  pthread_mutex_unlock(&order);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
  char path[4096];
  if (!path_of(fd, path)) {
    return real_write(fd, data, size);
  }
  pthread_mutex_lock(&order);
  ssize_t done = real_write(fd, data, size);
  if (done > 0) {
    say("write %lld %zd %s\n", (long long)(lseek(fd, 0, SEEK_CUR) - done), done, path);
    say_bytes(data, done);
  }
  pthread_mutex_unlock(&order);
  return done;
}

static int synced(int (*real)(int), int fd) {
  char path[4096];
  if (!path_of(fd, path)) {
    return real(fd);
  }
  pthread_mutex_lock(&order);
  int failed = real(fd);
  if (!failed) {
    say("sync %s\n", path);
  }
  pthread_mutex_unlock(&order);
  return failed;
}

int fsync(int fd) { return synced(real_fsync, fd); }
int fdatasync(int fd) { return synced(real_fdatasync, fd); }

int ftruncate64(int fd, off_t length) {
  char path[4096];
  if (!path_of(fd, path)) {
    return real_ftruncate(fd, length);
  }
  pthread_mutex_lock(&order);
  int failed = real_ftruncate(fd, length);
  if (!failed) {
    say("truncate %lld %s\n", (long long)length, path);
  }
  pthread_mutex_unlock(&order);
  return failed;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *old, const char *new) {
  pthread_mutex_lock(&order);
  int failed = real_rename(old, new);
  if (!failed && record >= 0) {
    say("rename %s\t%s\n", old, new);
  }
  pthread_mutex_unlock(&order);
  return failed;
}

int unlink(const char *path) {
  pthread_mutex_lock(&order);
  int failed = real_unlink(path);
  if (!failed && record >= 0) {
    say("unlink %s\n", path);
  }
  pthread_mutex_unlock(&order);
  return failed;
}
