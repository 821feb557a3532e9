/* SPDX-License-Identifier: MIT */
/*
 * What the rows of the evaluation share: timing, and the table of each file.
 *
 * A row is a short loop over one operation. It is timed in many short reps
 * and not in a few long ones: on a shared machine some of them are not
 * disturbed. A row runs in a child of its own, so it may leave anything
 * behind.
 */
#ifndef ROWS_H
#define ROWS_H

#include <stddef.h>

#define PAGE 4096

/* n times the operation that is measured. */
typedef void op_fn(long n);

/*
 * scale > 0: a value is nanoseconds over scale. scale < 0: an operation moves
 * -scale bytes and a value is in MB/s (of 10^6 bytes).
 */
struct row {
	const char *name;
	const char *unit;
	void (*run)(void);
	double scale;
};

extern const struct row rows_nothing[], rows_cpu[], rows_memory[],
	rows_system[], rows_process[], rows_ipc[], rows_latency[], rows_disk[],
	rows_net[];

/* Others of the same kind, in other sizes; they run only if asked for. */
extern const struct row rows_memory_more[], rows_system_more[];

/* The disk that rows_disk overwrites, the peer that rows_net talks to. */
extern const char *disk_path, *net_peer;

/* Be that peer, for ever; returns 1 if that is not possible. */
int net_serve(void);

/* The path of this program, and of a small file in a RAM file system. */
extern char self_path[256], file_path[256];

/* Nanoseconds of the monotonic clock. */
double now(void);

/* Take reps of op until the row's time is used up. */
void measure(op_fn *op);

/* The same, not as the row's own: the lower quartile, ns for an operation. */
double quartile_of(op_fn *op);

/*
 * A row that times itself says this when all is prepared; but for those that
 * ask more(), which says it at its first call.
 */
void ready(void);

/* Nanoseconds for a row that wants most of them, less when all are short. */
double row_time(double most);

/* For rows that time themselves: while (more()) ... rep(ns, operations). */
int more(void);
void rep(double ns, double operations);

/*
 * An operation of a later rep is div of those that the row tells of; and each
 * of these took sub ns less than it seems.
 */
void adjust(double div, double sub);

/* One wake-up's latency in ns; the row's value is then their median. */
void latency(double ns);

/* End the row as failed, saying what and errno. */
_Noreturn void fail(const char *what);
#define CHECK(call)                   \
	do {                          \
		if ((long)(call) < 0) \
			fail(#call);  \
	} while (0)

/* Pour, or take, so many bytes; fails when the other end is gone. */
void stream_send(int fd, long bytes);
void stream_receive(int fd, long bytes);

/* The other ends: until theirs is gone. They do not return. */
_Noreturn void serve_echo(int from, int to);
_Noreturn void serve_pour(int to);

/* No byte waits for more to come along. */
void tcp_no_delay(int fd);

/* Fresh anonymous memory of small pages. */
void *map_pages(size_t size);

/* A result that the compiler may not leave out. */
extern volatile long sink;

#endif
