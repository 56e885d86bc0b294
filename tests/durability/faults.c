/* Loaded before libc into `serve` and its web process: faults of the inbox's segments, and a power cut.
 *
 * FAULT names a file. Its text says what happens to the segments from now on: "short" (half of each write),
 * "eio" (writes fail), "full" (writes fail), "sync" (syncs fail); empty: nothing.
 * SHADOW names a folder. It gets a copy of each file of the data directory (DATA) when that file is synced, and
 * loses the files that were deleted when their directory is synced: what a power cut would leave.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_of(int file, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcmp(text + a - b, end);
}

static int fault_is(int file, const char *name) {
  char path[PATH_MAX], text[16] = "";
  const char *where = getenv("FAULT");
  if (!where || !path_of(file, path) || !ends_with(path, ".segment")) return 0;
  int fault = open(where, O_RDONLY | O_CLOEXEC);
  if (fault < 0) return 0;
  ssize_t length = read(fault, text, sizeof text - 1);
  close(fault);
  return length == (ssize_t)strlen(name) && !strcmp(text, name);
}

ssize_t write(int file, const void *data, size_t length) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  if (fault_is(file, "eio")) return errno = EIO, -1;
  if (fault_is(file, "full")) return errno = ENOSPC, -1;
  return real(file, data, fault_is(file, "short") ? length / 2 : length);
}

static void replace(char *text, char old, char new) {
  for (; *text; text++)
    if (*text == old) *text = new;
}

/* The deletions in a directory are on the disk: its files that are gone would be gone after a power cut. */
static void forget_deleted(const char *directory, const char *to, const char *from) {
  char name[PATH_MAX], real[PATH_MAX], copy[PATH_MAX];
  DIR *copies = opendir(to);
  if (!copies) return;
  for (struct dirent *entry; (entry = readdir(copies));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(name, sizeof name, "%s", entry->d_name);
    replace(name, '#', '/');
    snprintf(real, sizeof real, "%s/%s", from, name);
    snprintf(copy, sizeof copy, "%s/%s", to, entry->d_name);
    size_t parent = strrchr(real, '/') - real;
    if (parent == strlen(directory) && !strncmp(real, directory, parent) && access(real, F_OK)) unlink(copy);
  }
  closedir(copies);
}

static void shadow(int file) {
  char path[PATH_MAX], name[PATH_MAX], copy[PATH_MAX], next[PATH_MAX], data[65536];
  const char *to = getenv("SHADOW"), *from = getenv("DATA");
  if (!to || !from || !path_of(file, path) || strncmp(path, from, strlen(from))) return;
  struct stat status;
  if (fstat(file, &status)) return;
  if (S_ISDIR(status.st_mode)) return forget_deleted(path, to, from);
  snprintf(name, sizeof name, "%s", path + strlen(from) + 1);
  replace(name, '/', '#');
  snprintf(copy, sizeof copy, "%s/%s", to, name);
  snprintf(next, sizeof next, "%s/.%d.%d", to, getpid(), gettid());
  int in = open(path, O_RDONLY | O_CLOEXEC), out = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  for (ssize_t part; (part = read(in, data, sizeof data)) > 0;)
    if (real(out, data, part) != part) abort();
  close(in);
  close(out);
  if (rename(next, copy)) abort();
}

int fdatasync(int file) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  if (fault_is(file, "sync")) return errno = EIO, -1;
  shadow(file);
  return real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  shadow(file);
  return real(file);
}
