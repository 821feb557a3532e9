// SPDX-License-Identifier: MIT
//
// preempt: a validation too long for one go.
//
// A pin of a root looks at everything below it, which may be a million entries.
// The hypervisor must let interrupts in on the way and go on where it was; when
// it is interrupted the tables are half validated, and that state must neither
// be lost nor be taken for the whole.
//
// Provoked by pinning and unpinning an L4 over 300 full L1 tables, with a timer
// that keeps firing, alone and as one operation of a batch; with a bad entry in
// the very last table; and by taking a part away in between. Expected (abi.md
// 1, 4.1): results, counts and read-only state as for a short one; timer events
// still come; the bad entry is found, and everything before it released.

#include "guest.h"

#define TABLES 300

static u64 *l4, *l3, *l2, *l1[TABLES];
static u32 timer_port;

static void make_tables(void)
{
	u64 entry = va_maddr(page_alloc()) | PTE_RO;

	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	for (u32 i = 0; i < TABLES; i++) {
		l1[i] = page_alloc();
		for (u32 n = 0; n < 512; n++)
			l1[i][n] = entry;
		page_make_ro(l1[i]);
		l2[i] = va_maddr(l1[i]) | PTE_TABLE;
	}
	l3[0] = va_maddr(l2) | PTE_TABLE;
	l4[0] = va_maddr(l3) | PTE_TABLE;
	page_make_ro(l2);
	page_make_ro(l3);
	page_make_ro(l4);
}

static void set_timer(u64 in_ns)
{
	struct vcpu_set_singleshot_timer timer = {now_ns() + in_ns, 0};

	vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
}

static bool all_are(bool tables)
{
	for (u32 i = 0; i < TABLES; i += 23) {
		long rc = update_va_mapping(l1[i], va_maddr(l1[i]) | PTE_PAGE,
					    UVMF_INVLPG);
		if (rc == 0)
			page_make_ro(l1[i]);
		if ((rc != 0) != tables)
			return false;
	}
	return true;
}

static void pin_and_unpin(void)
{
	u32 before = event_count[timer_port];

	events_unmask();
	for (u32 i = 0; i < 4; i++) {
		set_timer(100000);
		expect_rc("pin", pin(4, l4), 0);
		check(all_are(true), "a table is writable after the pin");
		set_timer(100000);
		expect_rc("unpin", unpin(l4), 0);
		check(all_are(false), "a table is left after the unpin");
	}
	u64 limit = now_ns() + 10000 * MS;
	while (event_count[timer_port] == before && now_ns() < limit)
		hypercall_poke();
	events_mask();
	check(event_count[timer_port] > before, "the timer did not come");
}

static void in_a_batch(void)
{
	struct mmuext_op ops[4] = {
		{.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = va_mfn(l4)},
		{.cmd = MMUEXT_TLB_FLUSH_LOCAL},
		{.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_mfn(l4)},
		{.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = va_mfn(l4)},
	};
	struct multicall_entry call = {
		.op = __HYPERVISOR_mmuext_op,
		.args = {(u64)&ops[2], 2, 0, DOMID_SELF},
	};
	u32 done = 0;

	events_unmask();
	set_timer(100000);
	expect_rc("batch", mmuext_op_dom(ops, 2, &done, DOMID_SELF), 0);
	expect_eq("done", done, 2);
	set_timer(100000);
	call.args[2] = (u64)&done;
	done = 0;
	expect_rc("multicall", multicall(&call, 1), 0);
	expect_eq("result", call.result, 0);
	expect_eq("done", done, 2);
	check(all_are(true), "a table is writable after the batch");
	expect_rc("unpin", unpin(l4), 0);
	events_mask();
}

static void bad_at_the_end(void)
{
	u64 *last = l1[TABLES - 1];

	page_make_rw(last);
	last[511] = va_maddr(l4) | PTE_PAGE;
	page_make_ro(last);
	set_timer(100000);
	expect_refused("pin with a bad last entry", pin(4, l4));
	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0);
	check(all_are(false), "a table is left after the refusal");
	page_make_rw(last);
	last[511] = 0;
	page_make_ro(last);
	expect_rc("pin without it", pin(4, l4), 0);
}

/* The pinned tree loses its L3, and with it 300 tables, by one update. */
static void unlink(void)
{
	set_timer(100000);
	expect_rc("unlink", mmu_update1(va_maddr(&l4[0]), 0), 0);
	check(all_are(false), "a table is left after the unlink");
	set_timer(100000);
	expect_rc("link",
		  mmu_update1(va_maddr(&l4[0]), va_maddr(l3) | PTE_TABLE), 0);
	check(all_are(true), "a table is writable after the link");
	expect_rc("unpin", unpin(l4), 0);
	check(all_are(false), "a table is left at the end");
}

TEST("preempt")
{
	timer_port = port_bind_virq(VIRQ_TIMER);
	make_tables();
	pin_and_unpin();
	in_a_batch();
	bad_at_the_end();
	unlink();
}
