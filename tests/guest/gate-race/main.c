// SPDX-License-Identifier: MIT
//
// gate-race: one vCPU crosses the gate while its sibling pulls at all that a
// crossing leans on.
//
// A crossing behind the closed gate writes to pages that the guest can write,
// too, on a root that the guest's other vCPUs can change. What ring 0 believes
// must be out of reach of all of them, and a root must be right at any time.
//
// Provoked by two vCPUs on two processors. The first makes system calls, page
// faults, irets, refused irets and hypercalls. Meanwhile the second writes to
// the gate pages of the first one's processor, fills its own scratch page with
// garbage, announces events to the first and masks them, adds and removes level
// 4 entries of both roots, in the lower half and in the upper, exchanges and
// removes the page behind them, and loads another root and this one again.
// Variants: the modes of the gate, and none. Expected (gate.md A2 to A4, R1 to
// R3, S3): each write to the other processor's pages faults, behind the closed
// gate for want of a page (the open one shows its kernel all memory); each
// crossing arrives as it was made; the program reads what is mapped or gets a
// fault, and in the upper half always a fault; the second sees an entry at once
// that it added, and after a flush none that it removed. Where dom0 has one
// vCPU only the verdict is skip.

#include "guest.h"
#include "place.h"
#include "second.h"

/* The block of a processor, and the gate's pages in it (src/config.h). */
#define BLOCK(cpu) (0xffff808000000000UL + (cpu)*0x40000UL)
#define FIRST_GATE_PAGE 0x19
#define GATE_PAGES_END 0x40
#define SCRATCH(cpu) (BLOCK(cpu) + 0x1c000)
#define MODE_WORD 6 /* which of the guest's modes runs: its own affair */

#define LOW_SLOT 6
#define HIGH_SLOT 300
#define LOW_VA ((u64)LOW_SLOT << 39)
#define HIGH_VA (0xffff000000000000UL | (u64)HIGH_SLOT << 39)

#define ROUNDS 150 /* of the second */
#define CROSSINGS 400 /* of the first, at least */

USER_CODE(u_syscall, "syscall; ud2");
USER_CODE(u_read, "movb (%rsi), %al; ud2");

static struct va_chain chain; /* what the slots lead to */
static u64 *root, *other_root;
static void *page[2]; /* full of 'a' and 'b' */
static volatile bool stop, stopped;
static volatile u32 rounds, events;
static const char *volatile wrong; /* what the second found */
static volatile u64 wrong_va;

// ------------------------------------------------------------------ the second

struct probe {
	bool done;
	u64 error; /* of the fault, if not */
};
static volatile u64 second_error;

extern char probe_end[];

/* Reads a byte, or writes a word when value is given. One place only: the
 * end has a name, to which a fault goes. */
__attribute__((noinline)) static struct probe probe(u64 va, const u64 *value,
						    u8 *byte)
{
	u32 done = 0;
	u8 got = 0;

	asm volatile("test %3, %3; jz 1f\n"
		     "mov (%3), %%rax; mov %%rax, (%2); jmp 2f\n"
		     "1: movb (%2), %1\n"
		     "2: mov $1, %0\n"
		     ".globl probe_end\nprobe_end:"
		     : "+&r"(done), "+&q"(got)
		     : "r"(va), "r"(value)
		     : "rax", "memory", "cc");
	if (byte)
		*byte = got;
	return (struct probe){done, second_error};
}

static bool on_trap(struct regs *regs)
{
	if (on_second(regs)) {
		second_error = regs->error;
		regs->rip = (u64)probe_end;
		return true;
	}
	if (regs->vector != TRAP_EVENT)
		return false;
	vcpu_info->evtchn_upcall_pending = 0;
	events++;
	return true;
}

static void found(const char *what, u64 va)
{
	wrong_va = va;
	wrong = what;
}

static bool always_closed(void)
{
	return behind_closed_gate() && !gate_flips();
}

static void write_to_the_first(u64 round)
{
	if (behind_open_gate()) /* which trusts its kernel with all memory */
		return;
	for (u64 n = FIRST_GATE_PAGE; n < GATE_PAGES_END; n++) {
		u64 va = BLOCK(0) + n * PAGE_SIZE + round * 8 % PAGE_SIZE;
		struct probe p = probe(va, &round, NULL);

		if (p.done)
			found("wrote to the other processor's page", va);
		else if (always_closed() && p.error != PF_W)
			found("saw the other processor's page", va);
	}
}

/* It is not there in classic mode. */
static void garbage_in_scratch(u64 seed)
{
	bool there = true;

	for (u32 i = 0; i < PAGE_SIZE / 8 && there; i++) {
		u64 word = SCRATCH(0) + (seed + i) % PAGE_SIZE;

		if (i != MODE_WORD)
			there = probe(SCRATCH(1) + i * 8, &word, NULL).done;
	}
	if (always_closed() && !there)
		found("has no scratch page", SCRATCH(1));
}

static void pull_at_events(u64 round)
{
	vcpu_info->evtchn_upcall_mask = round & 1;
	vcpu_info->evtchn_upcall_pending = 1;
}

