// SPDX-License-Identifier: MIT
/*
 * Reading and writing a disk past the kernel's cache. The disk is overwritten.
 */
#define _GNU_SOURCE
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK (128 << 10)
#define SMALL 4096
#define THREADS 8
#define ROW_NS row_time(4e8)

const char *disk_path;

static int fd;
static uint64_t size;
static _Atomic uint64_t offset;
static char *buffer;

static void use_disk(void)
{
	fd = open(disk_path, O_RDWR | O_DIRECT);
	CHECK(fd);
	CHECK(ioctl(fd, BLKGETSIZE64, &size));
	if (posix_memalign((void **)&buffer, 4096, BLOCK))
		fail("memory");
	memset(buffer, 0x5a, BLOCK);
}

static off_t next_block(void)
{
	return (off_t)((offset++ * BLOCK) % (size / BLOCK * BLOCK));
}

static off_t any_block(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (off_t)(*random % (size / SMALL) * SMALL);
}

static void whole(ssize_t moved, ssize_t wanted)
{
	if (moved < 0)
		fail("disk");
	if (moved != wanted) {
		errno = EIO;
		fail("short transfer");
	}
}

static void op_read(long n)
{
	while (n--)
		whole(pread(fd, buffer, BLOCK, next_block()), BLOCK);
}

static void op_write(long n)
{
	while (n--)
		whole(pwrite(fd, buffer, BLOCK, next_block()), BLOCK);
}

static void run_read(void)
{
	use_disk();
	measure(op_read);
}

static void run_write(void)
{
	use_disk();
	measure(op_write);
}

/* One small transfer after the other, each timed. */
static void small(int writing)
{
	uint64_t random = 88172645463325252;
	double start;

	use_disk();
	ready();
	for (start = now(); now() - start < ROW_NS;) {
		double began = now();
		off_t at = any_block(&random);

		whole(writing ? pwrite(fd, buffer, SMALL, at)
			      : pread(fd, buffer, SMALL, at),
		      SMALL);
		latency(now() - began);
	}
}

static void run_small_read(void)
{
	small(0);
}

static void run_small_write(void)
{
	small(1);
}

static _Atomic long transfers;

static void *reader(void *argument)
{
	uint64_t random = 88172645463325252 + (uintptr_t)argument * 7919;
	char *mine;

	if (posix_memalign((void **)&mine, 4096, SMALL))
		return NULL;
	for (;;) {
		whole(pread(fd, mine, SMALL, any_block(&random)), SMALL);
		transfers++;
	}
}

/* Eight of them at a time. */
static void run_parallel(void)
{
	pthread_t thread;
	double start;

	use_disk();
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, reader, (void *)i))
			fail("pthread_create");
	ready();
	for (start = now(); now() - start < ROW_NS;) {
		double began = now();
		long before = transfers;

		usleep(50000);
		if (transfers > before)
			rep(now() - began, (double)(transfers - before));
	}
}

const struct row rows_disk[] = {
	{"disk_read", "MB/s", run_read, -BLOCK},
	{"disk_write", "MB/s", run_write, -BLOCK},
	{"disk_read_4K", "us", run_small_read, 1e3},
	{"disk_write_4K", "us", run_small_write, 1e3},
	{"disk_iops_8", "IOPS", run_parallel, -1e6},
	{0},
};
