// Says when its first instruction ran: CLOCK_MONOTONIC, ns.
#include <stdio.h>
#include <time.h>

int main(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  printf("%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  return 0;
}
