/* talk ADDRESS PORT: says, line by line, whether a connection that it has held from the start still answers ("old"), and whether a new
 * one is made ("new"). Each gets half a second. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { patience_ms = 500 };

static int reach(const char *address, int port) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &peer.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0) return fd;
  struct pollfd waits = {.fd = fd, .events = POLLOUT};
  int error = errno;
  socklen_t length = sizeof error;
  if (error == EINPROGRESS && poll(&waits, 1, patience_ms) == 1) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0) return fd;
  close(fd);
  return -1;
}

/* The peer sends back what it is sent. */
static int answers(int fd) {
  char byte = 'x';
  struct pollfd waits = {.fd = fd, .events = POLLIN};
  while (recv(fd, &byte, 1, 0) == 1); /* An answer that came too late. */
  return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && poll(&waits, 1, patience_ms) == 1 && recv(fd, &byte, 1, 0) == 1;
}

int main(int count, char **words) {
  if (count != 3) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int port = atoi(words[2]), old = reach(words[1], port);
  for (;;) {
    int new = reach(words[1], port);
    printf("old %s, new %s\n", answers(old) ? "yes" : "no", new >= 0 && answers(new) ? "yes" : "no");
    close(new);
    usleep(100000);
  }
}
