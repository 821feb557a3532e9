// SPDX-License-Identifier: MIT
//
// x86: what programs may do that is awkward for whoever stands between them and
// the processor: flags at a system call, descriptors of their own, returning
// from a signal to odd segments, watchpoints behind MOV SS, and vector
// registers under load. Prints a line for each thing that is not as on bare
// hardware, then "X86 done N" with their number.

#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define FLAG_TF 0x100ul
#define FLAG_DF 0x400ul
#define FLAG_NT 0x4000ul
#define FLAG_AC 0x40000ul

#define USER_CS 0x33
#define USER_CS32 0x23
#define USER_SS 0x2b
#define LDT_SELECTOR(n) ((n) << 3 | 7)

static int wrong;
static sigjmp_buf back;

static void expect(bool good, const char *what, long number)
{
	if (good)
		return;
	printf("X86 %s: 0x%lx\n", what, number);
	wrong++;
}

static void catch_with(int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler,
				   .sa_flags = SA_SIGINFO | SA_NODEFER |
					       SA_ONSTACK};

	sigaction(signal, &action, NULL);
}

// ------------------------------------------------------------ flags at SYSCALL

static unsigned long flags_after;

static long getppid_with(unsigned long set)
{
	long result = SYS_getppid;

	asm volatile("pushfq; pushfq; orq %[set], (%%rsp); popfq\n"
		     "syscall\n"
		     "pushfq; popq %[after]; popfq\n"
		     : "+a"(result), [after] "=&r"(flags_after)
		     : [set] "r"(set)
		     : "rcx", "r11", "memory", "cc");
	return result;
}

static volatile long steps;

static void count_step(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	steps++;
}

static void flags(void)
{
	const unsigned long set[] = {FLAG_NT, FLAG_AC, FLAG_DF,
				     FLAG_NT | FLAG_AC | FLAG_DF};

	for (int i = 0; i < 4; i++)
		for (int n = 0; n < 50; n++) {
			expect(getppid_with(set[i]) == getppid(),
			       "system call with flags", (long)set[i]);
			expect((flags_after & set[i]) == set[i],
			       "flags after a system call", (long)set[i]);
		}
	catch_with(SIGTRAP, count_step);
	steps = 0;
	expect(getppid_with(FLAG_TF) == getppid(), "single-stepped call", 0);
	expect(steps >= 1, "steps of a system call", steps);
	steps = 0;
	expect(getppid_with(FLAG_TF | FLAG_NT) == getppid(),
	       "single-stepped call with NT", 0);
	expect(steps >= 1, "steps of a system call with NT", steps);
	signal(SIGTRAP, SIG_DFL);
}

// Nothing for a program of 64 bits: it does not come back from it, if it comes
// as far as the kernel at all.
static void sysenter(void)
{
	const unsigned long set[] = {0, FLAG_TF, FLAG_NT,
				     FLAG_TF | FLAG_NT | FLAG_AC | FLAG_DF};
	int how;

	for (int i = 0; i < 8; i++) {
		pid_t child = fork();

		if (!child) {
			asm volatile("pushfq; orq %0, (%%rsp); popfq\n"
				     "sysenter\n"
				     "hlt"
				     :
				     : "r"(set[i / 2]), "a"(SYS_getppid),
				       "b"(0), "c"(0), "d"(0)
				     : "memory", "cc");
			_exit(0);
		}
		waitpid(child, &how, 0);
		expect(WIFSIGNALED(how), "SYSENTER", how);
	}
}

// ------------------------------------------------------------------------- LDT

static int ldt_write(struct user_desc *d)
{
	return (int)syscall(SYS_modify_ldt, 0x11, d, sizeof(*d));
}

static struct user_desc flat_data(unsigned int entry)
{
	return (struct user_desc){.entry_number = entry,
				  .limit = 0xfffff,
				  .seg_32bit = 1,
				  .limit_in_pages = 1,
				  .useable = 1};
}

static struct user_desc flat_code(unsigned int entry)
{
	struct user_desc d = flat_data(entry);

