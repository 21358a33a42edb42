// Runs the ClickHouse that is inside libchdb.so as a process of its own: launch LIBRARY ARGUMENTS…
// The library exports clickhouse-local's command line, which knows SYSTEM START LISTEN.
//
// Its HTTP server aborts on requests that are none (a length of twenty digits, no version), before it has asked who sends them. So whoever is
// another user on this machine is not accepted: `accept` below is what the library finds under that name.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
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

enum owner { OURS, ANOTHERS, NOT_TOLD };

/** A socket that its owner has closed has no inode, and is nobody's. */
static enum owner owner_of(unsigned uid, unsigned long inode) {
    return uid == geteuid() && inode != 0 ? OURS : ANOTHERS;
}

static struct inet_diag_req_v2 asked_for(const struct ends *ends) {
    return (struct inet_diag_req_v2){
        .sdiag_family = AF_INET,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = -1,
        .id =
            {
                .idiag_sport = ends->there.sin_port,
                .idiag_dport = ends->here.sin_port,
                .idiag_src = {ends->there.sin_addr.s_addr},
                .idiag_dst = {ends->here.sin_addr.s_addr},
                .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
            },
    };
}

/** Set by the thread that accepts. */
static bool has_told;

/** Of the socket at the other end, as the kernel finds it by its addresses: as quick with ten connections as with a hundred thousand. */
static enum owner owner_told(int kernel, const struct ends *ends) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 asked;
    } request = {{.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST}, asked_for(ends)};
    union {
        struct nlmsghdr header;
        char bytes[1024];
    } answer;
    if (send(kernel, &request, sizeof request, 0) != sizeof request) return NOT_TOLD;
    ssize_t count = recv(kernel, &answer, sizeof answer, 0);
    if (count < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr))) return NOT_TOLD;
    if (answer.header.nlmsg_type == NLMSG_ERROR) {
        // There is no such socket any more; or the kernel has no module for it, unless it has told of another before.
        return has_told ? ANOTHERS : NOT_TOLD;
    }
    has_told = true;
    // Of a socket that is gone the kernel tells of one that listens in its place, if there is one: that has no other end.
    const struct inet_diag_msg *found = NLMSG_DATA(&answer.header);
    if (count < (ssize_t)NLMSG_LENGTH(sizeof *found) || found->id.idiag_dport != ends->here.sin_port) return ANOTHERS;
    return owner_of(found->idiag_uid, found->idiag_inode);
}

/** The same, where the kernel does not tell so: all sockets are read. */
static bool is_listed_as_ours(const struct ends *ends) {
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
                owner_of(uid, inode) == OURS;
    }
    fclose(sockets);
    return found;
}

/** Whether the other end of a connection of this machine is a socket of our own user. */
static bool is_ours(const struct ends *ends) {
    int kernel = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (kernel < 0) return is_listed_as_ours(ends);
    enum owner owner = owner_told(kernel, ends);
    close(kernel);
    return owner == NOT_TOLD ? is_listed_as_ours(ends) : owner == OURS;
}

/**
 * As accept(2), but for who is let in. It waits for the next one after a stranger, and for as long as it takes, though the listener has a time-out of
 * 30 s: to return without a connection aborts the whole server.
 */
int accept(int listener, struct sockaddr *address, socklen_t *length) {
    socklen_t room = length ? *length : 0;
    for (;;) {
        int connection = accept4(listener, address, length, 0);
        struct ends ends;
        if (connection < 0 && errno == EAGAIN) continue;
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
