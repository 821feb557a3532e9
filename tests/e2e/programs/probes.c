// SPDX-License-Identifier: MIT
//
// probes: breakpoints in the kernel's own text and in programs, as its tracing
// sets them. INT3 at several instructions of a system call and at its return;
// breakpoints of the processor on the kernel's code, and on memory that the
// kernel writes to; an INT3 in this program, whose instruction is then
// single-stepped elsewhere. Each must be met as often as the system call is
// made. Prints a line for each thing that is wrong, then "PROBES done N" with
// their number.

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"
#define SYMBOL "__x64_sys_getppid"
#define LAST_OFFSET 48
#define ROUNDS 1000

static int wrong;

static void expect(bool good, const char *what, long number)
{
	if (good)
		return;
	printf("PROBES %s: %ld\n", what, number);
	wrong++;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return done;
}

static void all(const char *on)
{
	expect(put(TRACING "events/rf/enable", on), "enable", errno);
}

static void call(void)
{
	for (int i = 0; i < ROUNDS; i++)
		syscall(SYS_getppid);
}

// How many of the probes that the file lists were met, each as often as it
// has to be.
static long met(const char *profile, const char *prefix)
{
	FILE *f = fopen(profile, "r");
	char line[512], name[256];
	long count = 0, hits, misses;

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, prefix);

		if (!at ||
		    sscanf(at, "%255s %ld %ld", name, &hits, &misses) < 2)
			continue;
		expect(hits == 0 || hits == ROUNDS, name, hits);
		count += hits == ROUNDS;
	}
	if (f)
		fclose(f);
	return count;
}

// Wherever an instruction begins; the kernel refuses the other places. The
// first ones may be the tracer's own, which it uses without a breakpoint.
static void in_the_kernel(void)
{
	char text[128];
	long set = 0, count;

	put("/proc/sys/debug/kprobes-optimization", "0");
	for (int at = 0; at < LAST_OFFSET; at++) {
		snprintf(text, sizeof(text), "p:rf/at_%d %s+%d\n", at, SYMBOL,
			 at);
		set += put(TRACING "kprobe_events", text);
	}
	expect(set >= 5, "places for a breakpoint", set);
	expect(put(TRACING "kprobe_events", "r:rf/return " SYMBOL "\n"),
	       "a probe of the return", errno);
	all("1");
	call();
	all("0");
	count = met(TRACING "kprobe_profile", "at_");
	expect(count >= 5, "places where the kernel came by", count);
	expect(met(TRACING "kprobe_profile", "return") == 1, "returns", 0);
}

static uintptr_t kernel_symbol(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], found[256];
	uintptr_t at = 0, result = 0;

	while (!result && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %255s", &at, found) == 2 &&
		    !strcmp(found, name))
			result = at;
	fclose(f);
	return result;
}

static long breakpoint(unsigned int type, uintptr_t at)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = type,
		.bp_addr = at,
		.bp_len = type == HW_BREAKPOINT_X ? sizeof(long)
						  : HW_BREAKPOINT_LEN_8,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long counted(long fd)
{
	uint64_t count = 0;

	if (read((int)fd, &count, sizeof(count)) != sizeof(count))
		count = 0;
	close((int)fd);
	return (long)count;
}

static void by_the_processor(void)
{
	static uint64_t word __attribute__((aligned(8)));
	long fd = breakpoint(HW_BREAKPOINT_X, kernel_symbol(SYMBOL));
	int zero = open("/dev/zero", O_RDONLY);

	expect(fd >= 0, "a breakpoint on the kernel's code", errno);
	call();
	expect(counted(fd) == ROUNDS, "times at the kernel's code", fd);

	fd = breakpoint(HW_BREAKPOINT_W, (uintptr_t)&word);
	expect(fd >= 0, "a watchpoint", errno);
	for (int i = 0; i < ROUNDS; i++)
		expect(read(zero, &word, sizeof(word)) == sizeof(word), "read",
		       errno);
	expect(counted(fd) >= ROUNDS, "times that the kernel wrote", fd);
	close(zero);
}

long stepped(long n);
asm(".text; .globl stepped; stepped: lea 1(%rdi), %rax; ret");

// Where in the file that this program is from an address of it lies.
static uintptr_t in_file(uintptr_t at)
{
	const Elf64_Phdr *p = (const void *)getauxval(AT_PHDR);

	for (unsigned long n = getauxval(AT_PHNUM); n; n--, p++)
		if (p->p_type == PT_LOAD && at - p->p_vaddr < p->p_filesz)
			return at - p->p_vaddr + p->p_offset;
	return 0;
}

static void in_a_program(void)
{
	char self[200] = "", text[300];

	expect(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0, "self",
	       errno);
	snprintf(text, sizeof(text), "p:rf/stepped %s:0x%lx\n", self,
		 in_file((uintptr_t)stepped));
	expect(put(TRACING "uprobe_events", text), "a probe of a program",
	       errno);
	all("1");
	for (long i = 0; i < ROUNDS; i++)
		expect(stepped(i) == i + 1, "stepped", i);
	all("0");
	expect(met(TRACING "uprobe_profile", "stepped") == 1, "steps", 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount("tracefs", TRACING, "tracefs", 0, NULL);
	in_the_kernel();
	by_the_processor();
	in_a_program();
	put(TRACING "kprobe_events", "-:rf/\n");
	printf("PROBES done %d\n", wrong);
	return wrong != 0;
}
