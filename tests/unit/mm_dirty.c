// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/change.c src/mm/undo.c src/mm/foreign.c src/mm/walk.c
// uses: src/mm/flush.c src/mm/mmu_update.c src/mm/va_update.c
// uses: src/mm/mmuext_op.c src/mm/relinquish.c src/mm/audit.c
// uses: src/mm/root.c src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c tests/fake/space.c
//
// The log of written pages, and the shadows behind it. A processor of make-
// believe walks what CR3 names and faults as a real one does; it must see what
// the guest's tables say, and no write may miss the log.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "mm/dirty.h"
#include "mm/shadow.h"
#include "space.h"

#define PAGES 4096u // asked about

static struct domain *d;
static struct fake_space s;
static u8 bitmap[PAGES / 8];
static u32 dirty_count;
static u64 free_before;

// ------------------------------------------------------------- the processor

#define NOTHING (~0ull)

// The frame that the tables under root lead to, or NOTHING and the error.
static u64 walk(u64 root, gva_t va, u32 access, bool set_bits, u32 *error)
{
	u64 table = root, may = PTE_RW | PTE_US;

	for (u32 level = 4; level > 0; level--) {
		u64 *e = &fake_words(table)[va >> (12 + 9 * (level - 1)) & 511];

		*error = access;
		if (!(*e & PTE_P))
			return NOTHING;
		may &= *e;
		if (level == 1) {
			*error |= PFEC_P;
			if (((access & PFEC_W) && !(may & PTE_RW)) ||
			    ((access & PFEC_U) && !(may & PTE_US)))
				return NOTHING;
			if (set_bits)
				*e |= PTE_A | (access & PFEC_W ? PTE_D : 0);
		}
		table = (*e & PTE_ADDR) >> PAGE_SHIFT;
	}
	return table;
}

static u32 faults;

// An access as it ends after all faults: the frame, or NOTHING when the last
// fault is the guest's.
static u64 touch(gva_t va, u32 access)
{
	for (u32 tries = 0; tries < 8; tries++) {
		u32 error;
		u64 mfn = walk(cpu_this()->cr3 >> PAGE_SHIFT, va, access, true,
			       &error);

		if (mfn != NOTHING)
			return mfn;
		faults++;
		if (!shadow_fault(s.v, va, error))
			return NOTHING;
	}
	fail_msg("faults for ever");
	return NOTHING;
}

#define READS PFEC_U
#define WRITES (PFEC_U | PFEC_W)

static gva_t page(u32 i)
{
	return (gva_t)i << PAGE_SHIFT;
}

static void ask(bool clean)
{
	struct xen_domctl_shadow_op op = {.pages = PAGES};

	memset(bitmap, 0xff, sizeof(bitmap));
	set_xen_guest_handle(op.dirty_bitmap, bitmap);
	assert_int_equal(dirty_read(d, &op, clean), 0);
	assert_int_equal(op.pages, PAGES);
	dirty_count = op.stats.dirty_count;
}

static bool is_dirty(u64 mfn)
{
	u64 pfn = m2p_get(MFN(mfn));

	return bitmap[pfn / 8] >> (pfn % 8) & 1;
}

static int setup(void **state)
{
	fake_memory_init();
	d = fake_domain(1, 1000);
	s = fake_space(d);
	// Numbers of the guest's own.
	for (u64 mfn = FAKE_FIRST; mfn < FAKE_END; mfn++)
		m2p_set(MFN(mfn), (mfn * 7) % PAGES);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	cpu_this()->loaded = s.v;
	free_before = heap_free_frames();
	assert_int_equal(dirty_start(d), 0);
	root_load(s.v);
	faults = 0;
	return 0;
}

static int teardown(void **state)
{
	tlb_load_root(hv_root());
	dirty_stop(d);
	assert_int_equal(dirty_logs, 0);
	assert_int_equal(mm_audit(), 0);
	dirty_free(d);
	return 0;
}

// --------------------------------------------------------------------- cases

