// SPDX-License-Identifier: MIT
/*
 * disk DEVICE PROCESSES BLOCKS ROUNDS: random direct I/O by several processes,
 * each in BLOCKS blocks of its own from the device's start on. Every read is
 * compared with what was written last. Ends with "DISK fine, N transfers", or
 * says what was wrong and ends with status 1. A transfer that is never
 * completed leaves it waiting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096u
#define WORDS (BLOCK / sizeof(uint64_t))

static uint64_t *buffer;
static int fd;

static uint64_t mix(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static void must(int fine, const char *what, unsigned block)
{
	if (fine)
		return;
	printf("DISK wrong: %s of block %u: %s\n", what, block,
	       strerror(errno));
	exit(1);
}

/* What block has in its generation, which is not 0. */
static uint64_t word(unsigned block, unsigned generation, unsigned i)
{
	return mix((uint64_t)generation << 40 | (uint64_t)block << 16 | i);
}

static void put(unsigned block, unsigned generation)
{
	for (unsigned i = 0; i < WORDS; i++)
		buffer[i] = word(block, generation, i);
	must(pwrite(fd, buffer, BLOCK, (off_t)block * BLOCK) == BLOCK, "write",
	     block);
}

static void check(unsigned block, unsigned generation)
{
	memset(buffer, 0, BLOCK);
	must(pread(fd, buffer, BLOCK, (off_t)block * BLOCK) == BLOCK, "read",
	     block);
	for (unsigned i = 0; i < WORDS; i++)
		must(buffer[i] == word(block, generation, i), "contents",
		     block);
}

/* Writes all blocks, mixes writes and reads, and reads all. */
static void work(unsigned first, unsigned blocks, unsigned rounds)
{
	unsigned *generation = calloc(blocks, sizeof(*generation));
	uint64_t random = mix(first + 88172645463325252u);

	must(generation != NULL, "memory", first);
	for (unsigned i = 0; i < blocks; i++)
		put(first + i, generation[i] = 1);
	for (unsigned n = 0; n < rounds; n++) {
		unsigned i;

		random = mix(random);
		i = random % blocks;
		if (random >> 32 & 1)
			put(first + i, ++generation[i]);
		else
			check(first + i, generation[i]);
	}
	for (unsigned i = 0; i < blocks; i++)
		check(first + i, generation[i]);
	exit(0);
}

int main(int argc, char **argv)
{
	unsigned processes, blocks, rounds;
	int status, failed = 0;

	if (argc != 5) {
		printf("usage: disk DEVICE PROCESSES BLOCKS ROUNDS\n");
		return 2;
	}
	processes = (unsigned)atoi(argv[2]);
	blocks = (unsigned)atoi(argv[3]);
	rounds = (unsigned)atoi(argv[4]);
	fd = open(argv[1], O_RDWR | O_DIRECT | O_SYNC);
	must(fd >= 0, "opening", 0);
	buffer = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(buffer != MAP_FAILED, "memory", 0);
	for (unsigned i = 0; i < processes; i++)
		if (fork() == 0)
			work(i * blocks, blocks, rounds);
	while (wait(&status) > 0)
		failed |= status != 0;
	if (failed)
		return 1;
	printf("DISK fine, %u transfers\n", processes * (2 * blocks + rounds));
	return 0;
}
