// Does what it is told, a line at a time, and answers each with one: by libc, which has hooks, or past it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long past_libc(long number, const char *first, const char *second)
{
	long answer;
	__asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
	return answer;
}

// Other content of the same length, as an encryptor leaves it.
static long scramble(const char *path)
{
	char content[4096];
	int random = open("/dev/urandom", O_RDONLY), file = open(path, O_RDWR);
	long written = 0, length = 0;
	while ((length = read(file, content, sizeof content)) > 0) {
		read(random, content, length);
		written += pwrite(file, content, length, written);
	}
	close(random);
	close(file);
	return written;
}

// Larger than what the vault copies at rest.
static long make(const char *path)
{
	static char content[3 << 20];
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	long written = write(file, content, sizeof content);
	close(file);
	return written;
}

// Hooked calls that fail, as fast as they can be made.
static long spin(void)
{
	long calls = 0;
	time_t until = time(0) + 4;
	for (; time(0) < until; calls++)
		unlink("/nothing");
	return calls;
}

static long act(const char *what, char *first, char *second, char **self)
{
	if (!strcmp(what, "unlink"))
		return unlink(first);
	if (!strcmp(what, "rename"))
		return rename(first, second);
	if (!strcmp(what, "truncate"))
		return truncate(first, 0);
	if (!strcmp(what, "unlink-past"))
		return past_libc(SYS_unlink, first, 0);
	if (!strcmp(what, "scramble"))
		return scramble(first);
	if (!strcmp(what, "make"))
		return make(first);
	if (!strcmp(what, "spin"))
		return spin();
	if (!strcmp(what, "again"))
		return execv("/proc/self/exe", self);
	if (!strcmp(what, "fork-unlink")) {
		pid_t child = fork();
		if (child == 0)
			_exit(usleep(100000) || unlink(first));
		int status;
		waitpid(child, &status, 0);
		return status ? -1 : child;
	}
	return getpid();
}

int main(int count, char **self)
{
	char line[4096], what[32], first[2000], second[2000];
	(void)count;
	setvbuf(stdout, 0, _IOLBF, 0);
	// What comes after is for the program that it becomes.
	setvbuf(stdin, 0, _IONBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		first[0] = second[0] = 0;
		sscanf(line, "%31s %1999s %1999s", what, first, second);
		printf("%ld\n", act(what, first, second, self));
	}
	return 0;
}