	d.contents = MODIFY_LDT_CONTENTS_CODE;
	return d;
}

static bool has_limit(unsigned int selector, unsigned int *limit)
{
	bool found;

	asm volatile("lsl %2, %1"
		     : "=@ccz"(found), "=r"(*limit)
		     : "r"(selector));
	return found;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	siglongjmp(back, signal);
}

static bool loads(unsigned int selector)
{
	unsigned int before;
	bool loaded = false;

	asm volatile("mov %%fs, %0" : "=r"(before));
	if (!sigsetjmp(back, 1)) {
		asm volatile("mov %0, %%es" : : "r"(selector) : "memory");
		loaded = true;
	}
	asm volatile("mov %0, %%es" : : "r"(0));
	return loaded;
}

static void descriptors(void)
{
	struct user_desc d = flat_data(3);
	unsigned int limit = 0;

	catch_with(SIGSEGV, on_fault);
	expect(!has_limit(LDT_SELECTOR(3), &limit), "LDT entry before", 0);
	expect(!loads(LDT_SELECTOR(3)), "loads before", 0);
	expect(ldt_write(&d) == 0, "modify_ldt", errno);
	expect(has_limit(LDT_SELECTOR(3), &limit) && limit == 0xffffffff,
	       "limit", limit);
	expect(loads(LDT_SELECTOR(3)), "does not load", 0);
	d.limit = 5;
	d.limit_in_pages = 0;
	expect(ldt_write(&d) == 0, "smaller", errno);
	expect(has_limit(LDT_SELECTOR(3), &limit) && limit == 5,
	       "smaller limit", limit);
	d.seg_not_present = 1;
	expect(ldt_write(&d) == 0, "not present", errno);
	signal(SIGBUS, SIG_DFL);
	catch_with(SIGBUS, on_fault);
	expect(!loads(LDT_SELECTOR(3)), "loads when not present", 0);
	// A table of two pages: one descriptor far up.
	d = flat_data(800);
	expect(ldt_write(&d) == 0, "modify_ldt 800", errno);
	expect(loads(LDT_SELECTOR(800)), "800 does not load", 0);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		int how;

		if (!child)
			_exit(loads(LDT_SELECTOR(800)) ? 0 : 1);
		waitpid(child, &how, 0);
		expect(how == 0, "the child's LDT", how);
	}
	d = (struct user_desc){
		.entry_number = 800, .read_exec_only = 1, .seg_not_present = 1};
	expect(ldt_write(&d) == 0, "modify_ldt clear", errno);
	expect(!loads(LDT_SELECTOR(800)), "loads after", 0);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
}

// --------------------------------------------------- returning to odd segments

static struct {
	unsigned long cs, ss, rip, rsp; // to return to
	unsigned long seen_cs, seen_ss; // where the signal came from
	int seen_signal;
	unsigned long error;
	ucontext_t before;
} odd;

static unsigned long context_ss(const ucontext_t *c)
{
	return c->uc_mcontext.gregs[REG_CSGSFS] >> 48 & 0xffff;
}

static void set_segments(ucontext_t *c, unsigned long cs, unsigned long ss)
{
	c->uc_mcontext.gregs[REG_CSGSFS] = (long long)(cs | ss << 48);
	c->uc_flags |= 4; // UC_STRICT_RESTORE_SS: SS as it is there
}

static void send_there(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)signal;
	(void)info;
	odd.before = *c;
	set_segments(c, odd.cs, odd.ss);
	c->uc_mcontext.gregs[REG_RIP] = (long long)odd.rip;
	c->uc_mcontext.gregs[REG_RSP] = (long long)odd.rsp;
}

static void come_back(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)info;
	odd.seen_signal = signal;
	odd.seen_cs = c->uc_mcontext.gregs[REG_CSGSFS] & 0xffff;
	odd.seen_ss = context_ss(c);
	odd.error = c->uc_mcontext.gregs[REG_ERR];
	memcpy(c->uc_mcontext.gregs, odd.before.uc_mcontext.gregs,
	       offsetof(mcontext_t, fpregs));
}

