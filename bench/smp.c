// SPDX-License-Identifier: MIT
/*
 * smp load N | events N | store N: for bench/smp. Says "SMP NANOSECONDS", of
 * one round.
 *
 *   load    two workers; each writes a file, runs a program, reads the file
 *           and removes it, N times: what a compilation asks of a kernel
 *   events  two threads on two CPUs wake each other in turn: a kernel that is
 *           paravirtual sends an event for each, to a vCPU that sleeps
 *   store   asks the XenStore for this domain's id: an event to the domain
 *           that has the store, and one back
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES (256 << 10)
#define XS_READ 2

static void need(int ok, const char *what)
{
	if (ok)
		return;
	printf("SMP failed: %s\n", what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void use_file(const char *path)
{
	static char buffer[FILE_BYTES];
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);

	need(fd >= 0, "open");
	need(write(fd, buffer, FILE_BYTES) == FILE_BYTES, "write");
	need(pread(fd, buffer, FILE_BYTES, 0) == FILE_BYTES, "read");
	close(fd);
	unlink(path);
}

static void run_program(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/proc/self/exe", "smp", "nothing", (char *)NULL);
		_exit(1);
	}
	need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "run");
}

static void work(int who, long n)
{
	char path[32];

	snprintf(path, sizeof(path), "/tmp/smp-%d", who);
	for (long i = 0; i < n; i++) {
		use_file(path);
		run_program();
	}
}

static void load(long n)
{
	int status;
	pid_t pid = fork();

	work(pid == 0, n);
	if (pid == 0)
		_exit(0);
	need(waitpid(pid, &status, 0) == pid && status == 0, "second worker");
}

static int to[2], from[2];
static long rounds;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "a second CPU");
}

static void *answer(void *arg)
{
	char c;

	pin(1);
	for (long i = 0; i < rounds; i++)
		need(read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1,
		     "answer");
	return arg;
}

static void events(long n)
{
	pthread_t other;
	char c = 0;

	rounds = n;
	need(!pipe(to) && !pipe(from), "pipe");
	need(!pthread_create(&other, NULL, answer, NULL), "thread");
	pin(0);
	for (long i = 0; i < n; i++)
		need(write(to[1], &c, 1) == 1 && read(from[0], &c, 1) == 1,
		     "ask");
	pthread_join(other, NULL);
}

static void read_all(int fd, char *to_, size_t bytes)
{
	for (ssize_t n; bytes; to_ += n, bytes -= (size_t)n) {
		n = read(fd, to_, bytes);
		need(n > 0, "no answer of the store");
	}
}

static void store(long n)
{
	struct {
		uint32_t type, id, tx, bytes;
		char path[6];
	} ask = {XS_READ, 0, 0, 6, "domid"};
	int fd = open("/dev/xen/xenbus", O_RDWR);
	uint32_t head[4];
	char body[4096];

	need(fd >= 0, "no /dev/xen/xenbus");
	for (long i = 0; i < n; i++) {
		need(write(fd, &ask, 22) == 22, "ask the store");
		read_all(fd, (char *)head, sizeof(head));
		need(head[0] == XS_READ && head[3] < sizeof(body), "the store");
		read_all(fd, body, head[3]);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(long n);
	} kind[] = {{"load", load}, {"events", events}, {"store", store}};
	long n = argc == 3 ? atol(argv[2]) : 0;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	for (size_t i = 0; n > 0 && i < sizeof(kind) / sizeof(*kind); i++) {
		int64_t start = now();

		if (strcmp(argv[1], kind[i].name))
			continue;
		kind[i].fn(n);
		printf("SMP %lld\n", (long long)((now() - start) / n));
		return 0;
	}
	fprintf(stderr, "usage: smp load|events|store N\n");
	return 2;
}
