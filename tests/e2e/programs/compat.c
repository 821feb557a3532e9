// SPDX-License-Identifier: MIT
// flags: -m32 -nostdlib -ffreestanding -fno-pic -no-pie -mno-sse
// flags: -fno-stack-protector -fcf-protection=none
//
// compat: a 32-bit program, without a C library, since none is installed for
// it. Makes system calls by INT 0x80 and by the vDSO's way, which is SYSCALL or
// SYSENTER as the processor has it; plain, single-stepped, with six arguments,
// interrupted by signals, with flags that the kernel must not have; and
// SYSENTER where the vDSO does not use it. Prints a line for each thing that is
// wrong, then "COMPAT by SYSCALL done 0", or SYSENTER or INT80, and the number
// of them.

#define SYS_exit 1
#define SYS_fork 2
#define SYS_write 4
#define SYS_getpid 20
#define SYS_kill 37
#define SYS_munmap 91
#define SYS_wait4 114
#define SYS_rt_sigaction 174
#define SYS_mmap2 192

#define SIGUSR1 10
#define SIGSEGV 11
#define SIGTRAP 5
#define SA_RESTORER 0x04000000

#define AT_SYSINFO 32

#define FLAG_TF 0x100u
#define FLAG_DF 0x400u
#define FLAG_NT 0x4000u
#define FLAG_AC 0x40000u

typedef unsigned int u32;

static u32 vdso_entry;
static int wrong;

// ----------------------------------------------------------------- the ways in

static int by_int80(int nr, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	int result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory");
	return result;
}

static int by_vdso(int nr, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	int result;

	asm volatile("call *%[entry]"
		     : "=a"(result)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d),
		       "D"(e), [entry] "m"(vdso_entry)
		     : "memory");
	return result;
}

typedef int (*way)(int nr, u32 a, u32 b, u32 c, u32 d, u32 e);

// -------------------------------------------------------------------- printing

static void say(const char *text)
{
	u32 n = 0;

	while (text[n])
		n++;
	by_int80(SYS_write, 1, (u32)text, n, 0, 0);
}

static void say_number(u32 n)
{
	char text[12];
	char *at = text + 11;

	*at = 0;
	do {
		*--at = '0' + n % 10;
		n /= 10;
	} while (n);
	say(at);
}

static void expect(int good, const char *what)
{
	if (good)
		return;
	say("COMPAT ");
	say(what);
	say("\n");
	wrong++;
}

// --------------------------------------------------------------------- signals

struct sigaction32 {
	void (*handler)(int);
	u32 flags;
	void (*restorer)(void);
	u32 mask[2];
};

static volatile int signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

void restore(void);
asm(".text; restore: pop %eax; mov $119, %eax; int $0x80"); // sigreturn

static void catch_signal(int number)
{
	struct sigaction32 action = {.handler = on_signal,
				     .flags = SA_RESTORER,
				     .restorer = restore};

	expect(by_int80(SYS_rt_sigaction, number, (u32)&action, 0, 8, 0) == 0,
	       "rt_sigaction");
}

// --------------------------------------------------------------------- stories

static void plain(way call)
{
	int pid = by_int80(SYS_getpid, 0, 0, 0, 0, 0);

	for (int i = 0; i < 2000; i++) {
		expect(call(SYS_getpid, 1, 2, 3, 4, 5) == pid, "getpid");
		expect(call(9999, 0, 0, 0, 0, 0) == -38, "unknown call");
	}
	expect(call(SYS_write, 1, 0xfffff000, 1, 0, 0) == -14, "bad address");
}

// The sixth argument is in EBP, which the vDSO's entry keeps on the stack.
static u32 map_by_int80(void)
{
	u32 at;

	asm volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp"
		     : "=a"(at)
		     : "a"(SYS_mmap2), "b"(0), "c"(8192), "d"(3), "S"(0x22),
		       "D"(-1)
		     : "memory");
	return at;
}

static u32 map_by_vdso(void)
{
	u32 at;

	asm volatile("mov %[entry], %%eax\n"
		     "push %%ebp\n"
		     "push %%eax\n"
		     "mov %[nr], %%eax\n"
		     "xor %%ebp, %%ebp\n"
		     "call *(%%esp)\n"
		     "add $4, %%esp\n"
		     "pop %%ebp\n"
		     : "=&a"(at)
		     : [entry] "m"(vdso_entry), [nr] "i"(SYS_mmap2), "b"(0),
		       "c"(8192), "d"(3), "S"(0x22), "D"(-1)
		     : "memory");
	return at;
}

static void six_arguments(u32 (*map)(void))
{
	for (int i = 0; i < 100; i++) {
		volatile u32 *p = (volatile u32 *)map();

		expect((u32)p < 0xfffff000, "mmap2");
		p[1500] = 42;
		expect(p[1500] == 42, "what was mapped");
		by_int80(SYS_munmap, (u32)p, 8192, 0, 0, 0);
	}
}

static void interrupted(way call)
{
	int pid = by_int80(SYS_getpid, 0, 0, 0, 0, 0);

	catch_signal(SIGUSR1);
	signals = 0;
	for (int i = 0; i < 500; i++)
		expect(call(SYS_kill, pid, SIGUSR1, 0, 0, 0) == 0, "kill");
	expect(signals == 500, "signals");
}

