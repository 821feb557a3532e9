// SPDX-License-Identifier: MIT
/*
 * rows [-i] [-t MS] [-p MS] [-f FILE] [-d DISK] [-n PEER] [-l] [PREFIX...]:
 * rows of the operating system, of a disk (-d, which is overwritten) and of the
 * network (-n, with "rows -s" running on the peer), lines for each:
 *
 *   @@ begin NAME
 *   @@ row NAME UNIT value median mean operations [9 quantiles]
 *
 * The value is the lower quartile of the reps (of latencies their median),
 * the quantiles those of 1, 10, 25, 50, 75, 90, 99, 99.9 and 100 %. All are in
 * the row's unit. The first row, "nothing", does nothing. A row that dies or
 * hangs has the line "@@ fail NAME why".
 *
 * -t: time spent on a row (300 ms); -p: idle between the first line and the
 * row, so that who reads them can look at counters (15 ms); -f: a small file
 * that is made for the rows of files; -l: list the rows.
 *
 * -i: for who wants to look exactly. The first line comes when the row has
 * prepared all, and the operations are those from there on; after both lines
 * it waits for a line of input. Values are in nanoseconds, whatever the unit.
 * "@@ end" comes at the end, and there is no row "nothing".
 */
#define _GNU_SOURCE
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPS 1024
#define LATENCIES 40000
#define QUANTILES 9
#define WATCHDOG 40 /* seconds */

static double row_ns = 300e6, rep_ns = 3e6;
static unsigned int pause_us = 15000;

static double reps[REPS], spent, done, divisor = 1, subtract;
static int n_reps;
static int interactive, is_ready;
static double *lat;
static int n_lat;

char self_path[256], file_path[256];
volatile long sink;
static int report_fd, go_fd;

struct outcome {
	int ready, ok, quantiles;
	char why[120];
	double value, median, mean, operations, quantile[QUANTILES];
};

static const double levels[QUANTILES] = {0.01, 0.1,  0.25,  0.5, 0.75,
					 0.9,  0.99, 0.999, 1};

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

_Noreturn void fail(const char *what)
{
	struct outcome o = {.ok = 0};

	snprintf(o.why, sizeof(o.why), "%s: %s", what, strerror(errno));
	if (write(report_fd, &o, sizeof(o)) < 0)
		_exit(4);
	_exit(3);
}

void ready(void)
{
	struct outcome o = {.ready = 1};
	char go;

	if (is_ready)
		return;
	is_ready = 1;
	if (!interactive)
		return;
	alarm(0);
	if (write(report_fd, &o, sizeof(o)) < 0 || read(go_fd, &go, 1) != 1)
		_exit(4);
	alarm(WATCHDOG);
	done = 0;
}

double row_time(double most)
{
	return 5 * row_ns < most ? 5 * row_ns : most;
}

static int wants_more(void)
{
	if (n_reps >= REPS)
		return 0;
	if (spent > 8 * row_ns && n_reps)
		return 0;
	return n_reps < 3 || spent < row_ns;
}

int more(void)
{
	ready();
	return wants_more();
}

void rep(double ns, double operations)
{
	operations *= divisor;
	reps[n_reps++] = ns / operations - subtract;
	spent += ns;
	done += operations;
}

void adjust(double div, double sub)
{
	divisor = div;
	subtract = sub;
}

static double timed(op_fn *op, long n)
{
	double start = now();

	op(n);
	return now() - start;
}

/* How many make a rep? Grow until a quarter of one. */
static long rep_length(op_fn *op)
{
	double ns;
	long n = 1;

	while ((ns = timed(op, n)) < rep_ns / 4) {
		double grow = ns > 0 ? rep_ns / 3 / ns : 16;

		done += (double)n * divisor;
		grow = grow > 16 ? 16 : grow < 2 ? 2 : grow;
		n = (long)((double)n * grow);
	}
	if (ns > rep_ns)
		rep(ns, (double)n);
	else
		n = (long)((double)n * rep_ns / ns);
	return n;
}

void measure(op_fn *op)
{
	long n = rep_length(op);

	while (more())
		rep(timed(op, n), (double)n);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a - *(const double *)b;

	return x < 0 ? -1 : x > 0;
}

double quartile_of(op_fn *op)
{
	double quartile;
	long n = rep_length(op);

	while (wants_more())
		rep(timed(op, n), (double)n);
	qsort(reps, (size_t)n_reps, sizeof(*reps), ascending);
	quartile = reps[n_reps / 4];
	n_reps = 0;
	spent = 0;
	done = 0;
	return quartile;
}

void latency(double ns)
{
	if (!lat)
		lat = malloc(LATENCIES * sizeof(*lat));
	if (lat && n_lat < LATENCIES)
		lat[n_lat++] = ns;
}

void *map_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

/* What reps or latencies come to, in nanoseconds. */
static void summarise(struct outcome *o)
{
	double *x = n_lat ? lat : reps, sum = 0;
	int n = n_lat ? n_lat : n_reps;

	if (!n)
		fail("nothing measured");
	qsort(x, (size_t)n, sizeof(*x), ascending);
	for (int i = 0; i < n; i++)
		sum += x[i];
	o->median = x[n / 2];
	o->value = n_lat ? o->median : x[n / 4];
	o->mean = sum / n;
	o->operations = done + n_lat;
	o->quantiles = n_lat > 0;
	for (int i = 0; i < QUANTILES && n_lat; i++)
		o->quantile[i] = x[(int)(levels[i] * (n - 1))];
	o->ok = 1;
}

