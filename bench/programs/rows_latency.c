// SPDX-License-Identifier: MIT
/*
 * How long single events take, all of them kept: the slowest in a hundred says
 * more about a system than the mean.
 */
#include "rows.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double ns_per_tick;

static uint64_t ticks(void)
{
	return __builtin_ia32_rdtsc();
}

static void calibrate(void)
{
	double start = now(), end;
	uint64_t from = ticks();

	while ((end = now()) - start < 20e6)
		;
	ns_per_tick = (end - start) / (double)(ticks() - from);
}

static int running(double start, double ns)
{
	return now() - start < ns;
}

static void run_syscall(void)
{
	calibrate();
	ready();
	for (int i = 0; i < 20000; i++) {
		uint64_t start = ticks();

		syscall(SYS_getppid);
		latency((double)(ticks() - start) * ns_per_tick);
	}
}

/* How much later than asked a sleep of 500 us ends. */
static void run_timer(void)
{
	const struct timespec wanted = {0, 500000};
	double start;

	prctl(PR_SET_TIMERSLACK, 1);
	ready();
	for (start = now(); running(start, row_time(1e9));) {
		double began = now();

		nanosleep(&wanted, NULL);
		latency(now() - began - 500000);
	}
}

static int bell[2];
static volatile uint64_t rung;

/* Waits for the bell, and tells how long it took to be here. */
static void *listener(void *argument)
{
	uint64_t count;

	while (read(bell[0], &count, sizeof(count)) == sizeof(count)) {
		latency((double)(ticks() - rung) * ns_per_tick);
		if (write(bell[1], &count, sizeof(count)) < 0)
			break;
	}
	return argument;
}

/* From ringing to the other thread running. */
static void run_wakeup(void)
{
	pthread_t thread;
	double start;
	uint64_t one = 1, count;

	calibrate();
	bell[0] = eventfd(0, 0);
	bell[1] = eventfd(0, 0);
	CHECK(bell[1]);
	if (pthread_create(&thread, NULL, listener, NULL))
		fail("pthread_create");
	ready();
	for (start = now(); running(start, row_time(5e8));) {
		usleep(200); /* let it go to sleep */
		rung = ticks();
		CHECK(write(bell[0], &one, sizeof(one)));
		CHECK(read(bell[1], &count, sizeof(count)));
	}
}

/* A program that never waits: how long it is kept from running. */
static void run_gaps(void)
{
	double start, limit;
	uint64_t last, next;

	calibrate();
	limit = 2000 / ns_per_tick; /* 2 us */
	ready();
	for (start = now(); running(start, row_time(1e9));) {
		last = ticks();
		for (int i = 0; i < 20000; i++) {
			next = ticks();
			if ((double)(next - last) > limit)
				latency((double)(next - last) * ns_per_tick);
			last = next;
		}
	}
	latency(limit * ns_per_tick);
}

const struct row rows_latency[] = {
	{"lat_syscall", "us", run_syscall, 1e3},
	{"lat_wakeup", "us", run_wakeup, 1e3},
	{"lat_timer", "us", run_timer, 1e3},
	{"lat_gaps", "us", run_gaps, 1e3},
	{0},
};