static void stepped(way call)
{
	int pid = by_int80(SYS_getpid, 0, 0, 0, 0, 0);

	catch_signal(SIGTRAP);
	for (int i = 0; i < 50; i++) {
		signals = 0;
		asm volatile("pushfl; orl $0x100, (%%esp); popfl" : : : "cc");
		expect(call(SYS_getpid, 0, 0, 0, 0, 0) == pid, "stepped");
		asm volatile("pushfl; andl $~0x100, (%%esp); popfl" : : : "cc");
		expect(signals > 5, "steps");
	}
}

// Nothing that a call came with is lost, and nothing of it gets in the way.
static void with_flags(way call)
{
	static const u32 sets[] = {
		FLAG_NT,           FLAG_AC,
		FLAG_DF,           FLAG_NT | FLAG_AC | FLAG_DF,
		FLAG_TF | FLAG_NT, FLAG_TF | FLAG_NT | FLAG_AC | FLAG_DF,
	};
	int pid = by_int80(SYS_getpid, 0, 0, 0, 0, 0);

	catch_signal(SIGTRAP);
	for (int i = 0; i < 60; i++) {
		u32 set = sets[i % 6], after;
		int result;

		signals = 0;
		asm volatile("pushfl; orl %0, (%%esp); popfl"
			     :
			     : "r"(set)
			     : "cc");
		result = call(SYS_getpid, 0, 0, 0, 0, 0);
		asm volatile("pushfl; pop %0; pushfl; andl %1, (%%esp); popfl"
			     : "=&r"(after)
			     : "i"(~(FLAG_TF | FLAG_NT | FLAG_AC | FLAG_DF))
			     : "cc", "memory");
		expect(result == pid, "a call with odd flags");
		expect((after & set) == set, "flags after a call");
		expect(!(set & FLAG_TF) || signals > 5, "steps with NT");
	}
}

static void sysenter_by_hand(u32 set, u32 stack)
{
	asm volatile("mov %1, %%ebp\n"
		     "pushfl; orl %0, (%%esp); popfl\n"
		     "sysenter\n"
		     "hlt"
		     :
		     : "r"(set), "r"(stack), "a"(SYS_getpid)
		     : "memory");
}

// The kernel finds the sixth argument where EBP points to, and returns to the
// vDSO, on that stack. The processes that do this are not heard of again, but
// everybody else is.
static void by_hand(void)
{
	static const u32 stacks[] = {0, 0xffffd000, 0xfffffffc, 0x1001};
	static const u32 sets[] = {0, FLAG_TF, FLAG_NT | FLAG_AC | FLAG_DF,
				   FLAG_TF | FLAG_NT};

	for (int i = 0; i < 16; i++) {
		int how = 0;
		int child = by_int80(SYS_fork, 0, 0, 0, 0, 0);

		if (child == 0) {
			sysenter_by_hand(sets[i / 4], stacks[i % 4]);
			by_int80(SYS_exit, 5, 0, 0, 0, 0);
		}
		by_int80(SYS_wait4, child, (u32)&how, 0, 0, 0);
		expect((how & 0x7f) != 0, "SYSENTER without a stack");
	}
}

static void forks(way call)
{
	for (int i = 0; i < 20; i++) {
		int how = -1;
		int child = call(SYS_fork, 0, 0, 0, 0, 0);

		if (child == 0)
			by_int80(SYS_exit, 5, 0, 0, 0, 0);
		expect(child > 0 && call(SYS_wait4, child, (u32)&how, 0, 0,
					 0) == child,
		       "wait");
		expect(how == 5 << 8, "the child's status");
	}
}

// ------------------------------------------------------------- which way it is

static const char *vdso_way(void)
{
	const unsigned char *code = (const unsigned char *)vdso_entry;

	for (int i = 0; i < 16; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return "SYSCALL";
		if (code[i] == 0x0f && code[i + 1] == 0x34)
			return "SYSENTER";
	}
	return "INT80";
}

static void find_vdso(const u32 *stack)
{
	const u32 *at = stack + 1 + stack[0] + 1; // arguments, null

	while (*at++) // environment
		;
	for (; at[0]; at += 2)
		if (at[0] == AT_SYSINFO)
			vdso_entry = at[1];
}

__attribute__((used)) void run(const u32 *stack);
void run(const u32 *stack)
{
	const way ways[] = {by_int80, by_vdso};

	find_vdso(stack);
	expect(vdso_entry != 0, "no vDSO");
	for (int i = 0; i < 2 && vdso_entry; i++) {
		plain(ways[i]);
		interrupted(ways[i]);
		stepped(ways[i]);
		with_flags(ways[i]);
		forks(ways[i]);
	}
	six_arguments(map_by_int80);
	six_arguments(map_by_vdso);
	by_hand();
	say("COMPAT by ");
	say(vdso_way());
	say(" done ");
	say_number((u32)wrong);
	say("\n");
	by_int80(SYS_exit, wrong != 0, 0, 0, 0, 0);
}

asm(".text; .globl _start\n"
    "_start: mov %esp, %eax; and $-16, %esp; sub $12, %esp; push %eax;"
    "call run; hlt");