static double in_unit(const struct row *r, double ns)
{
	if (interactive)
		return ns;
	return r->scale > 0 ? ns / r->scale : -r->scale * 1e3 / ns;
}

static void print_outcome(const struct row *r, const struct outcome *o)
{
	if (!o->ok) {
		printf("@@ fail %s %s\n", r->name,
		       o->why[0] ? o->why : "died or timed out");
		return;
	}
	printf("@@ row %s %s %.6g %.6g %.6g %.0f", r->name, r->unit,
	       in_unit(r, o->value), in_unit(r, o->median), in_unit(r, o->mean),
	       o->operations);
	for (int i = 0; i < QUANTILES && o->quantiles; i++)
		printf(" %.6g", in_unit(r, o->quantile[i]));
	printf("\n");
}

_Noreturn static void run_child(const struct row *r, int *report, int *go)
{
	struct outcome o = {0};

	setsid();
	alarm(WATCHDOG);
	report_fd = report[1];
	go_fd = go[0];
	r->run();
	summarise(&o);
	if (write(report_fd, &o, sizeof(o)) < 0)
		_exit(4);
	kill(0, SIGKILL); /* whatever else the row has started, too */
	_exit(0);
}

/* Who reads the lines takes a look. */
static void let_look(void)
{
	char line[80];

	fflush(stdout);
	if (!interactive)
		usleep(pause_us);
	else if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void begin(const struct row *r)
{
	printf("@@ begin %s\n", r->name);
	let_look();
}

static struct outcome outcome_of(const struct row *r, int report, int go)
{
	struct outcome o;

	while (read(report, &o, sizeof(o)) == sizeof(o)) {
		if (!o.ready)
			return o;
		begin(r);
		if (write(go, "", 1) != 1)
			break;
	}
	return (struct outcome){0};
}

static void run_row(const struct row *r)
{
	struct outcome o;
	int report[2], go[2];
	pid_t child;

	if (!interactive)
		begin(r);
	CHECK(pipe2(report, O_CLOEXEC));
	CHECK(pipe2(go, O_CLOEXEC));
	child = fork();
	CHECK(child);
	if (!child)
		run_child(r, report, go);
	close(report[1]);
	close(go[0]);
	o = outcome_of(r, report[0], go[1]);
	kill(-child, SIGKILL);
	waitpid(child, NULL, 0);
	close(report[0]);
	close(go[1]);
	print_outcome(r, &o);
	if (interactive)
		let_look();
	fflush(stdout);
}

static int wanted(const char *name, char **prefixes)
{
	if (!*prefixes)
		return 1;
	for (; *prefixes; prefixes++)
		if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
			return 1;
	return 0;
}

static void print_name(const struct row *r)
{
	printf("%s %s\n", r->name, r->unit);
}

static const struct row *const tables[] = {
	rows_cpu,     rows_memory, rows_system,
	rows_process, rows_ipc,    rows_latency,
};
static const struct row *const more_tables[] = {
	rows_system_more,
	rows_memory_more,
};

static void table(const struct row *r, char **prefixes,
		  void (*action)(const struct row *))
{
	for (; r->name; r++)
		if (wanted(r->name, prefixes))
			action(r);
}

static void each_row(char **prefixes, void (*action)(const struct row *))
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		table(tables[i], prefixes, action);
	for (size_t i = 0; i < sizeof(more_tables) / sizeof(*more_tables); i++)
		if (*prefixes || action == print_name)
			table(more_tables[i], prefixes, action);
}

static void make_file(void)
{
	int fd;

	if (!*file_path)
		snprintf(file_path, sizeof(file_path), "/tmp/rows.%d",
			 (int)getpid());
	fd = open(file_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd);
	CHECK(write(fd, "x", 1));
	close(fd);
}

int main(int argc, char **argv)
{
	void (*action)(const struct row *) = run_row;
	int option;

	if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
		_exit(0); /* what fork_exec executes */
	report_fd = STDERR_FILENO;
	while ((option = getopt(argc, argv, "it:p:f:d:n:ls")) != -1) {
		if (option == 't')
			row_ns = atof(optarg) * 1e6;
		else if (option == 'p')
			pause_us = (unsigned int)atoi(optarg) * 1000;
		else if (option == 'i')
			interactive = 1;
		else if (option == 'f')
			snprintf(file_path, sizeof(file_path), "%s", optarg);
		else if (option == 'd')
			disk_path = optarg;
		else if (option == 'n')
			net_peer = optarg;
		else if (option == 's')
			return net_serve();
		else if (option == 'l')
			action = print_name;
		else
			return 2;
	}
	if (rep_ns > row_ns / 10)
		rep_ns = row_ns / 10;
	if (readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) < 0)
		return 1;
	make_file();
	if (!interactive)
		table(rows_nothing, argv + argc, action);
	if (!disk_path && !net_peer)
		each_row(argv + optind, action);
	if (disk_path)
		table(rows_disk, argv + optind, action);
	if (net_peer)
		table(rows_net, argv + optind, action);
	unlink(file_path);
	if (interactive)
		printf("@@ end\n");
	return 0;
}
