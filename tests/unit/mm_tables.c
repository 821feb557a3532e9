// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// Whole page tables: pinning, what is refused, what is held meanwhile, being
// interrupted at every step, and that nothing is left afterwards. The auditor
// looks after each test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "mm/tlb.h"
#include "space.h"

static struct domain *d0, *d1;
static struct fake_space s;

static int setup(void **state)
{
	fake_memory_init();
	d0 = fake_domain(0, 1000);
	d1 = fake_domain(1, 2000);
	s = fake_space(d1);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(mm_audit(), 0);
	return 0;
}

static enum frame_type type_of(u64 mfn)
{
	return frame_type_of(mfn_frame(MFN(mfn)));
}

static u32 uses(u64 mfn)
{
	return mfn_frame(MFN(mfn))->type & FT_COUNT_MASK;
}

static i64 pin(u32 level, u64 mfn)
{
	return fake_mmuext(s.v, MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0);
}

static i64 unpin(u64 mfn)
{
	return fake_mmuext(s.v, MMUEXT_UNPIN_TABLE, mfn, 0);
}

static void pin_and_unpin_l1(void **state)
{
	fake_words(s.l1)[100] = 0x123456 << 1; // not present: anything goes
	fake_words(s.l1)[101] = entry_of(s.data[0], PTE_P);
	assert_int_equal(pin(1, s.l1), 0);
	assert_int_equal(type_of(s.l1), TYPE_L1);
	assert_int_equal(type_of(s.data[0]), TYPE_WRITABLE);
	assert_int_equal(uses(s.data[0]), 1);
	assert_int_equal(mfn_frame(MFN(s.data[0]))->ref & REF_COUNT_MASK, 3);
	assert_int_equal(fake_words(s.l1)[101] & PTE_US, PTE_US);
	assert_int_equal(fake_words(s.l1)[100], 0x123456 << 1);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(pin(1, s.l1), -EINVAL); // pinned already
	assert_int_equal(pin(2, s.l1), -EINVAL); // another type
	assert_int_equal(unpin(s.l1), 0);
	assert_int_equal(unpin(s.l1), -EINVAL);
	assert_int_equal(uses(s.data[0]), 0);
}

static void pin_a_whole_tree(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(type_of(s.l3), TYPE_L3);
	assert_int_equal(type_of(s.l2), TYPE_L2);
	assert_int_equal(type_of(s.l1), TYPE_L1);
	assert_int_equal(uses(s.data[3]), 1);
	assert_true(fake_words(s.l4)[256] != 0); // our slots
	assert_true(fake_words(s.l4)[271] != 0);
	assert_int_equal(fake_words(s.l4)[272], 0);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(pin(1, s.l1), 0); // a second user
	assert_int_equal(uses(s.l1), 2);
	assert_int_equal(unpin(s.l4), 0);
	assert_int_equal(uses(s.l2), 0);
	assert_int_equal(uses(s.l1), 1);
	assert_int_equal(unpin(s.l1), 0);
}

static void forced_bits(void **state)
{
	fake_words(s.l4)[0] = entry_of(s.l3, PTE_P);
	fake_words(s.l3)[0] = entry_of(s.l2, PTE_P);
	fake_words(s.l2)[0] = entry_of(s.l1, PTE_P);
	fake_words(s.l4)[300] = entry_of(s.l3, PTE_P | PTE_NX);
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(fake_words(s.l4)[0],
			 entry_of(s.l3, PTE_P | PTE_US | PTE_A));
	assert_int_equal(fake_words(s.l3)[0], entry_of(s.l2, PTE_P | PTE_US));
	assert_int_equal(fake_words(s.l2)[0], entry_of(s.l1, PTE_P | PTE_US));
	assert_int_equal(uses(s.l3), 2);
	assert_int_equal(unpin(s.l4), 0);
}

// Our L4 slots are ignored, whatever the guest left in them.
static void reserved_slots(void **state)
{
	for (u32 i = 256; i < 272; i++)
		fake_words(s.l4)[i] = ~0ull;
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_not_equal(fake_words(s.l4)[256], ~0ull);
	assert_int_equal(unpin(s.l4), 0);
	fake_words(s.l4)[255] = ~0ull;
	assert_int_equal(pin(4, s.l4), -EINVAL);
	fake_words(s.l4)[255] = 0;
	fake_words(s.l4)[272] = ~0ull;
	assert_int_equal(pin(4, s.l4), -EINVAL);
}

