// SPDX-License-Identifier: MIT
/*
 * worker [-j THREADS] [-s SECONDS]: the same mix of work again and again, as
 * guests do it side by side; prints every half second, and at the end,
 *
 *   @@ work SECONDS UNITS
 *
 * both since the start. A unit is some computing, system calls, page faults,
 * a process and a switch to it: about a millisecond on the emulated machine.
 *
 * worker -h cpu|memory|process|timer: a bad neighbour, for ever: programs that
 * spin, tables that are mapped and unmapped, processes that come and go,
 * timers that go off without end.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void compute(long n)
{
	volatile uint64_t x = 1;

	while (n--)
		x = x * 6364136223846793005 + 1442695040888963407;
}

static void calls(long n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	madvise(p, n * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n; i++)
		p[i * PAGE] = 1;
	munmap(p, n * PAGE);
}

static void process(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	if (child > 0)
		waitpid(child, NULL, 0);
}

static _Atomic long units;

static void *work(void *argument)
{
	for (;;) {
		compute(40000);
		calls(200);
		pages(16);
		process();
		units++;
	}
	return argument;
}

static void *spin(void *argument)
{
	for (;;)
		compute(1000000);
	return argument;
}

static void *thrash(void *argument)
{
	for (;;)
		pages(2048);
	return argument;
}

static void *spawn(void *argument)
{
	for (;;)
		process();
	return argument;
}

static void *ring(void *argument)
{
	const struct timespec little = {0, 20000};

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;)
		nanosleep(&little, NULL);
	return argument;
}

static const struct {
	const char *name;
	void *(*run)(void *);
} neighbours[] = {
	{"cpu", spin},
	{"memory", thrash},
	{"process", spawn},
	{"timer", ring},
};

static void *(*neighbour(const char *name))(void *)
{
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(*neighbours); i++)
		if (strcmp(neighbours[i].name, name) == 0)
			return neighbours[i].run;
	exit(2);
}

static void report(double limit)
{
	double start = seconds(), gone = 0;

	while (gone < limit) {
		double left = limit - gone;

		usleep(left < 0.5 ? (useconds_t)(left * 1e6) : 500000);
		gone = seconds() - start;
		printf("@@ work %.3f %ld\n", gone, units);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	void *(*run)(void *) = work;
	double limit = 1e9;
	int threads = 1, option;

	while ((option = getopt(argc, argv, "j:s:h:")) != -1) {
		if (option == 'j')
			threads = atoi(optarg);
		else if (option == 's')
			limit = atof(optarg);
		else if (option == 'h')
			run = neighbour(optarg);
		else
			return 2;
	}
	for (int i = 0; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, NULL))
			return 1;
	}
	if (run == work)
		report(limit);
	else
		for (;;)
			pause();
	return 0;
}
