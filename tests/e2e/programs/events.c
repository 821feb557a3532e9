// SPDX-License-Identifier: MIT
/*
 * events N: sends N events there and back between two ports of dom0's, through
 * Linux's driver, from two processes. Ends with "EVENTS fine N", or says what
 * went wrong and ends with status 1.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/evtchn.h> // wants the types of the former

static int fd_here, fd_there, here, there;

static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static void open_pair(void)
{
	struct ioctl_evtchn_bind_unbound_port unbound = {.remote_domain = 0};
	struct ioctl_evtchn_bind_interdomain bind = {.remote_domain = 0};

	fd_here = open("/dev/xen/evtchn", O_RDWR);
	fd_there = open("/dev/xen/evtchn", O_RDWR);
	if (fd_here < 0 || fd_there < 0)
		give_up("/dev/xen/evtchn");
	here = ioctl(fd_here, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &unbound);
	bind.remote_port = (unsigned int)here;
	there = ioctl(fd_there, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
	if (here < 0 || there < 0)
		give_up("binding");
}

/* Waits for the port's event and lets the next one come. */
static void take(int fd, int port)
{
	uint32_t got;

	if (read(fd, &got, sizeof(got)) != sizeof(got) || (int)got != port)
		give_up("reading an event");
	if (write(fd, &got, sizeof(got)) != sizeof(got))
		give_up("unmasking");
}

static void give(int fd, int port)
{
	struct ioctl_evtchn_notify notify = {.port = (unsigned int)port};

	if (ioctl(fd, IOCTL_EVTCHN_NOTIFY, &notify))
		give_up("sending");
}

static void echo(long n)
{
	for (long i = 0; i < n; i++) {
		take(fd_there, there);
		give(fd_there, there);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	long n = argc == 2 ? atol(argv[1]) : 0;
	int status;

	if (n <= 0)
		return 2;
	open_pair();
	take(fd_there, there); /* a new binding rings once */
	if (!fork())
		echo(n);
	for (long i = 0; i < n; i++) {
		give(fd_here, here);
		take(fd_here, here);
	}
	if (wait(&status) < 0 || status)
		give_up("the other side");
	printf("EVENTS fine %ld\n", n);
	return 0;
}
