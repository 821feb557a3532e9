// SPDX-License-Identifier: MIT
/*
 * Programs that ask nothing of the system (any setting should run them at the
 * same speed), and small applications: busybox at work.
 */
#include "rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A chain of integer operations none of which can start before the last. */
static void op_int(long n)
{
	uint64_t x = 88172645463325252;

	for (n *= 1000; n; n--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	sink = (long)x;
}

static void run_int(void)
{
	adjust(1000, 0);
	measure(op_int);
}

static void op_float(long n)
{
	double x = 1.000001;

	for (n *= 1000; n; n--)
		x = x * 1.0000001 + 1e-9;
	sink = (long)x;
}

static void run_float(void)
{
	adjust(1000, 0);
	measure(op_float);
}

static const char *command;

static void op_command(long n)
{
	while (n--) {
		int status;
		pid_t child = fork();

		CHECK(child);
		if (!child) {
			execl("/bin/busybox", "sh", "-c", command, NULL);
			_exit(1);
		}
		if (waitpid(child, &status, 0) != child || status)
			fail(command);
	}
}

static void run_command(const char *prepare, const char *repeated)
{
	command = prepare;
	op_command(1);
	command = repeated;
	measure(op_command);
}

static void run_gzip(void)
{
	run_command("head -c 400000 /proc/self/exe >/tmp/app.in; "
		    "head -c 400000 /bin/busybox >/tmp/app.in",
		    "gzip -c /tmp/app.in >/tmp/app.gz");
}

/* 60 small files packed, unpacked and removed. */
static void run_tar(void)
{
	run_command("rm -rf /tmp/app.d; mkdir -p /tmp/app.d; cd /tmp/app.d; "
		    "i=0; while [ $i -lt 60 ]; do echo $i >f$i; "
		    "i=$((i+1)); done",
		    "cd /tmp && tar cf app.tar app.d && mkdir -p app.x && "
		    "tar xf app.tar -C app.x && rm -rf app.x");
}

/* What start-up scripts do: short programs and pipes. */
static void run_script(void)
{
	run_command("true", "for i in 1 2 3; do "
			    "ls /proc/self | sort | wc -l >/dev/null; done");
}

/* What a row costs without its operations. */
static void run_nothing(void)
{
	rep(1, 1);
}

const struct row rows_nothing[] = {
	{"nothing", "ns", run_nothing, 1},
	{0},
};

const struct row rows_cpu[] = {
	{"cpu_int", "ns", run_int, 1},
	{"cpu_float", "ns", run_float, 1},
	{"app_gzip", "ms", run_gzip, 1e6},
	{"app_tar", "ms", run_tar, 1e6},
	{"app_script", "ms", run_script, 1e6},
	{0},
};
