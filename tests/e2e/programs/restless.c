// SPDX-License-Identifier: MIT
/*
 * restless PROCESSES MIB: each process keeps changing a memory of its own, in
 * private pages, and in shared ones of a file that a child of its own maps as
 * well, and looks that what it finds is what it wrote, and that time does not
 * go back. /tmp/restless-N says how it goes: "rounds R wrong W gap G", G the
 * longest time in ms that it did nothing, by the wall clock. Runs until it is
 * killed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define WORDS (PAGE / sizeof(uint64_t))
#define BATCH 64
#define REST_US 2000
#define SHARED 64u /* pages */

static uint64_t random_state, rounds, wrong;
static uint64_t *memory, *shared;
static uint32_t *generation;
static unsigned pages;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t *page_at(unsigned i)
{
	return i < SHARED ? shared + i * WORDS : memory + i * WORDS;
}

static uint64_t word(unsigned i, unsigned k)
{
	return (uint64_t)generation[i] << 32 | i << 12 | k;
}

static void look(unsigned i)
{
	const uint64_t *p = page_at(i);

	for (unsigned k = 0; k < WORDS; k++)
		wrong += p[k] != word(i, k);
}

static void change(unsigned i)
{
	uint64_t *p = page_at(i);

	generation[i]++;
	for (unsigned k = 0; k < WORDS; k++)
		p[k] = word(i, k);
}

/* A child sees the same, changes its own copy, and goes. */
static void have_a_child(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		for (unsigned i = SHARED; i < pages; i += 17) {
			look(i);
			change(i);
		}
		_exit(wrong != 0);
	}
	wrong += child < 0 || waitpid(child, &status, 0) != child || status;
}

/* Also across a migration, where the clock's page is another one. */
static void look_at_time(void)
{
	static struct timespec last;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	wrong += t.tv_sec < last.tv_sec ||
		 (t.tv_sec == last.tv_sec && t.tv_nsec < last.tv_nsec);
	last = t;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void report(unsigned n, uint64_t gap)
{
	char name[64], new[64];
	FILE *f;

	snprintf(name, sizeof(name), "/tmp/restless-%u", n);
	snprintf(new, sizeof(new), "/tmp/new-%u", n);
	f = fopen(new, "w");
	if (!f)
		return;
	fprintf(f, "rounds %lu wrong %lu gap %lu\n", rounds, wrong, gap);
	fclose(f);
	rename(new, name);
}

static void *map(size_t bytes, int fd)
{
	void *p =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		perror("restless: memory");
		exit(1);
	}
	return p;
}

static void run(unsigned n)
{
	uint64_t last = now_ms(), longest = 0;
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/tmp/shared-%u", n);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, SHARED * PAGE)) {
		perror("restless: file");
		exit(1);
	}
	random_state = 88172645463325252u + n;
	memory = map((size_t)pages * PAGE, -1);
	shared = map(SHARED * PAGE, fd);
	generation = map(pages * sizeof(*generation), -1);
	for (unsigned i = 0; i < pages; i++)
		change(i);
	for (;; rounds++) {
		uint64_t now;

		for (unsigned b = 0; b < BATCH; b++) {
			unsigned i = (unsigned)(next_random() % pages);

			look(i);
			change(i);
			look_at_time();
		}
		if (rounds % 64 == 0)
			have_a_child();
		usleep(REST_US); // others want the processor too
		now = now_ms();
		if (now - last > longest)
			longest = now - last;
		last = now;
		if (rounds % 16 == 0)
			report(n, longest);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		printf("usage: restless PROCESSES MIB\n");
		return 2;
	}
	pages = (unsigned)atoi(argv[2]) * 256;
	for (unsigned n = 0; n < (unsigned)atoi(argv[1]); n++)
		if (fork() == 0)
			run(n);
	while (wait(NULL) > 0)
		;
	return 1;
}