static void go(unsigned long cs, unsigned long ss, unsigned long rip)
{
	odd.cs = cs;
	odd.ss = ss;
	odd.rip = rip;
	odd.seen_signal = 0;
	raise(SIGUSR1);
}

#define LOW ((unsigned char *)0x10000000)
#define INT3 0xcc

static void odd_segments(void)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	const int how[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL};
	struct user_desc code = flat_code(1), data = flat_data(2);

	mmap(LOW, 65536, PROT_READ | PROT_WRITE | PROT_EXEC,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(LOW, INT3, 4096);
	sigaltstack(&alternate, NULL);
	catch_with(SIGUSR1, send_there);
	for (int i = 0; i < 4; i++)
		catch_with(how[i], come_back);
	odd.rsp = (unsigned long)LOW + 32768;
	expect(ldt_write(&code) == 0 && ldt_write(&data) == 0, "ldt", errno);

	for (int i = 0; i < 20; i++) {
		go(USER_CS32, USER_SS, (unsigned long)LOW);
		expect(odd.seen_signal == SIGTRAP && odd.seen_cs == USER_CS32,
		       "32-bit code", odd.seen_cs);
		go(LDT_SELECTOR(1), USER_SS, (unsigned long)LOW);
		expect(odd.seen_signal == SIGTRAP &&
			       odd.seen_cs == LDT_SELECTOR(1),
		       "code in the LDT", odd.seen_cs);
		go(LDT_SELECTOR(1), LDT_SELECTOR(2), (unsigned long)LOW);
		expect(odd.seen_signal == SIGTRAP &&
			       odd.seen_ss == LDT_SELECTOR(2),
		       "stack in the LDT", odd.seen_ss);
		go(USER_CS, LDT_SELECTOR(2), (unsigned long)LOW);
		expect(odd.seen_signal == SIGTRAP &&
			       odd.seen_ss == LDT_SELECTOR(2),
		       "64-bit code on the LDT's stack", odd.seen_ss);
		// Refused: absent, data as code, code as stack, past the end.
		go(LDT_SELECTOR(7), USER_SS, (unsigned long)LOW);
		expect(odd.seen_signal == SIGSEGV, "absent CS",
		       odd.seen_signal);
		go(LDT_SELECTOR(2), USER_SS, (unsigned long)LOW);
		expect(odd.seen_signal == SIGSEGV, "data as CS",
		       odd.seen_signal);
		go(USER_CS, LDT_SELECTOR(1), (unsigned long)LOW);
		expect(odd.seen_signal == SIGSEGV, "code as SS",
		       odd.seen_signal);
		go(USER_CS, 0xfff7, (unsigned long)LOW);
		expect(odd.seen_signal == SIGSEGV, "SS past the end",
		       odd.seen_signal);
		// Addresses that are none, and the last ones that are.
		go(USER_CS, USER_SS, 0x800000000000ul);
		expect(odd.seen_signal == SIGSEGV, "RIP 2^47", odd.seen_signal);
		go(USER_CS, USER_SS, 0x7ffffffffffful);
		expect(odd.seen_signal == SIGSEGV, "RIP below 2^47",
		       odd.seen_signal);
		go(USER_CS, USER_SS, 0xffffffff81000000ul);
		expect(odd.seen_signal == SIGSEGV, "RIP in the kernel",
		       odd.seen_signal);
	}
	signal(SIGUSR1, SIG_DFL);
	for (int i = 0; i < 4; i++)
		signal(how[i], SIG_DFL);
}

// ------------------------------------------------------- watchpoint and MOV SS

static unsigned short watched_ss = USER_SS;