// Each bad entry makes the pin fail and leaves nothing behind.
static void bad_contents(void **state)
{
	struct fake_space other = fake_space(d0);
	const struct {
		u64 table;
		u64 value;
		i64 rc;
	} bad[] = {
		{s.l1, entry_of(s.data[0], E_RW | PTE_G), -EINVAL},
		{s.l1, entry_of(BIT(40 - 12), E_RO), -EINVAL}, // address
		{s.l1, entry_of(s.data[0], E_RO | PTE_PCD), -EINVAL},
		{s.l1, entry_of(s.l1, E_RW), -EBUSY},
		{s.l1, entry_of(s.l2, E_RW), -EBUSY},
		{s.l1, entry_of(s.l4, E_RW), -EBUSY},
		{s.l1, entry_of(other.data[0], E_RO), -EPERM},
		{s.l1, entry_of(0x150, E_RO), -EPERM}, // the hypervisor's
		{s.l1, entry_of(FAKE_END + 7, E_RO), -EPERM}, // a device
		{s.l2, entry_of(s.l1, E_RW | PTE_PSE), -EINVAL},
		{s.l2, entry_of(s.l1, E_RW | PTE_PCD), -EINVAL},
		{s.l2, entry_of(s.l2, E_RO), -EINVAL},
		{s.l2, entry_of(s.l3, E_RO), -EINVAL},
		{s.l2, entry_of(other.l1, E_RO), -EPERM},
		{s.l2, entry_of(FAKE_END + 7, E_RO), -EPERM},
		{s.l3, entry_of(s.l3, E_RO), -EINVAL},
		{s.l3, entry_of(s.l1, E_RO), -EINVAL},
		{s.l4, entry_of(s.l4, E_RW), -EINVAL},
		{s.l4, entry_of(s.l2, E_RO), -EINVAL},
		{s.l4, entry_of(s.l3, E_RO | PTE_PWT), -EINVAL},
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_words(bad[i].table)[500] = bad[i].value;
		assert_int_equal(pin(4, s.l4), bad[i].rc);
		assert_int_equal(uses(s.l4), 0);
		assert_int_equal(uses(s.l1), 0);
		assert_int_equal(uses(s.data[0]), 0);
		assert_int_equal(fake_words(bad[i].table)[500], bad[i].value);
		assert_int_equal(mm_audit(), 0);
		fake_words(bad[i].table)[500] = 0;
	}
	assert_int_equal(pin(4, s.l4), 0);
}

static void no_nx_no_entry(void **state)
{
	fake_words(s.l1)[9] = entry_of(s.data[0], E_RO | PTE_NX);
	cpu_features.nx = false;
	assert_int_equal(pin(1, s.l1), -EINVAL);
	cpu_features.nx = true;
	assert_int_equal(pin(1, s.l1), 0);
}

static void writable_frames_do_not_become_tables(void **state)
{
	struct fake_space t = fake_space(d1);

	fake_words(t.l1)[7] = entry_of(s.l1, E_RW);
	assert_int_equal(pin(1, t.l1), 0);
	assert_int_equal(pin(1, s.l1), -EINVAL);
	assert_int_equal(pin(4, s.l4), -EINVAL);
	assert_int_equal(fake_update(s.v, t.l1, 7, entry_of(s.l1, E_RO)), 0);
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(fake_update(s.v, t.l1, 7, entry_of(s.l1, E_RW)),
			 -EBUSY);
	assert_int_equal(fake_words(t.l1)[7], entry_of(s.l1, E_RO));
}

static void an_l4_may_show_itself(void **state)
{
	fake_words(s.l4)[4] = entry_of(s.l4, PTE_P | PTE_US | PTE_A);
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(uses(s.l4), 1);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(fake_update(s.v, s.l4, 4, entry_of(s.l4, E_RW)),
			 -EINVAL);
	assert_int_equal(fake_update(s.v, s.l4, 4, 0), 0);
	assert_int_equal(fake_update(s.v, s.l4, 5, entry_of(s.l4, E_RO)), 0);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unpin(s.l4), 0);
}

// Many tables, so that there is something to interrupt.
static void grow(u32 nr_l1)
{
	for (u32 i = 1; i <= nr_l1; i++) {
		u64 l1 = fake_frame(d1);

		fake_words(s.l2)[i] = entry_of(l1, E_RW);
		for (u32 j = 0; j < ENTRIES; j++)
			fake_words(l1)[j] = entry_of(s.data[j % 4], E_RW);
	}
}

