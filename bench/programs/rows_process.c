// SPDX-License-Identifier: MIT
/* Processes and threads come and go. */
#include "rows.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *program, *arguments[4];

static void child_work(void)
{
	char *environment[] = {"PATH=/bin", NULL};

	if (!program)
		_exit(0);
	execve(program, arguments, environment);
	_exit(1);
}

static void op_fork(long n)
{
	while (n--) {
		int status;
		pid_t child = fork();

		CHECK(child);
		if (!child)
			child_work();
		if (waitpid(child, &status, 0) != child || status)
			fail("the child");
	}
}

static void run_fork(void)
{
	measure(op_fork);
}

static void run_fork_large(void)
{
	memset(map_pages(32 << 20), 1, 32 << 20);
	measure(op_fork);
}

static void run_exec(void)
{
	program = arguments[0] = self_path;
	arguments[1] = "--nothing";
	measure(op_fork);
}

static void run_shell(void)
{
	static char line[300];

	/* Two commands: for a single one a shell need not fork. */
	snprintf(line, sizeof(line), "%s --nothing; :", self_path);
	program = "/bin/busybox";
	arguments[0] = "sh";
	arguments[1] = "-c";
	arguments[2] = line;
	measure(op_fork);
}

static void *nothing(void *argument)
{
	return argument;
}

static void op_thread(long n)
{
	while (n--) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, nothing, NULL))
			fail("pthread_create");
		pthread_join(thread, NULL);
	}
}

static void run_thread(void)
{
	measure(op_thread);
}

const struct row rows_process[] = {
	{"thread_create", "us", run_thread, 1e3},
	{"fork_exit", "us", run_fork, 1e3},
	{"fork_32M", "us", run_fork_large, 1e3},
	{"fork_exec", "us", run_exec, 1e3},
	{"shell", "us", run_shell, 1e3},
	{0},
};