// The watchpoint's exception is held back by MOV SS until the next instruction
// is done, which enters the kernel.
static void watched(void)
{
	long result = SYS_getppid;

	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	asm volatile("mov %0, %%ss; int3" : : "m"(watched_ss));
	asm volatile("mov %1, %%ss; syscall"
		     : "+a"(result)
		     : "m"(watched_ss)
		     : "rcx", "r11", "memory");
	result = SYS_getpid == 39 ? 20 : 0;
	asm volatile("mov %1, %%ss; int $0x80"
		     : "+a"(result)
		     : "m"(watched_ss)
		     : "memory");
	_exit(9);
}

static void set_watchpoint(pid_t child)
{
	const size_t at = offsetof(struct user, u_debugreg);

	ptrace(PTRACE_POKEUSER, child, at, &watched_ss);
	// Two bytes, reads and writes, enabled.
	ptrace(PTRACE_POKEUSER, child, at + 7 * 8, 0x70001ul);
}

static void held_back(void)
{
	pid_t child = fork();
	int how, stops = 0;

	if (!child)
		watched();
	waitpid(child, &how, 0);
	set_watchpoint(child);
	for (;;) {
		ptrace(PTRACE_CONT, child, 0, 0);
		waitpid(child, &how, 0);
		if (!WIFSTOPPED(how) || ++stops > 20)
			break;
		expect(WSTOPSIG(how) == SIGTRAP, "stopped by", WSTOPSIG(how));
	}
	expect(WIFEXITED(how) && WEXITSTATUS(how) == 9, "MOV SS child", how);
	expect(stops >= 1, "stops behind MOV SS", stops);
}

// ------------------------------------------------------------ vector registers

static bool has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

static volatile int ticks;

static void spoil(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	ticks++;
	asm volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7;"
		     "pcmpeqd %%xmm15, %%xmm15"
		     :
		     :
		     : "xmm0", "xmm7", "xmm15");
	if (has_avx())
		asm volatile("vzeroall" : : : "xmm0", "xmm7", "xmm15");
}

__attribute__((target("avx"))) static bool keep_avx(uint64_t seed)
{
	uint64_t mine[4] = {seed, ~seed, seed * 3, seed ^ 0x5555}, now[4];

	asm volatile("vmovdqu %1, %%ymm7\n"
		     "mov $3000, %%ecx\n"
		     "1: pause; dec %%ecx; jnz 1b\n"
		     "vmovdqu %%ymm7, %0\n"
		     : "=m"(now)
		     : "m"(mine)
		     : "ecx", "xmm7", "memory");
	return !memcmp(mine, now, sizeof(mine));
}

static bool keep_sse(uint64_t seed)
{
	uint64_t mine[2] = {seed, ~seed}, now[2];
	uint32_t mxcsr = 0x1f80 | (uint32_t)(seed & 3) << 13, after;

	asm volatile("ldmxcsr %3\n"
		     "movdqu %2, %%xmm15\n"
		     "mov $3000, %%ecx\n"
		     "1: pause; dec %%ecx; jnz 1b\n"
		     "movdqu %%xmm15, %0\n"
		     "stmxcsr %1\n"
		     : "=m"(now), "=m"(after)
		     : "m"(mine), "m"(mxcsr)
		     : "ecx", "xmm15", "memory");
	return !memcmp(mine, now, sizeof(mine)) && after == mxcsr;
}

static int hold(uint64_t seed)
{
	struct itimerval often = {{0, 1000}, {0, 1000}};
	int bad = 0;

	catch_with(SIGALRM, spoil);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 400; i++) {
		bad += !keep_sse(seed + i);
		if (has_avx())
			bad += !keep_avx(seed + i);
		if (i % 16 == 0)
			usleep(100);
	}
	return bad || !ticks;
}

static void vectors(void)
{
	pid_t child[4];
	int how;

	for (uint64_t i = 0; i < 4; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(hold(0x1234567800000000u + (i << 20)));
	}
	for (int i = 0; i < 4; i++) {
		waitpid(child[i], &how, 0);
		expect(how == 0, "vector registers", how);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	flags();
	sysenter();
	descriptors();
	odd_segments();
	held_back();
	vectors();
	printf("X86 done %d\n", wrong);
	return wrong != 0;
}