static void the_guests_root_is_not_loaded(void **state)
{
	assert_int_not_equal(cpu_this()->cr3 >> PAGE_SHIFT, s.l4);
	assert_int_equal(dirty_start(d), -EINVAL); // on already
}

static void reads_are_not_logged(void **state)
{
	fake_words(s.l1)[0] &= ~(u64)(PTE_A | PTE_D);
	ask(true);
	assert_int_equal(touch(page(0), READS), s.data[0]);
	assert_int_equal(fake_words(s.l1)[0] & (PTE_A | PTE_D), PTE_A);
	ask(false);
	assert_false(is_dirty(s.data[0]));
	assert_true(is_dirty(s.l1)); // the bit was set there
}

static void a_write_is_logged_once(void **state)
{
	u32 after;

	fake_words(s.l1)[1] &= ~(u64)(PTE_A | PTE_D);
	ask(true);
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(fake_words(s.l1)[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
	after = faults;
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(faults, after);
	ask(false);
	assert_true(is_dirty(s.data[1]));
	assert_false(is_dirty(s.data[0]));
	ask(true);
	assert_true(is_dirty(s.data[1]));
	ask(false);
	assert_int_equal(dirty_count, 0);
	// And again in the next round.
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(faults, after + 1);
	ask(true);
	assert_int_equal(dirty_count, 1);
	assert_true(is_dirty(s.data[1]));
}

static void a_page_read_first_is_written_later(void **state)
{
	ask(true);
	assert_int_equal(touch(page(2), READS), s.data[2]);
	ask(true);
	assert_false(is_dirty(s.data[2]));
	assert_int_equal(touch(page(2), WRITES), s.data[2]);
	ask(true);
	assert_true(is_dirty(s.data[2]));
}

static void faults_of_the_guest_stay_its_own(void **state)
{
	u64 read_only = entry_of(s.data[0], E_RO);

	assert_int_equal(fake_update(s.v, s.l1, 0, read_only), 0);
	assert_int_equal(touch(page(0), READS), s.data[0]);
	assert_int_equal(touch(page(0), WRITES), NOTHING);
	assert_int_equal(touch(page(FAKE_DATA), READS), NOTHING);
	assert_int_equal(touch(0x40000000, READS), NOTHING);
	assert_int_equal(touch((gva_t)HV_FIRST_SLOT << 39, READS), NOTHING);
}

static void changes_of_tables_are_seen_and_logged(void **state)
{
	u64 other = fake_frame(d);

	assert_int_equal(touch(page(0), WRITES), s.data[0]);
	ask(true);
	assert_int_equal(fake_update(s.v, s.l1, 0, entry_of(other, E_RW)), 0);
	assert_int_equal(touch(page(0), READS), other);
	assert_int_equal(fake_update(s.v, s.l1, 0, 0), 0);
	assert_int_equal(touch(page(0), READS), NOTHING);
	ask(true);
	assert_true(is_dirty(s.l1));
	assert_false(is_dirty(other));
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	assert_int_equal(touch(page(1), READS), NOTHING);
	ask(true);
	assert_true(is_dirty(s.l2));
}

static void tables_may_go_and_come(void **state)
{
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(fake_update(s.v, s.l2, 0, 0), 0);
	// It is data now.
	assert_int_equal(fake_update(s.v, s.l2, 0, entry_of(s.l1, E_RW)), 0);
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(fake_update(s.v, s.l4, 0, 0), 0);
	assert_int_equal(touch(page(1), READS), NOTHING);
	assert_int_equal(fake_update(s.v, s.l4, 0, entry_of(s.l3, E_RW)), 0);
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
}

static void a_root_in_itself_shows_the_guests_entries(void **state)
{
	gva_t va = (gva_t)1 << 39 | (gva_t)1 << 30 | (gva_t)1 << 21 | 1 << 12;

	assert_int_equal(fake_update(s.v, s.l4, 1, entry_of(s.l4, E_RO)), 0);
	assert_int_equal(touch(va, READS), s.l4);
	assert_int_equal(touch(va & ~(gva_t)0x1ff000, READS), s.l3);
	assert_int_equal(touch(va, WRITES), NOTHING);
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
}

static void writes_of_ours_are_logged(void **state)
{
	u64 at = (s.data[3] << PAGE_SHIFT) + 8;

	assert_int_equal(fake_update(s.v, s.l1, 3, 0), 0);
	ask(true);
	assert_int_equal(fake_mmuext(s.v, MMUEXT_CLEAR_PAGE, s.data[2], 0), 0);
	assert_int_equal(fake_update_for(s.v, at, 77, DOMID_SELF), 0);
	ask(true);
	assert_true(is_dirty(s.data[2]));
	assert_true(is_dirty(s.data[3]));
	assert_int_equal(dirty_count, 2);
	m2p_set(MFN(s.data[0]), 99); // what was page 99 is another frame now
	ask(true);
	assert_int_equal(dirty_count, 1);
	assert_true(is_dirty(s.data[0]));
}

static void all_memory_comes_back(void **state)
{
	for (u32 i = 0; i < FAKE_DATA; i++)
		(void)touch(page(i), WRITES);
	tlb_load_root(hv_root());
	dirty_stop(d);
	dirty_free(d);
	assert_int_equal(heap_free_frames(), free_before);
}

static void without_memory_all_counts_as_written(void **state)
{
	while (!mfn_is_none(heap_alloc(0, 0)))
		;
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	assert_int_equal(cpu_this()->cr3 >> PAGE_SHIFT, s.l4);
	ask(true);
	assert_int_equal(dirty_count, PAGES);
	ask(true);
	assert_int_equal(dirty_count, PAGES);
}

static void less_may_be_asked_about(void **state)
{
	struct xen_domctl_shadow_op op = {.pages = 13};

	memset(bitmap, 0xff, sizeof(bitmap));
	set_xen_guest_handle(op.dirty_bitmap, bitmap);
	(void)touch(page(1), WRITES);
	m2p_set(MFN(s.data[1]), 12);
	m2p_set(MFN(s.data[2]), 13);
	assert_int_equal(dirty_read(d, &op, true), 0);
	assert_int_equal(bitmap[0], 0);
	assert_int_equal(bitmap[1], 0x10);
	assert_int_equal(bitmap[2], 0xff);
	assert_int_equal(op.stats.dirty_count, 1);
	op.pages = 16; // what was not asked about has not been forgotten
	assert_int_equal(dirty_read(d, &op, true), 0);
	assert_int_equal(bitmap[1], 0x20);
	op.pages = ~0ull >> 1;
	set_xen_guest_handle(op.dirty_bitmap, (u8 *)NULL);
	assert_int_equal(dirty_read(d, &op, true), 0);
	assert_true(op.pages < BIT(32));
}

// Anything at random: the processor sees what the guest's tables say, and every
// write since the last question is in the next answer.
static void nothing_is_missed(void **state)
{
	static bool written[FAKE_END];
	u64 spare = fake_frame(d);

	srand(1);
	memset(written, 0, sizeof(written));
	ask(true);
	for (u32 n = 0; n < 20000; n++) {
		u32 i = (u32)rand() % 6, access = rand() % 2 ? READS : WRITES;
		u64 flags = rand() % 2 ? E_RO : E_RW, truth, seen;
		u64 frame = rand() % 3 ? s.data[rand() % FAKE_DATA] : spare;
		u32 error;

		switch (rand() % 16) {
		case 0:
			(void)fake_update(s.v, s.l1, i, 0);
			break;
		case 1:
		case 2:
			flags &= ~(u64)(rand() % 2 ? PTE_D : PTE_A | PTE_D);
			(void)fake_update(s.v, s.l1, i, entry_of(frame, flags));
			break;
		case 3:
			(void)fake_update(s.v, s.l2, 0,
					  rand() % 2 ? 0
						     : entry_of(s.l1, flags));
			break;
		case 4:
			(void)fake_update(s.v, s.l3, 0, entry_of(s.l2, flags));
			break;
		case 5:
			ask(true);
			for (u64 f = FAKE_FIRST; f < FAKE_END; f++)
				assert_true(!written[f] || is_dirty(f));
			memset(written, 0, sizeof(written));
			break;
		default:
			truth = walk(s.l4, page(i), access, false, &error);
			seen = touch(page(i), access);
			assert_int_equal(seen, truth);
			if (seen != NOTHING && access == WRITES)
				written[seen] = true;
		}
	}
}

// Another processor changes an entry while a fault here is about to set bits in
// it, which are for what was there. The fault looks at the page's number in
// between: that is where the test gets hold of it.
static u64 *changed;

static void change_now(int signal, siginfo_t *info, void *context)
{
	u64 at = (u64)info->si_addr & ~(PAGE_SIZE - 1);

	if (!changed || mprotect((void *)at, PAGE_SIZE, PROT_READ | PROT_WRITE))
		abort();
	*changed = 0;
	changed = NULL;
}

static void bits_are_not_set_in_what_came_later(void **state)
{
	struct sigaction now = {.sa_sigaction = change_now,
				.sa_flags = SA_SIGINFO};
	u64 at = M2P_BASE + s.data[1] * sizeof(u64);
	struct sigaction before;

	assert_int_equal(touch(page(1), READS), s.data[1]);
	changed = &fake_words(s.l1)[1];
	*changed &= ~(u64)(PTE_A | PTE_D);
	sigaction(SIGSEGV, &now, &before);
	mprotect((void *)(at & ~(PAGE_SIZE - 1)), PAGE_SIZE, PROT_NONE);
	assert_true(shadow_fault(s.v, page(1), WRITES)); // look again
	sigaction(SIGSEGV, &before, NULL);
	assert_null(changed);
	assert_int_equal(fake_words(s.l1)[1], 0);
	assert_int_equal(touch(page(1), WRITES), NOTHING);
	fake_words(s.l1)[1] = entry_of(s.data[1], E_RW);
}

// What was taken and could not be told is asked for again.
static void what_was_not_told_is_not_forgotten(void **state)
{
	struct xen_domctl_shadow_op op = {.pages = PAGES};

	ask(true);
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	set_xen_guest_handle(op.dirty_bitmap, bitmap);
	fake_fault_at = bitmap;
	fake_fault_bytes = sizeof(bitmap);
	assert_int_equal(dirty_read(d, &op, true), -EFAULT);
	fake_fault_bytes = 0;
	ask(true);
	assert_true(is_dirty(s.data[1]));
	ask(true);
	assert_false(is_dirty(s.data[1]));
	assert_int_equal(touch(page(1), WRITES), s.data[1]);
	ask(true);
	assert_true(is_dirty(s.data[1]));
}

static void who_has_no_log(void **state)
{
	struct domain *other = fake_domain(2, 10);
	struct xen_domctl_shadow_op op = {.pages = PAGES};

	assert_int_equal(dirty_read(other, &op, false), -EINVAL);
	other->open_gate = true; // its tables have no shadows
	assert_int_equal(dirty_start(other), -EOPNOTSUPP);
	assert_int_equal(dirty_start(d), -EINVAL); // twice
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_guests_root_is_not_loaded),
		TEST(reads_are_not_logged),
		TEST(a_write_is_logged_once),
		TEST(a_page_read_first_is_written_later),
		TEST(faults_of_the_guest_stay_its_own),
		TEST(changes_of_tables_are_seen_and_logged),
		TEST(tables_may_go_and_come),
		TEST(a_root_in_itself_shows_the_guests_entries),
		TEST(writes_of_ours_are_logged),
		TEST(all_memory_comes_back),
		TEST(without_memory_all_counts_as_written),
		TEST(less_may_be_asked_about),
		TEST(nothing_is_missed),
		TEST(bits_are_not_set_in_what_came_later),
		TEST(what_was_not_told_is_not_forgotten),
		TEST(who_has_no_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
