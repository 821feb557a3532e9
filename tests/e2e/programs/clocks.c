// SPDX-License-Identifier: MIT
/*
 * clocks PROCESSES SECONDS: that many processes read the monotonic clock in
 * turn, each after it has seen what the others read. Prints "CLOCKS reads N
 * turns M back B": readings, changes of the reader, and by how many
 * nanoseconds the clock stepped back at most.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct shared {
	uint64_t latest, reads, turns, back;
	int reader;
} * s;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void read_clock(int self)
{
	uint64_t before = __atomic_load_n(&s->latest, __ATOMIC_SEQ_CST);
	uint64_t now = now_ns();

	if (now < before && before - now > s->back)
		s->back = before - now;
	if (now > before)
		__atomic_compare_exchange_n(&s->latest, &before, now, 0,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->reads, 1, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&s->reader, self, __ATOMIC_SEQ_CST) != self)
		__atomic_fetch_add(&s->turns, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0;
	uint64_t end;

	if (n <= 0)
		return 2;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 1;
	end = now_ns() + (uint64_t)atol(argv[2]) * 1000000000;
	for (int i = 1; i <= n; i++) {
		if (fork())
			continue;
		while (now_ns() < end)
			read_clock(i);
		return 0;
	}
	while (wait(NULL) > 0)
		;
	printf("CLOCKS reads %lu turns %lu back %lu\n", (unsigned long)s->reads,
	       (unsigned long)s->turns, (unsigned long)s->back);
	return 0;
}
