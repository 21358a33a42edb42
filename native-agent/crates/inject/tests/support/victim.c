// A program that makes every hooked call, in the ways that are easy to break. What it prints is the same whether it is hooked or not.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// musl of 2022 has no functions for these; they are made through syscall(2), whose number is only known when it runs.
#ifndef __GLIBC__
#define renameat2(...) syscall(SYS_renameat2, __VA_ARGS__)
#define execveat(...) syscall(SYS_execveat, __VA_ARGS__)
#endif

#define SHOW(call) do { errno = 0; long r = (long)(call); printf("%s: %s %d\n", #call, r < 0 ? "failed" : "done", r < 0 ? errno : 0); } while (0)

static void await(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0) {}
    printf("child: %d\n", status);
}

static void files(void) {
    SHOW(open("a", O_CREAT | O_WRONLY, 0600));
    SHOW(openat(AT_FDCWD, "b", O_CREAT | O_RDWR | O_TRUNC, 0600));
    SHOW(creat("c", 0600));
    SHOW(open("absent/x", O_RDONLY));
    SHOW(truncate("a", 10));
    SHOW(ftruncate(3, 5));
    SHOW(link("a", "a2"));
    SHOW(linkat(AT_FDCWD, "a", AT_FDCWD, "a3", 0));
    SHOW(symlink("a", "s"));
    SHOW(symlinkat("a", AT_FDCWD, "s2"));
    SHOW(chmod("a", 0640));
    SHOW(fchmod(3, 0600));
    SHOW(fchmodat(AT_FDCWD, "a", 0644, 0));
    SHOW(rename("b", "b2"));
    SHOW(renameat(AT_FDCWD, "b2", AT_FDCWD, "b3"));
    SHOW(renameat2(AT_FDCWD, "b3", AT_FDCWD, "b4", 0));
    SHOW(unlink("a2"));
    SHOW(unlinkat(AT_FDCWD, "a3", 0));
    SHOW(memfd_create("named", 0));
    FILE *f = fopen("by-fopen", "w");
    SHOW(fclose(f));
    DIR *d = opendir(".");
    SHOW(closedir(d));
    void *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
    printf("shared: %d\n", p != MAP_FAILED);
}

static void sockets(void) {
    struct sockaddr_un name = {AF_UNIX, "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(s, (struct sockaddr *)&name, sizeof name));
    SHOW(listen(s, 3));
    SHOW(connect(c, (struct sockaddr *)&name, sizeof name));
    SHOW(accept(s, 0, 0));
    fcntl(s, F_SETFL, O_NONBLOCK);
    SHOW(accept4(s, 0, 0, SOCK_CLOEXEC));
    SHOW(connect(c, (struct sockaddr *)8, sizeof name));
}

static void processes(const char *self) {
    char *argv[] = {(char *)self, "nothing", 0};
    pid_t child = fork();
    if (child == 0) { open("in-fork", O_CREAT | O_WRONLY, 0600); _exit(3); }
    await(child);
    child = vfork();
    if (child == 0) { open("in-vfork", O_CREAT | O_WRONLY, 0600); execve(self, argv, environ); _exit(4); }
    await(child);
    child = vfork();
    if (child == 0) { execve("absent", argv, environ); _exit(5); }
    await(child);
    printf("spawn: %d\n", posix_spawn(&child, self, 0, 0, argv, environ));
    await(child);
    child = fork();
    if (child == 0) { execveat(AT_FDCWD, self, argv, environ, 0); _exit(6); }
    await(child);
    SHOW(ptrace(PTRACE_CONT, 1, 0, 0));
    printf("system: %d\n", system("exit 7"));
    printf("dlopen: %d\n", dlopen("./absent.so", RTLD_NOW) != 0);
}

// Bad pointers give the errors that they always gave.
static void pointers(void) {
    char *edge = (char *)mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
    mprotect(edge, 4096, PROT_NONE);
    memset(edge - 8, 'x', 8);
    SHOW(open(edge - 8, O_RDONLY));
    SHOW(open((char *)1, O_RDONLY));
    SHOW(unlink(0));
    SHOW(rename("a", edge));
    edge[-1] = 0;
    SHOW(open(edge - 8, O_RDONLY));
    char *longest = malloc(6000);
    memset(longest, 'y', 5999);
    longest[5999] = 0;
    SHOW(open(longest, O_RDONLY));
    longest[1000] = 0;
    SHOW(open(longest, O_RDONLY));
    SHOW(execve("absent", (char **)16, (char **)24));
}

static volatile int going = 1;

static void *hammer(void *at) {
    char name[32];
    sprintf(name, "t%ld", (long)at);
    long done = 0;
    while (going) {
        int f = open(name, O_CREAT | O_WRONLY, 0600);
        if (f < 0 || ftruncate(f, 1) || close(f) || unlink(name)) abort();
        done++;
    }
    return (void *)done;
}

static void tick(int signal) {
    (void)signal;
    int saved = errno, f = open("/dev/null", O_RDONLY);
    if (f < 0 || close(f)) abort();
    errno = saved;
}

// Threads, a timer whose handler makes calls of its own, and children, all at once.
static void storm(int milliseconds) {
    pthread_t threads[4];
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    struct itimerval every = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &every, 0);
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, hammer, (void *)i);
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    do {
        pid_t child = vfork();
        if (child == 0) _exit(0);
        int status;
        while (waitpid(child, &status, 0) < 0) {}
        if (status) abort();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - end.tv_sec) * 1000 + (now.tv_nsec - end.tv_nsec) / 1000000 < milliseconds);
    going = 0;
    struct itimerval never = {0};
    for (long i = 0; i < 4; i++) {
        void *done;
        pthread_join(threads[i], &done);
        if (!done) abort();
    }
    setitimer(ITIMER_REAL, &never, 0);
    printf("storm: over\n");
}