static void interrupted_at_times(void **state)
{
	grow(40);
	assert_int_equal(pin(4, s.l4), 0);
	assert_true(fake_restarts >= 4);
	assert_int_equal(uses(s.data[0]), 40 * 128 + 1);
	assert_int_equal(unpin(s.l4), 0);
	assert_true(fake_restarts >= 4);
	assert_int_equal(uses(s.data[0]), 0);
	assert_int_equal(uses(s.l2), 0);
}

static void interrupted_at_every_step(void **state)
{
	grow(100);
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(pin(4, s.l4), 0);
	assert_true(fake_restarts > 100);
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(unpin(s.l4), 0);
	assert_int_equal(fake_restarts, 100); // nothing is left after the last
}

static i64 begin(u32 cmd, u64 mfn, u32 work, bool *restart)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};
	struct hcall h = {.arg = {gva_of(&op), 1, 0, DOMID_SELF}};
	i64 rc;

	cpu_this()->work = work;
	rc = hc_mmuext_op(s.v, &h);
	*restart = h.restart;
	return rc;
}

// Whatever a guest does instead of going on, the counts stay right.
static void left_half_done(void **state)
{
	bool restart;

	grow(40);
	for (u32 i = 0; i < 3; i++) {
		(void)begin(MMUEXT_PIN_L4_TABLE, s.l4, 0, &restart);
		assert_true(restart);
		assert_int_equal(mm_audit(), 0);
		assert_int_equal(uses(s.l4), 0);
		assert_int_equal(pin(3, s.l4), -EINVAL); // half an L4
		assert_int_equal(pin(1, s.l4), -EINVAL);
	}
	assert_int_equal(fake_update(s.v, s.l4, 9, 0), -EINVAL);
	assert_int_equal(pin(4, s.l4), 0);
	(void)begin(MMUEXT_UNPIN_TABLE, s.l4, 0, &restart);
	assert_true(restart);
	assert_true(undo_pending(s.v));
	assert_int_equal(mm_audit(), 0);
	assert_int_equal(fake_update(s.v, s.data[0], 0, 5), 0);
	assert_false(undo_pending(s.v)); // finished before anything else
	assert_int_equal(uses(s.l1), 0);
	(void)begin(MMUEXT_PIN_L4_TABLE, s.l4, 0, &restart);
	assert_true(restart); // left for relinquish
	while (domain_relinquish_memory(d1))
		cpu_this()->work = 0;
	assert_int_equal(d1->tot_pages, 0);
}

// A bad entry behind a lot of good ones: undoing is interrupted as well.
static void failure_interrupted(void **state)
{
	grow(20);
	fake_words(s.l2)[511] = entry_of(s.l4, E_RO);
	assert_int_equal(pin(4, s.l4), -EINVAL);
	assert_int_equal(uses(s.l2), 0);
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(pin(4, s.l4), -EINVAL);
	assert_int_equal(uses(s.l2), 0);
	assert_int_equal(uses(s.data[0]), 0);
	fake_words(s.l2)[511] = 0;
	assert_int_equal(pin(4, s.l4), 0);
}

static void death(void **state)
{
	u64 free_before = heap_free_frames();
	struct domain *d = fake_domain(2, 300);

	s = fake_space(d);
	grow(0);
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(pin(1, s.l1), 0);
	assert_int_equal(root_get(d, MFN(s.l4)), 0);
	d->vcpu[0]->kernel_root = MFN(s.l4);
	d->memory_map = kalloc(100);
	// The control domain still maps a frame.
	assert_true(frame_get(MFN(s.data[0]), 2));
	assert_int_equal(root_put(d, MFN(s.l4)), 0);
	d->vcpu[0]->kernel_root = MFN_NONE;
	while (domain_relinquish_memory(d))
		cpu_this()->work = 0;
	assert_int_equal(d->tot_pages, 1);
	frame_put(MFN(s.data[0]));
	assert_int_equal(d->tot_pages, 0);
	assert_int_equal(heap_free_frames(), free_before - 1); // d->shared
}

static void death_of_a_large_domain(void **state)
{
	grow(60);
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(pin(4, s.l4), 0);
	for (u32 n = 0; domain_relinquish_memory(d1); n++) {
		cpu_this()->work = fake_work;
		if (n % 97 == 0)
			assert_int_equal(mm_audit(), 0);
	}
	assert_int_equal(d1->tot_pages, 0);
}

