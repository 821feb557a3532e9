// SPDX-License-Identifier: MIT
//
// root-race: a root that is left while its tables become something else.
//
// Behind a closed gate the root that a kernel asks for is loaded by the way out,
// and what the hypervisor does until then it does on the root before. Nobody may
// notice: neither who keeps arguments and results where the two roots differ,
// nor who takes the old root apart at that moment.
//
// Provoked by multicalls that load a root and whose list, result or further
// arguments lie in a slot that each root maps to a page of its own; then by two
// vCPUs: the first loads two roots in turn and reads what they map, the second
// unpins one of them, makes its tables writable pages as soon as it may, fills
// them with garbage, and makes them tables again. Variants: the modes of the
// gate, and none. Expected (abi.md 4.3): what comes after the new root, results
// included, is where that root has it; a root that is loaded cannot become
// writable; each load is refused or shows the right page; the second gets its
// pages, again and again. Where dom0 has one vCPU only the verdict is skip.

#include "guest.h"
#include "place.h"
#include "second.h"

#define WINDOW 0x0000050000000000UL
#define RESULT 77 /* not written yet */

#define ROUNDS 60 /* of the second */
#define LOADS 400 /* of the first, at least */

enum level { L1, L2, L3, L4, LEVELS };

struct space {
	u64 *table[LEVELS];
	u64 *data; /* what WINDOW is there; its first word says whose it is */
};

static struct space a, b;
static volatile bool stop, stopped;
static volatile u32 rounds;
static const char *volatile wrong; /* what the second found */

// ---------------------------------------------------------------------- spaces

static void fill_tables(struct space *s)
{
	for (u32 i = L1; i < LEVELS; i++)
		memset(s->table[i], 0, PAGE_SIZE);
	boot_root_copy(s->table[L4]);
	s->table[L1][0] = va_maddr(s->data) | PTE_PAGE;
	s->table[L2][0] = va_maddr(s->table[L1]) | PTE_TABLE;
	s->table[L3][0] = va_maddr(s->table[L2]) | PTE_TABLE;
	s->table[L4][WINDOW >> 39] = va_maddr(s->table[L3]) | PTE_TABLE;
}

static void space_make(struct space *s, u64 word)
{
	s->data = page_alloc();
	s->data[0] = word;
	for (u32 i = L1; i < LEVELS; i++)
		s->table[i] = page_alloc();
	fill_tables(s);
	for (u32 i = L1; i < LEVELS; i++)
		page_make_ro(s->table[i]);
	expect_rc("pin", pin(4, s->table[L4]), 0);
}

/* Loads s by the only entry of a multicall; the entry's result. */
static long load_by(struct multicall_entry *list, const struct space *s)
{
	static struct mmuext_op op;

	op.cmd = MMUEXT_NEW_BASEPTR;
	op.arg1.mfn = va_mfn(s->table[L4]);
	*list = (struct multicall_entry){
		.op = __HYPERVISOR_mmuext_op,
		.result = RESULT,
		.args = {(u64)&op, 1, 0, DOMID_SELF},
	};
	expect_rc("multicall", multicall(list, 1), 0);
	return (long)list->result;
}

static long load(const struct space *s)
{
	static struct multicall_entry list;

	return load_by(&list, s);
}

static u64 in_window(void)
{
	return *(volatile u64 *)WINDOW;
}

// ------------------------------------------------- where the two roots differ

static void result_is_in_the_new_space(const struct space *from,
				       const struct space *to)
{
	const u32 word = 64;
	struct multicall_entry *there = (void *)(to->data + word);
	struct multicall_entry *here = (void *)(from->data + word);

	expect_rc("load", load(from), 0);
	there->result = RESULT;
	expect_rc("result behind the window",
		  load_by((void *)(WINDOW + word * 8), to), 0);
	expect_eq("window", in_window(), to->data[0]);
	expect_eq("result in the new space", there->result, 0);
	expect_eq("result in the old space", here->result, RESULT);
}

