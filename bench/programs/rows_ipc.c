// SPDX-License-Identifier: MIT
/* Context switches and messages between processes, all on one machine. */
#include "rows.h"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING 8
#define PIPED (1 << 20) /* bytes of an operation */
#define POURED (4 << 20) /* much more than a socket holds */

/* A token goes round a ring of processes, each of which sums its memory. */
static int ring[RING][2], members;
static long *numbers, words;

static void work(void)
{
	long sum = 0;

	for (long i = 0; i < words; i++)
		sum += numbers[i];
	sink = sum;
}

static void pass_on(int in, int out)
{
	char token;

	if (read(in, &token, 1) != 1)
		_exit(0);
	work();
	if (write(out, &token, 1) != 1)
		_exit(0);
}

/* The same reads, writes and work without a switch. */
static void op_alone(long n)
{
	while (n--)
		for (int i = 0; i < members; i++) {
			char token = 0;

			CHECK(write(ring[i][1], &token, 1));
			CHECK(read(ring[i][0], &token, 1));
			work();
		}
}

static void op_ring(long n)
{
	char token = 0;

	while (n--) {
		CHECK(write(ring[0][1], &token, 1));
		CHECK(read(ring[members - 1][0], &token, 1));
		work();
	}
}

static void switches(int processes, long kilobytes)
{
	members = processes;
	words = kilobytes * 1024 / (long)sizeof(*numbers);
	if (words)
		numbers = map_pages((size_t)kilobytes * 1024);
	for (int i = 0; i < members; i++)
		CHECK(pipe(ring[i]));
	adjust(members, 0);
	adjust(members, quartile_of(op_alone));
	for (int i = 1; i < members; i++) {
		pid_t child = fork();

		CHECK(child);
		if (child)
			continue;
		if (words)
			memset(numbers, i, (size_t)kilobytes * 1024);
		for (;;)
			pass_on(ring[i - 1][0], ring[i][1]);
	}
	measure(op_ring);
}

static void run_switch_2(void)
{
	switches(2, 0);
}

static void run_switch_8(void)
{
	switches(RING, 16);
}

static int in, out;

static void op_round_trip(long n)
{
	char c = 0;

	while (n--) {
		CHECK(write(out, &c, 1));
		CHECK(read(in, &c, 1));
	}
}

static void op_receive_pipe(long n)
{
	stream_receive(in, n * PIPED);
}

static void op_receive_tcp(long n)
{
	stream_receive(in, n * POURED);
}

static void run_pipe_latency(void)
{
	int there[2], back[2];

	CHECK(pipe(there));
	CHECK(pipe(back));
	if (!fork())
		serve_echo(there[0], back[1]);
	out = there[1];
	in = back[0];
	measure(op_round_trip);
}

static void run_pipe_bandwidth(void)
{
	int fds[2];

	CHECK(pipe(fds));
	if (!fork())
		serve_pour(fds[1]);
	in = fds[0];
	measure(op_receive_pipe);
}

static void run_unix_latency(void)
{
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	if (!fork())
		serve_echo(fds[1], fds[1]);
	in = out = fds[0];
	measure(op_round_trip);
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (!ioctl(fd, SIOCGIFFLAGS, &request)) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

static void tune(int fd)
{
	int buffer = 256 << 10;

	tcp_no_delay(fd);
	/* A short rep must not only read what was queued before. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
}

/* A connection to a child of ours, which pours or echoes. */
static void tcp(void (*serve)(int))
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener;

	loopback_up();
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(listener, (void *)&address, size));
	CHECK(listen(listener, 1));
	CHECK(getsockname(listener, (void *)&address, &size));
	if (!fork()) {
		int peer = accept(listener, NULL, NULL);

		tune(peer);
		serve(peer);
	}
	in = out = socket(AF_INET, SOCK_STREAM, 0);
	tune(in);
	CHECK(connect(in, (void *)&address, size));
}

static void echo_socket(int fd)
{
	serve_echo(fd, fd);
}

static void run_tcp_latency(void)
{
	tcp(echo_socket);
	measure(op_round_trip);
}

static void run_tcp_bandwidth(void)
{
	tcp(serve_pour);
	measure(op_receive_tcp);
}

static volatile int turn __attribute__((aligned(64)));

static void wait_while(int value)
{
	while (turn == value)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}

static void give(int value)
{
	turn = value;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void *partner(void *argument)
{
	for (;;) {
		wait_while(0);
		give(0);
	}
	return argument;
}

static void op_futex(long n)
{
	while (n--) {
		give(1);
		wait_while(1);
	}
}

static void run_futex(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, partner, NULL))
		fail("pthread_create");
	measure(op_futex);
}

const struct row rows_ipc[] = {
	{"switch_2", "ns", run_switch_2, 1},
	{"switch_8_16K", "ns", run_switch_8, 1},
	{"futex_turns", "ns", run_futex, 1},
	{"pipe_latency", "ns", run_pipe_latency, 1},
	{"unix_latency", "ns", run_unix_latency, 1},
	{"tcp_latency", "ns", run_tcp_latency, 1},
	{"pipe_bandwidth", "MB/s", run_pipe_bandwidth, -PIPED},
	{"tcp_bandwidth", "MB/s", run_tcp_bandwidth, -POURED},
	{0},
};