static void descriptor_pages(void **state)
{
	fake_words(s.data[0])[3] = 1;
	assert_int_equal(frame_get_type(MFN(s.data[0]), TYPE_DESC, d1), 0);
	assert_int_equal(fake_words(s.data[0])[3], BIT(40) | 1);
	assert_int_equal(fake_words(s.data[0])[4], 0);
	assert_int_equal(frame_get_type(MFN(s.data[0]), TYPE_WRITABLE, d1),
			 -EINVAL);
	assert_int_equal(pin(1, s.l1), -EBUSY); // maps it writable
	frame_put_type(MFN(s.data[0]));
	fake_bad_descriptor = 100;
	assert_int_equal(frame_get_type(MFN(s.data[0]), TYPE_DESC, d1),
			 -EINVAL);
	assert_int_equal(uses(s.data[0]), 0);
	assert_int_equal(frame_get_type(MFN(s.data[0]), TYPE_DESC, d0), -EPERM);
}

static void shared_pages(void **state)
{
	u64 shared = d1->shared_mfn.n;

	fake_words(s.l1)[9] = entry_of(shared, E_RW);
	assert_int_equal(pin(1, s.l1), 0);
	assert_int_equal(uses(shared), 1);
	assert_int_equal(
		fake_update(s.v, s.l1, 10, entry_of(d0->shared_mfn.n, E_RW)),
		-EPERM);
	assert_int_equal(frame_get_type(MFN(shared), TYPE_WRITABLE, d1), 0);
	frame_put_type(MFN(shared));
	assert_int_equal(frame_get_type(MFN(shared), TYPE_L1, d1), -EPERM);
	page_free(d1->shared); // the guest's mapping keeps it
	assert_int_equal(mfn_frame(MFN(shared))->ref & REF_COUNT_MASK, 1);
	mfn_frame(MFN(shared))->ref &= ~REF_ALLOCATED;
	assert_int_equal(fake_update(s.v, s.l1, 9, 0), 0);
	assert_int_equal(mfn_frame(MFN(shared))->owner, OWNER_FREE);
}

// A change of type flushes the processors that may remember the old one.
static void stale_translations(void **state)
{
	cpu_this()->cr3 = 0x5000;
	assert_int_equal(pin(4, s.l4), 0);
	fake_cr3_writes = 0;
	// Writable to table.
	assert_int_equal(fake_update(s.v, s.l1, 0, 0), 0);
	assert_int_equal(pin(1, s.data[0]), 0);
	assert_int_equal(fake_cr3_writes, 1);
	// The same type again, or nothing before: no flush.
	assert_int_equal(unpin(s.data[0]), 0);
	assert_int_equal(pin(1, s.data[0]), 0);
	assert_int_equal(fake_cr3_writes, 1);
	// Flushed for another reason since.
	assert_int_equal(fake_update(s.v, s.l1, 1, 0), 0);
	tlb_flush_local();
	assert_int_equal(fake_cr3_writes, 2);
	assert_int_equal(pin(1, s.data[1]), 0);
	assert_int_equal(fake_cr3_writes, 2);
	// Table to writable: nobody can have walked it before it was linked to.
	assert_int_equal(fake_update(s.v, s.l2, 1, entry_of(s.data[1], E_RW)),
			 0);
	assert_int_equal(fake_update(s.v, s.l2, 1, 0), 0);
	assert_int_equal(unpin(s.data[1]), 0);
	assert_int_equal(fake_update(s.v, s.l1, 1, entry_of(s.data[1], E_RW)),
			 0);
	assert_int_equal(fake_cr3_writes, 3);
}

// --------------------------------------- whom a table's end leaves unflushed

// A second processor loads a guest's root, and stays on it.
static void another_runs(void)
{
	fake_cpus = 2;
	cpu_of(1)->online = true;
	cpu_of(1)->cr3 = 0x5000;
	cpu_of(1)->flush_stamp = ++tlb_clock;
	fake_ipis = 0;
}

// The frame, no table any more, becomes the guest's to write to. How many other
// processors were flushed?
static u32 flushed_to_write(u64 mfn)
{
	u32 before = fake_ipis;

	assert_int_equal(frame_get_type(MFN(mfn), TYPE_WRITABLE, d1), 0);
	frame_put_type(MFN(mfn));
	return fake_ipis - before;
}