/* The call behind the one that loads takes its list from the new space. */
static void arguments_are_from_the_new_space(const struct space *from,
					     const struct space *to, bool good)
{
	const u32 word = 128;
	struct mmuext_op *there = (void *)(to->data + word);
	struct mmuext_op *here = (void *)(from->data + word);
	struct mmuext_op op = {.cmd = MMUEXT_NEW_BASEPTR,
			       .arg1.mfn = va_mfn(to->table[L4])};
	struct multicall_entry list[] = {
		{.op = __HYPERVISOR_mmuext_op,
		 .args = {(u64)&op, 1, 0, DOMID_SELF}},
		{.op = __HYPERVISOR_mmuext_op,
		 .args = {WINDOW + word * 8, 1, 0, DOMID_SELF}},
	};

	expect_rc("load", load(from), 0);
	there->cmd = good ? MMUEXT_TLB_FLUSH_LOCAL : 99;
	here->cmd = good ? 99 : MMUEXT_TLB_FLUSH_LOCAL;
	expect_rc("multicall", multicall(list, 2), 0);
	expect_rc("load in it", (long)list[0].result, 0);
	if (good)
		expect_rc("flush behind it", (long)list[1].result, 0);
	else
		expect_refused("nonsense behind it", (long)list[1].result);
}

static void the_same_root(void)
{
	expect_rc("load", load(&a), 0);
	expect_rc("load it again", load(&a), 0);
	expect_eq("window", in_window(), 1);
}

// ------------------------------------------------------------------ the second

/* 0 when the table is an ordinary page then. */
static long make_writable(u64 *table)
{
	return update_va_mapping(table, va_maddr(table) | PTE_PAGE,
				 UVMF_TLB_FLUSH | UVMF_ALL);
}

static bool took_apart(struct space *s)
{
	for (u32 i = LEVELS; i-- > L1;)
		while (make_writable(s->table[i]))
			if (stop)
				return false;
	for (u32 i = L1; i < LEVELS; i++)
		memset(s->table[i], 0x6d, PAGE_SIZE);
	return true;
}

static void put_together(struct space *s)
{
	fill_tables(s);
	for (u32 i = L1; i < LEVELS; i++)
		page_make_ro(s->table[i]);
	if (pin(4, s->table[L4]))
		wrong = "could not pin the root again";
}

static void second(void)
{
	while (!stop && !wrong) {
		if (unpin(b.table[L4]))
			wrong = "could not unpin the root";
		if (took_apart(&b)) {
			put_together(&b);
			rounds++;
		}
	}
	stopped = true;
	for (;;)
		vcpu_op(VCPUOP_down, 1, NULL);
}

// ------------------------------------------------------------------- the first

/* The second root may just not be one. */
static void load_both(u32 *both)
{
	if (load(&b) == 0) {
		++*both;
		expect_eq("window of the second", in_window(), 2);
		expect_rc("the way back", load(&a), 0);
	}
	expect_eq("window of the first", in_window(), 1);
}

static void race(void)
{
	u64 end = rdtsc() + (60UL << 30);
	u32 loads = 0, both = 0;

	expect_rc("load", load(&a), 0);
	place_vcpu(0, 0);
	second_start(second);
	place_vcpu(1, 1);
	for (; (rounds < ROUNDS || loads < LOADS) && !wrong; loads++) {
		load_both(&both);
		require(rdtsc() < end, "%u rounds only", rounds);
	}
	stop = true;
	while (!stopped)
		require(rdtsc() < end, "the second vCPU does not stop");
	check(!wrong, "the second vCPU %s", wrong);
	check(both > 0, "the second root was never loaded");
	say("root-race: %u loads, %u of both, %u rounds", loads, both, rounds);
}

TEST("root-race")
{
	space_make(&a, 1);
	space_make(&b, 2);
	result_is_in_the_new_space(&a, &b);
	result_is_in_the_new_space(&b, &a);
	arguments_are_from_the_new_space(&a, &b, true);
	arguments_are_from_the_new_space(&b, &a, false);
	the_same_root();
	race();
	expect_rc("boot root",
		  mmuext1(MMUEXT_NEW_BASEPTR,
			  va_mfn((void *)start_info->pt_base)),
		  0);
	expect_rc("unpin", unpin(a.table[L4]), 0);
}