// What comes out is known: another result means that a register was lost. In between it waits in each way that the kernel takes up again differently.
static void *compute(void *seed) {
    unsigned long a = (unsigned long)seed, b = a * 31 + 7;
    double x[8], sum = 0;
    for (int i = 0; i < 8; i++) x[i] = i + (double)(a + 1);
    for (long turn = 0; turn < 120000; turn++) {
        a ^= a << 13; a ^= a >> 7; a ^= a << 17; b = b * 6364136223846793005UL + a;
        for (int i = 0; i < 8; i++) x[i] = x[i] * 1.0000001 + 0.25;
        if (turn % 60000 == 59999) {
            struct timespec some = {0, 2000000};
            struct pollfd none = {-1};
            int word = 0, r1 = nanosleep(&some, 0), r2 = poll(&none, 1, 2), r3 = select(0, 0, 0, 0, &(struct timeval){0, 2000});
            long r4 = syscall(SYS_futex, &word, 0, 0, &some, 0, 0);
            if (r1 || r2 || r3 || r4 != -1 || errno != ETIMEDOUT) { printf("a call failed: %d %d %d %ld %d\n", r1, r2, r3, r4, errno); abort(); }
        }
    }
    for (int i = 0; i < 8; i++) sum += x[i];
    unsigned long *result = malloc(sizeof *result);
    memcpy(result, &sum, sizeof sum);
    *result ^= a ^ b;
    return result;
}

// The first thread computes as well: a process without others has only that one to borrow.
static void work(void) {
    pthread_t threads[2];
    unsigned long all = 0, *result;
    for (long i = 0; i < 2; i++) pthread_create(&threads[i], 0, compute, (void *)(i + 1));
    all = *(unsigned long *)compute((void *)3);
    for (long i = 0; i < 2; i++) { pthread_join(threads[i], (void **)&result); all = all * 31 + *result; }
    printf("work: %lx\n", all);
    printf("alone: %lx\n", *(unsigned long *)compute((void *)4));
}

static void cleaned(void *what) { printf("cancelled in %s\n", (char *)what); }

static void *waits(void *socket) {
    pthread_cleanup_push(cleaned, "accept");
    accept((int)(long)socket, 0, 0);
    pthread_cleanup_pop(0);
    return 0;
}

static void cancellation(void) {
    struct sockaddr_in any = {AF_INET};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    bind(s, (struct sockaddr *)&any, sizeof any);
    listen(s, 1);
    pthread_t thread;
    pthread_create(&thread, 0, waits, (void *)(long)s);
    usleep(50000);
    pthread_cancel(thread);
    void *result;
    pthread_join(thread, &result);
    printf("joined: %d\n", result == PTHREAD_CANCELED);
}

// From here on a call of the library's own would be the end.
static void confine(void) {
    int deadly[] = {SYS_gettid, SYS_getpid, SYS_futex, SYS_rt_sigprocmask, SYS_readlinkat, SYS_clock_gettime, SYS_mmap};
    struct sock_filter filter[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    int n = 1;
    for (int i = 0; i < 7; i++) {
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, deadly[i], 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {n, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void confined(void) {
    SHOW(open("confined", O_CREAT | O_WRONLY, 0600));
    SHOW(unlink("confined"));
}

// Fewer calls than the ring has room for, in CPU time: others on the machine do not count.
static void cost(void) {
    const long calls = 1000;
    struct timespec began, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    for (long i = 0; i < calls; i++) open("/absent/of/a/usual/length/for/a/path", O_RDONLY);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    printf("%f", ((now.tv_sec - began.tv_sec) * 1e9 + now.tv_nsec - began.tv_nsec) / calls);
}

int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IOLBF, 0);
    char line[64];
    if (argc > 1 && !strcmp(argv[1], "nothing")) return 9;
    if (argc > 1 && chdir(argv[1])) return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(line, "files")) files();
        if (!strcmp(line, "sockets")) sockets();
        if (!strcmp(line, "processes")) processes(argv[0]);
        if (!strcmp(line, "pointers")) pointers();
        if (!strncmp(line, "storm ", 6)) storm(atoi(line + 6));
        if (!strncmp(line, "work", 4)) work();
        if (!strcmp(line, "cancellation")) cancellation();
        if (!strcmp(line, "confine")) confine();
        if (!strcmp(line, "confined")) confined();
        if (!strcmp(line, "cost")) cost();
        if (!strcmp(line, "unlink")) SHOW(unlink("kept"));
        printf("\n-done-\n");
    }
    return 0;
}
