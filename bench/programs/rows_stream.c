// SPDX-License-Identifier: MIT
/*
 * Both ends of a pipe or a connection, for rows_ipc.c and rows_net.c.
 */
#include "rows.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

static char chunk[CHUNK];

static size_t next_chunk(long left)
{
	return left < CHUNK ? (size_t)left : CHUNK;
}

void stream_send(int fd, long bytes)
{
	while (bytes > 0) {
		ssize_t sent = write(fd, chunk, next_chunk(bytes));

		if (sent <= 0)
			fail("send");
		bytes -= sent;
	}
}

void stream_receive(int fd, long bytes)
{
	while (bytes > 0) {
		ssize_t got = read(fd, chunk, next_chunk(bytes));

		if (got <= 0)
			fail("receive");
		bytes -= got;
	}
}

void serve_echo(int from, int to)
{
	char c;

	while (read(from, &c, 1) == 1 && write(to, &c, 1) == 1)
		;
	_exit(0);
}

void serve_pour(int to)
{
	while (write(to, chunk, CHUNK) > 0)
		;
	_exit(0);
}

void tcp_no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}
