// SPDX-License-Identifier: MIT
/* System calls and signals. */
#include "rows.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int fd;

static void op_null(long n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void run_null(void)
{
	measure(op_null);
}

static void op_read(long n)
{
	char c;

	while (n--)
		CHECK(read(fd, &c, 1));
}

static void run_read(void)
{
	fd = open("/dev/zero", O_RDONLY);
	CHECK(fd);
	measure(op_read);
}

static void op_write(long n)
{
	while (n--)
		CHECK(write(fd, "x", 1));
}

static void run_write(void)
{
	fd = open("/dev/null", O_WRONLY);
	CHECK(fd);
	measure(op_write);
}

static void op_stat(long n)
{
	struct stat s;

	while (n--)
		CHECK(stat(file_path, &s));
}

static void run_stat(void)
{
	measure(op_stat);
}

static void op_open(long n)
{
	while (n--) {
		int f = open(file_path, O_RDONLY);

		CHECK(f);
		close(f);
	}
}

static void run_open(void)
{
	measure(op_open);
}

static fd_set selected;
static int highest;

static void op_select(long n)
{
	while (n--) {
		fd_set files = selected;
		struct timeval none = {0, 0};

		CHECK(select(highest + 1, &files, NULL, NULL, &none));
	}
}

static void select_from(int files)
{
	int fds[2];

	CHECK(pipe(fds));
	FD_ZERO(&selected);
	for (int i = 0; i < files; i++) {
		highest = dup(fds[0]);
		CHECK(highest);
		FD_SET(highest, &selected);
	}
	measure(op_select);
}

static void run_select(void)
{
	select_from(100);
}

static void run_select_10(void)
{
	select_from(10);
}

static void op_clock(long n)
{
	struct timespec t;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

static void run_clock(void)
{
	measure(op_clock);
}

static void ignore(int number)
{
	(void)number;
}

static void op_install(long n)
{
	struct sigaction action = {.sa_handler = ignore};

	while (n--)
		CHECK(sigaction(SIGUSR1, &action, NULL));
}

static void run_install(void)
{
	measure(op_install);
}

static void op_signal(long n)
{
	pid_t me = getpid();

	while (n--)
		CHECK(kill(me, SIGUSR1));
}

static void run_signal(void)
{
	op_install(1);
	measure(op_signal);
}

static void op_signal_self(long n)
{
	while (n--)
		CHECK(kill(getpid(), SIGUSR1));
}

static void run_signal_self(void)
{
	op_install(1);
	measure(op_signal_self);
}

static sigjmp_buf back;
static volatile long left;

static void refused(int number)
{
	(void)number;
	if (--left <= 0)
		siglongjmp(back, 1);
}

static char *volatile read_only;

/* The faulting store is tried again after each return of the handler. */
static void op_protected(long n)
{
	left = n;
	if (!sigsetjmp(back, 1))
		*(volatile char *)read_only = 1;
}

static void run_protected(void)
{
	struct sigaction action = {.sa_handler = refused};

	read_only =
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	measure(op_protected);
}

const struct row rows_system[] = {
	{"syscall_null", "ns", run_null, 1},
	{"syscall_read", "ns", run_read, 1},
	{"syscall_write", "ns", run_write, 1},
	{"syscall_stat", "ns", run_stat, 1},
	{"syscall_open", "ns", run_open, 1},
	{"syscall_select", "ns", run_select, 1},
	{"syscall_clock", "ns", run_clock, 1},
	{"signal_install", "ns", run_install, 1},
	{"signal_handle", "ns", run_signal, 1},
	{"signal_fault", "ns", run_protected, 1},
	{0},
};

const struct row rows_system_more[] = {
	{"syscall_select_10", "ns", run_select_10, 1},
	{"signal_self", "ns", run_signal_self, 1},
	{0},
};
