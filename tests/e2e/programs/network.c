// SPDX-License-Identifier: MIT
/*
 * network ADDRESS PORT BYTES SEED: sends a stream over TCP to a server that
 * sends everything back, reads at the same time what comes, and compares it.
 * Ends with "NETWORK fine, CRC" (of zlib's crc32, for the server to compare),
 * or says what was wrong and ends with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 32768u

static uint8_t buffer[CHUNK], wanted[CHUNK];
static uint64_t state;

static void must(int fine, const char *what)
{
	if (fine)
		return;
	printf("NETWORK wrong: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The next n bytes of the stream. */
static void make(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		to[i] = (uint8_t)(state >> 24);
	}
}

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void send_all(int s, size_t bytes)
{
	while (bytes) {
		size_t n = bytes < CHUNK ? bytes : CHUNK;

		make(buffer, n);
		for (size_t done = 0; done < n;) {
			ssize_t w = write(s, buffer + done, n - done);

			must(w > 0, "sending");
			done += (size_t)w;
		}
		bytes -= n;
	}
	must(shutdown(s, SHUT_WR) == 0, "end of sending");
	_exit(0);
}

static void receive_all(int s, size_t bytes)
{
	uint32_t crc = 0;

	for (size_t done = 0; done < bytes;) {
		ssize_t n = read(s, buffer, CHUNK);

		must(n > 0, "receiving");
		make(wanted, (size_t)n);
		must(memcmp(buffer, wanted, (size_t)n) == 0, "what came back");
		crc = crc32(crc, buffer, (size_t)n);
		done += (size_t)n;
	}
	must(read(s, buffer, 1) == 0, "more came back");
	printf("NETWORK fine, %08x\n", crc);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int s, status = 0;
	size_t bytes;
	pid_t child;

	if (argc != 5) {
		printf("usage: network ADDRESS PORT BYTES SEED\n");
		return 2;
	}
	must(inet_pton(AF_INET, argv[1], &a.sin_addr) == 1, "address");
	a.sin_port = htons((uint16_t)atoi(argv[2]));
	bytes = strtoul(argv[3], NULL, 10);
	state = 88172645463325252u + strtoul(argv[4], NULL, 10);
	s = socket(AF_INET, SOCK_STREAM, 0);
	must(s >= 0, "socket");
	must(connect(s, (struct sockaddr *)&a, sizeof(a)) == 0, "connecting");
	child = fork();
	must(child >= 0, "fork");
	if (child == 0)
		send_all(s, bytes);
	receive_all(s, bytes);
	must(waitpid(child, &status, 0) == child && status == 0, "the sender");
	return 0;
}
