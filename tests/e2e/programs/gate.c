// SPDX-License-Identifier: MIT
//
// gate: what a program sees of the border to its kernel, whichever ring that
// runs in. Prints a line for each thing that is not as on bare hardware, then
// "GATE done N" with their number. The word m2p-shown allows it to read the M2P,
// which classic mode shows to everybody.

#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOT_SHIFT 39
#define UPPER 0xffff000000000000ul
#define KERNEL_TEXT 0xffffffff81000000ul
#define M2P 0xffff800000000000ul

static int wrong;
static bool m2p_shown; // programs may read the M2P, as in classic mode
static sigjmp_buf back;

static void expect(bool good, const char *what, long number)
{
	if (good)
		return;
	printf("GATE %s: %ld\n", what, number);
	__atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
}

static void on_fault(int signal)
{
	siglongjmp(back, signal);
}

static void catch (int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler,
				   .sa_flags = SA_NODEFER};

	sigaction(signal, &action, NULL);
}

static bool can_read(uintptr_t address)
{
	if (sigsetjmp(back, 1))
		return false;
	*(volatile char *)address;
	return true;
}

static bool can_write(uintptr_t address)
{
	if (sigsetjmp(back, 1))
		return false;
	*(volatile char *)address = 0;
	return true;
}

static bool can_jump(uintptr_t address)
{
	if (sigsetjmp(back, 1))
		return false;
	((void (*)(void))address)();
	return true;
}

static void upper_half(void)
{
	static const uintptr_t special[] = {KERNEL_TEXT, M2P,
					    0xffffffffff600000ul};

	catch (SIGSEGV, on_fault);
	for (uintptr_t slot = 256; slot < 512; slot++)
		for (uintptr_t page = 0; page < 2; page++) {
			uintptr_t at = UPPER | slot << SLOT_SHIFT | page << 12;

			expect(!can_read(at) ||
				       (m2p_shown && at >> 13 == M2P >> 13),
			       "readable slot", (long)slot);
			expect(!can_write(at), "writable slot", (long)slot);
		}
	for (int i = 0; i < 3; i++) {
		expect(!can_read(special[i]) ||
			       (m2p_shown && special[i] == M2P),
		       "readable", i);
		expect(!can_write(special[i]), "writable", i);
		expect(!can_jump(special[i]), "executable", i);
	}
	catch (SIGSEGV, SIG_DFL);
}

static volatile int signals;

// Changes a register that the kernel has to bring back.
static void on_signal(int signal)
{
	static const double other[2] = {1, 2};

	(void)signal;
	signals++;
	asm volatile("movups %0, %%xmm5" : : "m"(other) : "xmm5");
}

static void registers_live(void)
{
	static const uint64_t mine[2] = {0x1122334455667788, 42};
	uint64_t after[2];
	long pid = getpid();

	catch (SIGUSR1, on_signal);
	for (int i = 0; i < 1000; i++) {
		long result = SYS_kill;

		asm volatile("movups %2, %%xmm5\n"
			     "syscall\n"
			     "movups %%xmm5, %1\n"
			     : "+a"(result), "=m"(after)
			     : "m"(mine), "D"(pid), "S"(SIGUSR1)
			     : "rcx", "r11", "xmm5", "memory");
		expect(result == 0, "kill", result);
		expect(!memcmp(mine, after, sizeof(mine)), "xmm5", i);
	}
	expect(signals == 1000, "signals", signals);
}

// A step for each instruction, system calls by both doors among them.
static void single_steps(void)
{
	catch (SIGTRAP, on_signal);
	signals = 0;
	asm volatile("int3");
	expect(signals == 1, "int3", signals);
	signals = 0;
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
		     "nop\n"
		     "mov $39, %%eax; syscall\n"
		     "mov $20, %%eax; int $0x80\n"
		     "pushfq; andl $~0x100, (%%rsp); popfq\n"
		     :
		     :
		     : "rax", "rcx", "r11", "cc", "memory");
	// Processors and emulators differ in what follows SYSCALL and POPF.
	expect(signals >= 5 && signals <= 9, "steps", signals);
}

static void stepped_child(void)
{
	struct user_regs_struct r;
	long steps = 0;
	int status;
	pid_t child = fork();

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (int i = 0; i < 50; i++)
			syscall(SYS_getppid);
		_exit(7);
	}
	for (;;) {
		waitpid(child, &status, 0);
		if (!WIFSTOPPED(status))
			break;
		ptrace(PTRACE_GETREGS, child, 0, &r);
		expect(r.cs == 0x33 && r.ss == 0x2b, "traced cs", (long)r.cs);
		ptrace(PTRACE_SINGLESTEP, child, 0, 0);
		steps++;
	}
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 7, "child", status);
	expect(steps > 200, "steps of the child", steps);
}

// Each page is the only one of its level 4 entry: both roots change with it.
static void *map_slots(void *first)
{
	for (int round = 0; round < 5; round++)
		for (uintptr_t slot = (uintptr_t)first; slot < 128; slot += 4) {
			void *at = (void *)(slot << SLOT_SHIFT);
			long *page = mmap(
				at, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

			expect(page == at, "mmap of slot", (long)slot);
			*page = (long)slot;
			expect(*(volatile long *)page == (long)slot,
			       "word in slot", (long)slot);
			munmap(page, 4096);
		}
	return NULL;
}

static void many_slots(void)
{
	pthread_t thread[4];

	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, map_slots, (void *)(8 + i));
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	catch (SIGSEGV, on_fault);
	expect(!can_read((uintptr_t)77 << SLOT_SHIFT), "readable after munmap",
	       77);
}

int main(int argc, char **argv)
{
	m2p_shown = argc > 1 && !strcmp(argv[1], "m2p-shown");
	upper_half();
	registers_live();
	single_steps();
	stepped_child();
	many_slots();
	printf("GATE done %d\n", wrong);
	return wrong != 0;
}
