// Runs the ClickHouse that is inside libchdb.so as a process of its own: launch LIBRARY ARGUMENTS…
// The library exports clickhouse-local's command line, which knows SYSTEM START LISTEN.
//
// Its HTTP server aborts on requests that are none (a length of twenty digits, no version), before it has asked who sends them. So whoever is
// another user on this machine is not accepted: `accept` below is what the library finds under that name.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef void *(*command_line)(int, char **);

struct ends {
    struct sockaddr_in here, there;
};

static bool ends_of(int connection, struct ends *ends) {
    socklen_t here = sizeof ends->here, there = sizeof ends->there;
    return getsockname(connection, (struct sockaddr *)&ends->here, &here) == 0 &&
           getpeername(connection, (struct sockaddr *)&ends->there, &there) == 0 && ends->here.sin_family == AF_INET;
}

/** Whether the other end of a connection of this machine is a socket of our own user. One that its owner has closed is nobody's. */
static bool is_ours(const struct ends *ends) {
    FILE *sockets = fopen("/proc/net/tcp", "re");
    if (!sockets) return false;
    char line[256];
    bool found = false;
    while (!found && fgets(line, sizeof line, sockets)) {
        unsigned local, remote, local_port, remote_port, uid;
        unsigned long inode;
        const char *fields = " %*u: %x:%x %x:%x %*x %*x:%*x %*x:%*x %*x %u %*u %lu";
        if (sscanf(line, fields, &local, &local_port, &remote, &remote_port, &uid, &inode) != 6) continue;
        found = local == ends->there.sin_addr.s_addr && local_port == ntohs(ends->there.sin_port) &&
                remote == ends->here.sin_addr.s_addr && remote_port == ntohs(ends->here.sin_port) &&
                uid == geteuid() && inode != 0;
    }
    fclose(sockets);
    return found;
}

/** As accept(2), but for who is let in. It waits for the next one after a stranger: to return without one ends the server's thread. */
int accept(int listener, struct sockaddr *address, socklen_t *length) {
    socklen_t room = length ? *length : 0;
    for (;;) {
        int connection = accept4(listener, address, length, 0);
        struct ends ends;
        if (connection < 0 || (ends_of(connection, &ends) && is_ours(&ends))) return connection;
        close(connection);
        if (length) *length = room;
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: launch LIBRARY [ARGUMENT]...\n", stderr);
        return 64;
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 69;
    }
    command_line run;
    *(void **)&run = dlsym(library, "chdb_query_cmdline");
    if (!run) {
        fprintf(stderr, "%s\n", dlerror());
        return 69;
    }
    argv[1] = "clickhouse";
    run(argc - 1, argv + 1);
    return 0;
}