// Its tables hang under a root that is in no CR3, and are pinned besides, as
// Linux does it with those of level 1.
static void the_tables_of_a_root_that_ends_are_nobodys(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(pin(1, s.l1), 0);
	another_runs();
	assert_int_equal(unpin(s.l4), 0);
	assert_int_equal(unpin(s.l1), 0);
	assert_int_equal(flushed_to_write(s.l4), 0);
	assert_int_equal(flushed_to_write(s.l3), 0);
	assert_int_equal(flushed_to_write(s.l2), 0);
	assert_int_equal(flushed_to_write(s.l1), 0);
}

static void a_table_taken_out_of_one_in_use_may_be_remembered(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(pin(1, s.l1), 0);
	another_runs();
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	tlb_clock += 5;
	assert_int_equal(unpin(s.l1), 0);
	assert_int_equal(flushed_to_write(s.l1), 1);
}

// Not even our own reads may go by what is left of it: the flush does not wait.
static void a_tables_end_is_flushed_here_at_once(void **state)
{
	cpu_this()->cr3 = 0x5000;
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	tlb_settle(FLUSH_BEFORE_WRITE);
	fake_cr3_writes = 0;
	assert_int_equal(frame_get_type(MFN(s.l1), TYPE_WRITABLE, d1), 0);
	assert_int_equal(fake_cr3_writes, 1);
	frame_put_type(MFN(s.l1));
}

static void so_may_all_that_hang_below(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(pin(2, s.l2), 0);
	assert_int_equal(pin(1, s.l1), 0);
	another_runs();
	assert_int_equal(fake_update(s.v, s.l4, 0, 0), 0); // l3 ends
	assert_int_equal(fake_ipis, 0);
	assert_int_equal(unpin(s.l2), 0);
	assert_int_equal(unpin(s.l1), 0);
	assert_int_equal(flushed_to_write(s.l1), 1);
	assert_int_equal(flushed_to_write(s.l2), 0); // by that flush
}

// Flushed since it was taken out, however long it stays a table.
static void a_flush_in_between_is_enough(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	assert_int_equal(pin(1, s.l1), 0);
	another_runs();
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	cpu_of(1)->flush_stamp = ++tlb_clock;
	assert_int_equal(unpin(s.l1), 0);
	assert_int_equal(flushed_to_write(s.l1), 0);
}

// What was noted must not be lost when the frame is a table once more.
static void a_second_life_as_a_table_hides_nothing(void **state)
{
	assert_int_equal(pin(4, s.l4), 0);
	another_runs();
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	assert_int_equal(pin(1, s.l1), 0);
	assert_int_equal(unpin(s.l1), 0);
	(void)flushed_to_write(s.l1);
	assert_int_equal(fake_ipis, 1);
}

// An undoing that was cut does not know any more.
static void an_interrupted_end_counts_as_now(void **state)
{
	struct fake_space t = fake_space(d1);

	fake_words(s.l4)[1] = fake_words(t.l4)[0];
	assert_int_equal(pin(4, s.l4), 0);
	another_runs();
	fake_work = PREEMPT_BUDGET - 1;
	assert_int_equal(unpin(s.l4), 0);
	assert_true(fake_restarts > 0);
	assert_int_equal(flushed_to_write(s.l4), 1);
}

static void the_later_of_two_stamps(void **state)
{
	tlb_clock = 0x20010;
	assert_int_equal(tlb_later(5, 9), 9);
	assert_int_equal(tlb_later(9, 5), 9);
	assert_int_equal(tlb_later(TLB_CLEAN, 5), 5);
	assert_int_equal(tlb_later(TLB_CLEAN, TLB_CLEAN), TLB_CLEAN);
	assert_int_equal(tlb_later(0xfff0, 5), 5); // of the round before
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pin_and_unpin_l1),
		T(pin_a_whole_tree),
		T(forced_bits),
		T(reserved_slots),
		T(bad_contents),
		T(no_nx_no_entry),
		T(writable_frames_do_not_become_tables),
		T(an_l4_may_show_itself),
		T(interrupted_at_times),
		T(interrupted_at_every_step),
		T(left_half_done),
		T(failure_interrupted),
		T(death),
		T(death_of_a_large_domain),
		T(descriptor_pages),
		T(shared_pages),
		T(stale_translations),
		T(the_tables_of_a_root_that_ends_are_nobodys),
		T(a_table_taken_out_of_one_in_use_may_be_remembered),
		T(a_tables_end_is_flushed_here_at_once),
		T(so_may_all_that_hang_below),
		T(a_flush_in_between_is_enough),
		T(a_second_life_as_a_table_hides_nothing),
		T(an_interrupted_end_counts_as_now),
		T(the_later_of_two_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
