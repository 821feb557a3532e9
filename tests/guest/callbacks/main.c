// SPDX-License-Identifier: MIT
//
// callbacks: registering entry points, and the trap table.
//
// The addresses given here are where the hypervisor sends the guest kernel for
// the rest of its life, so bad ones are refused at once or end in the guest's
// own fault, never in the hypervisor's.
//
// Provoked by callback_op, set_callbacks, set_trap_table and nmi_op with good
// and bad arguments. Expected (abi.md 3.1, 4.6): addresses that are not
// canonical are refused; unknown types are -ENOSYS or -EINVAL; events, failsafe
// and syscall cannot be taken back; a trap table merges into the old one; a
// null pointer clears it; entries of an array up to the bad one count.

#include "guest.h"

extern char entry_event[], entry_failsafe[], entry_syscall[];

static long reg(u16 type, u64 address)
{
	struct callback_register r = {type, 0, address};

	return callback_op(CALLBACKOP_register, &r);
}

static long unreg(u16 type)
{
	struct callback_unregister r = {.type = type};

	return callback_op(CALLBACKOP_unregister, &r);
}

static void types(void)
{
	const u64 bad = 0x8000000000000000UL;

	expect_rc("event", reg(CALLBACKTYPE_event, (u64)entry_event), 0);
	expect_rc("bad address", reg(CALLBACKTYPE_event, bad), -XEN_EINVAL);
	expect_rc("bad address", reg(CALLBACKTYPE_syscall, bad), -XEN_EINVAL);
	long rc = reg(99, (u64)entry_event);
	check(rc == -XEN_ENOSYS || rc == -XEN_EINVAL, "type 99: %ld", rc);
	expect_rc("unregister event", unreg(CALLBACKTYPE_event), -XEN_EINVAL);
	expect_rc("unregister failsafe", unreg(CALLBACKTYPE_failsafe),
		  -XEN_EINVAL);
	expect_rc("unregister syscall", unreg(CALLBACKTYPE_syscall),
		  -XEN_EINVAL);
	expect_rc("bad pointer",
		  callback_op(CALLBACKOP_register, (void *)0x1000),
		  -XEN_EFAULT);
}

/* The oldest form of the call: event, failsafe, syscall addresses. */
static void old_form(void)
{
	expect_rc("set_callbacks",
		  HCALL(set_callbacks, entry_event, entry_failsafe,
			entry_syscall, 0),
		  0);
}

static u32 merged_hits;

static bool count_breakpoints(struct regs *regs)
{
	merged_hits += regs->vector == X86_BP;
	return regs->vector == X86_BP;
}

static void table_merges(void)
{
	trap_hook = count_breakpoints;
	expect_rc("one entry", trap_set(X86_OF, 3, trap_stub(X86_OF)), 0);
	asm volatile("int3");
	expect_eq("int3 after a merge", merged_hits, 1);

	/* A list that ends in unreadable memory, after a good entry. */
	struct trap_info *end =
		(struct trap_info *)((u64)page_alloc() + PAGE_SIZE) - 1;
	char *hole = page_alloc();
	require((u64)hole == (u64)(end + 1), "pages are not neighbours");
	update_va_mapping(hole, 0, UVMF_INVLPG);
	*end = (struct trap_info){X86_UD, 0, FLAT_KERNEL_CS, trap_stub(X86_BP)};
	expect_rc("list with a hole", set_trap_table(end), -XEN_EFAULT);
	page_make_rw(hole);
	trap_set(X86_UD, 0, trap_stub(X86_UD));
	trap_hook = NULL;
}

static void bad_entries(void)
{
	struct trap_info list[2] = {
		{40, 0, FLAT_KERNEL_CS, 0x8000000000000000UL},
		{0},
	};

	long rc = set_trap_table(list);
	check(rc == 0 || rc == -XEN_EINVAL, "bad handler address: %ld", rc);
	expect_rc("bad pointer", set_trap_table((void *)0x1000), -XEN_EFAULT);
}

static void cleared(void)
{
	expect_rc("clear", set_trap_table(NULL), 0);
	trap_init();
	TRY("ud2", :);
	expect_fault("ud2 after a new table", X86_UD, 0);
}

TEST("callbacks")
{
	types();
	old_form();
	table_merges();
	bad_entries();
	cleared();
}