static void set_slot(u64 *table, u32 slot, bool there)
{
	u64 entry = there ? va_maddr(chain.l3) | PTE_TABLE : 0;

	if (mmu_update1(va_maddr(&table[slot]), entry))
		found("could not set an entry of level 4", slot);
}

static void look(u64 va, bool there)
{
	u8 byte;
	struct probe p = probe(va, NULL, &byte);

	if (p.done != there)
		found(there ? "does not see what it added"
			    : "sees what it removed",
		      va);
	if (p.done && byte != 'a' && byte != 'b')
		found("read something else", va);
}

static void toggle_slots(u64 round)
{
	set_slot(root, LOW_SLOT, true);
	look(LOW_VA, true);
	set_slot(root, HIGH_SLOT, true);
	look(HIGH_VA, true);
	set_slot(user_l4(), LOW_SLOT, true);
	if (round & 1)
		set_slot(user_l4(), LOW_SLOT, false);
	set_slot(root, HIGH_SLOT, false);
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	look(HIGH_VA, false);
	set_slot(root, LOW_SLOT, false);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, (void *)LOW_VA);
	look(LOW_VA, false);
	set_slot(user_l4(), LOW_SLOT, false);
}

static void exchange_page(u64 round)
{
	u64 entry = round % 3 ? va_maddr(page[round & 1]) | PTE_PAGE : 0;

	if (mmu_update1(va_maddr(&chain.l1[0]), entry))
		found("could not set an entry of level 1", entry);
	if (mmu_update1(va_maddr(&chain.l1[0]), va_maddr(page[0]) | PTE_PAGE))
		found("could not set it again", entry);
}

static void change_root(void)
{
	if (mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(other_root)) ||
	    mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(root)))
		found("could not load a root", 0);
}

static void second(void)
{
	for (u64 round = 0; !stop && !wrong; round++) {
		write_to_the_first(round);
		garbage_in_scratch(round);
		pull_at_events(round);
		toggle_slots(round);
		exchange_page(round);
		change_root();
		rounds = (u32)round;
	}
	stopped = true;
	for (;;)
		vcpu_op(VCPUOP_down, 1, NULL);
}

// ------------------------------------------------------------------- the first

static void system_call(u64 n)
{
	struct regs ctx = user_context(u_syscall), got;

	ctx.rdi = n;
	ctx.r15 = ~n;
	got = user_run(&ctx);
	expect_eq("system call", got.vector, TRAP_SYSCALL);
	expect_eq("its argument", got.rdi, n);
	expect_eq("a register", got.r15, ~n);
	expect_eq("its stack", got.rsp, ctx.rsp);
}

static void refused_iret(void)
{
	struct regs ctx = user_context(u_syscall), got;

	ctx.cs = 0x1233;
	got = user_run(&ctx);
	expect_eq("refused iret", got.vector, X86_GP);
}

/* What it gets depends on the second, but is one of two. */
static void program_reads(u64 va, bool may)
{
	struct regs ctx = user_context(u_read), got;

	ctx.rsi = va;
	got = user_run(&ctx);
	if (got.vector == X86_PF)
		check(got.error & PF_U, "0x%lx: error 0x%lx of a program", va,
		      got.error);
	else
		check(may && got.vector == X86_UD &&
			      ((u8)got.rax == 'a' || (u8)got.rax == 'b'),
		      "0x%lx: %s, read 0x%lx", va, trap_name(got.vector),
		      got.rax);
}

static void cross(u64 n)
{
	system_call(n);
	program_reads(LOW_VA, true);
	program_reads(HIGH_VA, false);
	program_reads(SCRATCH(0), false);
	refused_iret();
	hypercall_poke();
}

static void prepare(void)
{
	root = (u64 *)start_info->pt_base;
	chain_build(&chain, LOW_VA);
	for (u32 i = 0; i < 2; i++) {
		page[i] = page_alloc();
		memset(page[i], 'a' + (int)i, PAGE_SIZE);
	}
	expect_rc("page",
		  mmu_update1(va_maddr(&chain.l1[0]),
			      va_maddr(page[0]) | PTE_PAGE),
		  0);
	expect_rc("slot", mmu_update1(va_maddr(&root[LOW_SLOT]), 0), 0);
	user_init();
	other_root = page_alloc();
	boot_root_copy(other_root);
	page_make_ro(other_root);
	expect_rc("another root", pin(4, other_root), 0);
}

TEST("gate-race")
{
	u64 n = 0;

	prepare();
	trap_hook = on_trap;
	place_vcpu(0, 0);
	second_start(second);
	place_vcpu(1, 1);
	for (; (rounds < ROUNDS || n < CROSSINGS) && !wrong; n++)
		cross(n);
	stop = true;
	for (u64 end = rdtsc() + (60UL << 30); !stopped;)
		require(rdtsc() < end, "the second vCPU does not stop");
	vcpu_info->evtchn_upcall_mask = 1;
	trap_hook = NULL;
	check(!wrong, "the second vCPU %s: 0x%lx", wrong, wrong_va);
	check(events > 0, "no event arrived in between");
	say("gate-race: %lu crossings, %u rounds, %u events", n, rounds,
	    events);
	expect_rc("the other root's end", unpin(other_root), 0);
}
