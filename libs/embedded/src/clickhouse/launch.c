// Runs the ClickHouse that is inside libchdb.so as a process of its own: launch LIBRARY ARGUMENTS…
// The library exports clickhouse-local's command line, which knows SYSTEM START LISTEN.
#include <dlfcn.h>
#include <stdio.h>

typedef void *(*command_line)(int, char **);

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
