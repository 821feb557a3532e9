// SPDX-License-Identifier: MIT
/*
 * load fork|syscall|memory|sleep N: does one thing N times and says "LOAD done N".
 *
 *   fork     forks a child that changes a page it shares, and checks that
 *            the parent's copy stays as it was
 *   syscall  asks the kernel for the process's number, with no library's help
 *   memory   maps 8 MiB, writes and checks every page of it, unmaps it
 *   sleep    sleeps for 5 ms
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fork_once(long i)
{
	static volatile long shared[512];
	int status;
	pid_t pid;

	shared[7] = i;
	pid = fork();
	if (pid == 0) {
		shared[7] = -1;
		_exit(shared[7] == -1 ? 42 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 42 && shared[7] == i;
}

static int syscall_once(long i)
{
	static long pid;

	if (i == 0)
		pid = getpid();
	return syscall(SYS_getpid) == pid;
}

static int memory_once(long i)
{
	const size_t size = 8 << 20, page = 4096;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ok = p != MAP_FAILED;

	for (size_t at = 0; ok && at < size; at += page) {
		ok = p[at] == 0;
		*(long *)(p + at) = i + at;
	}
	for (size_t at = 0; ok && at < size; at += page)
		ok = *(long *)(p + at) == (long)(i + at);
	return ok && munmap(p, size) == 0;
}

static int sleep_once(long i)
{
	(void)i;
	return usleep(5000) == 0;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? atol(argv[2]) : 0;
	int (*once)(long) = NULL;

	if (n > 0 && strcmp(argv[1], "fork") == 0)
		once = fork_once;
	else if (n > 0 && strcmp(argv[1], "syscall") == 0)
		once = syscall_once;
	else if (n > 0 && strcmp(argv[1], "memory") == 0)
		once = memory_once;
	else if (n > 0 && strcmp(argv[1], "sleep") == 0)
		once = sleep_once;
	if (!once) {
		fprintf(stderr, "usage: load fork|syscall|memory|sleep N\n");
		return 2;
	}
	for (long i = 0; i < n; i++) {
		if (!once(i)) {
			printf("LOAD failed at %ld\n", i);
			return 1;
		}
	}
	printf("LOAD done %ld\n", n);
	return 0;
}
