// SPDX-License-Identifier: MIT
/*
 * TCP with a peer that runs "rows -s": round trips of a byte and streams both
 * ways. The first byte of a connection says what the peer is to do.
 */
#include "rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT 5001
#define CHUNK 65536
#define STREAMED (256 << 10)
#define ROW_NS row_time(4e8)

const char *net_peer;

static char chunk[CHUNK];
static int fd;

static void tune(int s)
{
	struct timeval patience = {15, 0};

	tcp_no_delay(s);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static void serve_one(int s)
{
	char what;

	if (read(s, &what, 1) != 1)
		_exit(1);
	if (what == 'e')
		serve_echo(s, s);
	if (what == 'p')
		serve_pour(s);
	while (read(s, chunk, CHUNK) > 0)
		;
	_exit(0);
}

int net_serve(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_port = htons(PORT)};
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (void *)&any, sizeof(any)) || listen(listener, 16))
		return 1;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int s = accept(listener, NULL, NULL);

		if (s >= 0 && !fork()) {
			tune(s);
			serve_one(s);
		}
		close(s);
	}
}

/* The link or the peer may need a moment. */
static void dial(char what)
{
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons(PORT)};

	if (!inet_aton(net_peer, &peer.sin_addr))
		fail("the peer's address");
	signal(SIGPIPE, SIG_IGN);
	for (int tries = 0; tries < 30; tries++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		tune(fd);
		if (!connect(fd, (void *)&peer, sizeof(peer))) {
			CHECK(write(fd, &what, 1));
			return;
		}
		close(fd);
		usleep(300000);
	}
	fail("connect");
}

static void run_round_trip(void)
{
	char c = 0;
	double start;

	dial('e');
	for (int i = 0; i < 20; i++) {
		CHECK(write(fd, &c, 1));
		CHECK(read(fd, &c, 1));
	}
	ready();
	for (start = now(); now() - start < ROW_NS;) {
		double began = now();

		CHECK(write(fd, &c, 1));
		if (read(fd, &c, 1) != 1)
			fail("round trip");
		latency(now() - began);
	}
}

static void op_send(long n)
{
	stream_send(fd, n * STREAMED);
}

static void op_receive(long n)
{
	stream_receive(fd, n * STREAMED);
}

/* What is in buffers at the end is little beside what went through. */
static void stream(char what, op_fn *op)
{
	double start;

	dial(what);
	op(8);
	ready();
	for (start = now(); now() - start < ROW_NS;) {
		double began = now();

		op(8);
		rep(now() - began, 8);
	}
}

static void run_send(void)
{
	stream('s', op_send);
}

static void run_receive(void)
{
	stream('p', op_receive);
}

const struct row rows_net[] = {
	{"net_rtt", "us", run_round_trip, 1e3},
	{"net_send", "MB/s", run_send, -STREAMED},
	{"net_receive", "MB/s", run_receive, -STREAMED},
	{0},
};
