// SPDX-License-Identifier: MIT
/*
 * crossings syscall|hypercall N: says "READY", waits for a line of input, does
 * N system calls, or N hypercalls through dom0's privcmd driver (each of which
 * takes a system call of its own), says "DONE" and waits for a line again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel's <xen/privcmd.h> has it. */
struct privcmd_hypercall {
	unsigned long long op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define XEN_VERSION 17 /* its command 0 only returns a number */

static int system_calls(long n)
{
	for (long i = 0; i < n; i++)
		syscall(SYS_getppid);
	return 0;
}

static int hypercalls(long n)
{
	struct privcmd_hypercall call = {.op = XEN_VERSION};
	int fd = open("/dev/xen/privcmd", O_RDWR);

	for (long i = 0; fd >= 0 && i < n; i++)
		if (ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0)
			return -1;
	return fd < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	char line[80];
	int failed;

	if (argc != 3)
		return 2;
	puts("READY");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (strcmp(argv[1], "syscall") == 0)
		failed = system_calls(atol(argv[2]));
	else
		failed = hypercalls(atol(argv[2]));
	puts(failed ? "FAILED" : "DONE");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) ? 0 : 1;
}
