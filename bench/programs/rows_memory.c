// SPDX-License-Identifier: MIT
/*
 * Memory: bandwidth, latency with and without TLB misses, and what it costs
 * to get, share, protect and give back pages.
 */
#include "rows.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1 << 20)
#define COPIED (8 * MIB)
#define FAULTS 256 /* pages touched in a rep */

static char *from, *to;

static void op_copy(long n)
{
	while (n--) {
		memcpy(to, from, COPIED);
		sink = to[n & 0xffff];
	}
}

static void run_copy(void)
{
	from = map_pages(COPIED);
	to = map_pages(COPIED);
	memset(from, 1, COPIED);
	memset(to, 2, COPIED);
	measure(op_copy);
}

static void op_fill(long n)
{
	while (n--) {
		memset(to, (int)n, COPIED);
		sink = to[n & 0xffff];
	}
}

static void run_fill(void)
{
	to = map_pages(COPIED);
	measure(op_fill);
}

static void **place;

static void op_chase(long n)
{
	void **p = place;

	while (n--)
		p = *p;
	place = p;
}

/* One cycle through all steps of memory, in an order that nothing foresees. */
static void chase(size_t size, size_t step)
{
	size_t n = size / step;
	char *memory = map_pages(size);
	uint32_t *order = map_pages(n * sizeof(*order));
	uint64_t random = 88172645463325252;

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (size_t i = n - 1; i > 0; i--) {
		size_t other;
		uint32_t kept = order[i];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		other = random % (i + 1);
		order[i] = order[other];
		order[other] = kept;
	}
	for (size_t i = 0; i < n; i++)
		*(void **)(memory + order[i] * step) =
			memory + order[(i + 1) % n] * step;
	place = (void **)(memory + order[0] * step);
	measure(op_chase);
}

static void run_latency_small(void)
{
	chase(64 << 10, 64);
}

static void run_latency_large(void)
{
	chase(32 * MIB, 64);
}

/* A line of its own in each page: every step wants another TLB entry. */
static void run_tlb(void)
{
	chase(48 * MIB, PAGE + 64);
}

static double touch(char *p, int pages, int step)
{
	double start = now();

	for (int i = 0; i < pages; i++)
		*(volatile char *)(p + (size_t)i * PAGE * (size_t)step) = 1;
	return now() - start;
}

static void run_fault_anon(void)
{
	while (more()) {
		char *p = map_pages(FAULTS * PAGE);

		rep(touch(p, FAULTS, 1), FAULTS);
		munmap(p, FAULTS * PAGE);
	}
}

/* Writing to pages that are still shared with the parent. */
static void run_fault_cow(void)
{
	char *p = map_pages(FAULTS * PAGE);

	memset(p, 1, FAULTS * PAGE);
	while (more()) {
		double ns;
		int fds[2];
		pid_t child;

		CHECK(pipe(fds));
		child = fork();
		CHECK(child);
		if (!child) {
			ns = touch(p, FAULTS, 1);
			_exit(write(fds[1], &ns, sizeof(ns)) < 0);
		}
		if (read(fds[0], &ns, sizeof(ns)) != sizeof(ns))
			fail("copy on write");
		waitpid(child, NULL, 0);
		close(fds[0]);
		close(fds[1]);
		rep(ns, FAULTS);
	}
}

/* Pages of a file that are in memory; the kernel maps 16 around each fault. */
static void run_fault_file(void)
{
	static char chunk[65536];
	int fd = open(file_path, O_RDWR);

	CHECK(fd);
	for (int i = 0; i < 64; i++)
		CHECK(write(fd, chunk, sizeof(chunk)));
	while (more()) {
		volatile char *p =
			mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0);
		double start = now();

		for (int i = 0; i < 64; i++)
			sink = p[(size_t)i * 65536 + 5 * PAGE];
		rep(now() - start, 64);
		munmap((void *)p, 4 * MIB);
	}
	CHECK(ftruncate(fd, 1));
}

static size_t mapped;

static void op_mmap(long n)
{
	while (n--) {
		char *p = map_pages(mapped);

		touch(p, (int)(mapped / PAGE), 1);
		munmap(p, mapped);
	}
}

static void run_mmap_small(void)
{
	mapped = 64 << 10;
	measure(op_mmap);
}

static void run_mmap_large(void)
{
	mapped = 8 * MIB;
	measure(op_mmap);
}

static void run_mmap_1m(void)
{
	mapped = MIB;
	measure(op_mmap);
}

static void run_mmap_16m(void)
{
	mapped = 16 * MIB;
	measure(op_mmap);
}

/* With large pages where the kernel gives some. */
static void op_mmap_huge(long n)
{
	while (n--) {
		char *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p);
		touch(p, (int)(mapped / PAGE), 1);
		munmap(p, mapped);
	}
}

static void run_mmap_huge(void)
{
	mapped = 16 * MIB;
	measure(op_mmap_huge);
}

/* Part of a mapping, which is split and joined again. */
static void op_mprotect(long n)
{
	static int rights = PROT_READ;

	for (; n; n--) {
		CHECK(mprotect(to, 64 * PAGE, rights));
		rights ^= PROT_WRITE;
	}
}

static void run_mprotect(void)
{
	to = map_pages(256 * PAGE);
	memset(to, 1, 256 * PAGE);
	measure(op_mprotect);
}

const struct row rows_memory[] = {
	{"mem_copy", "MB/s", run_copy, -COPIED},
	{"mem_fill", "MB/s", run_fill, -COPIED},
	{"mem_latency_64K", "ns", run_latency_small, 1},
	{"mem_latency_32M", "ns", run_latency_large, 1},
	{"mem_tlb_48M", "ns", run_tlb, 1},
	{"fault_anon", "ns/page", run_fault_anon, 1},
	{"fault_cow", "ns/page", run_fault_cow, 1},
	{"fault_file", "ns/fault", run_fault_file, 1},
	{"mmap_64K", "us", run_mmap_small, 1e3},
	{"mmap_8M", "us", run_mmap_large, 1e3},
	{"mprotect_256K", "ns", run_mprotect, 1},
	{0},
};

const struct row rows_memory_more[] = {
	{"mmap_1M", "us", run_mmap_1m, 1e3},
	{"mmap_16M", "us", run_mmap_16m, 1e3},
	{"mmap_16M_huge", "us", run_mmap_huge, 1e3},
	{0},
};
