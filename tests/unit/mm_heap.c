// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: src/mm/root.c src/mm/walk.c src/mm/audit.c tests/fake/core.c tests/fake/memory.c
// libs: -lpthread
//
// The memory map, the page heap, small objects, and frames given to domains.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "mm/m2p.h"
#include "mm/tlb.h"

static int setup(void **state)
{
	fake_memory_init();
	return 0;
}

static bool is_clean(mfn_t mfn, u32 order)
{
	const u64 *p = mfn_virt(mfn);

	for (u64 i = 0; i < (PAGE_SIZE << order) / 8; i++)
		if (p[i])
			return false;
	return true;
}

static void ram_is_known_exactly(void **state)
{
	assert_int_equal(frame_limit(), FAKE_END);
	assert_false(mfn_is_ram(MFN(0)));
	assert_false(mfn_is_ram(MFN(0xff)));
	assert_true(mfn_is_ram(MFN(0x100)));
	assert_true(mfn_is_ram(MFN(FAKE_END - 1)));
	assert_false(mfn_is_ram(MFN(FAKE_END)));
	assert_false(mfn_is_ram(MFN(1ull << 36)));
	assert_false(mfn_is_ram(MFN_NONE));
	assert_int_equal(mfn_frame(MFN(0x100))->owner, OWNER_HV);
	assert_int_equal(mfn_frame(MFN(FAKE_FIRST + 9))->owner, OWNER_FREE);
	assert_int_equal(heap_free_frames(), heap_total_frames());
	assert_int_equal(mm_audit(), 0);
}

static void sparse_maps(void **state)
{
	static const struct boot_info map = {
		.e820_count = 4,
		.e820 = {{MIB(1), MIB(9), E820_RAM},
			 {MIB(10), MIB(10), E820_RAM}, // touches the first
			 {MIB(20), MIB(100), E820_RESERVED},
			 {GIB(6) + 0x800, MIB(4), E820_RAM}},
	};
	u64 high = GIB(6) >> PAGE_SHIFT;
	mfn_t mfn;

	fake_memory_init_map(&map);
	assert_true(mfn_is_ram(MFN(0xa00)));
	assert_false(mfn_is_ram(MFN(0x1500)));
	assert_false(mfn_is_ram(MFN(0x40000))); // a hole of many sections
	assert_false(mfn_is_ram(MFN(high))); // half a frame
	assert_true(mfn_is_ram(MFN(high + 1)));
	assert_false(mfn_is_ram(MFN(high + 1024)));
	assert_int_equal(frame_limit(), high + 1024);
	// High memory goes first, low memory on demand.
	mfn = heap_alloc(0, 0);
	assert_true(mfn.n >= high);
	heap_free(mfn, 0);
	mfn = heap_alloc(0, HEAP_BELOW_4G);
	assert_true(mfn.n < 0x1400);
	heap_free(mfn, 0);
	while (!mfn_is_none(mfn = heap_alloc(0, 0)))
		assert_true(mfn.n >= high || heap_free_frames() < 0x1400);
	assert_int_equal(heap_free_frames(), 0);
}

static void m2p_frames(void **state)
{
	assert_int_equal(m2p_table[0x300], M2P_INVALID);
	m2p_set(MFN(0x300), 77);
	assert_int_equal(m2p_table[0x300], 77);
	assert_int_equal(m2p_chunk(0).n, FAKE_M2P >> PAGE_SHIFT);
	assert_true(mfn_is_none(m2p_chunk(1)));
	assert_true(m2p_has_frame(MFN((FAKE_M2P >> PAGE_SHIFT) + 511)));
	assert_false(m2p_has_frame(MFN((FAKE_M2P >> PAGE_SHIFT) + 512)));
}

static void heap_gives_aligned_and_takes_back(void **state)
{
	u64 before = heap_free_frames();
	mfn_t got[10];

	for (u32 order = 0; order < 10; order++) {
		got[order] = heap_alloc(order, HEAP_ZERO);
		assert_false(mfn_is_none(got[order]));
		assert_int_equal(got[order].n & (BIT(order) - 1), 0);
		assert_true(is_clean(got[order], order));
		memset(mfn_virt(got[order]), 0xee, PAGE_SIZE << order);
	}
	assert_int_equal(heap_free_frames(), before - 1023);
	assert_int_equal(mm_audit(), 0);
	for (u32 i = 0; i < 10; i++)
		heap_free(got[i * 7 % 10], i * 7 % 10);
	assert_int_equal(heap_free_frames(), before);
	assert_int_equal(mm_audit(), 0);
	// All merged again: the largest block that was there is there.
	got[0] = heap_alloc(10, 0);
	assert_false(mfn_is_none(got[0]));
	heap_free(got[0], 10);
}

static void heap_runs_out(void **state)
{
	u64 count = 0;
	mfn_t chain = MFN_NONE, mfn;

	assert_true(mfn_is_none(heap_alloc(HEAP_MAX_ORDER, 0)));
	assert_true(mfn_is_none(heap_alloc(HEAP_MAX_ORDER + 1, 0)));
	for (; !mfn_is_none(mfn = heap_alloc(0, 0)); chain = mfn, count++)
		*fake_words(mfn.n) = chain.n;
	assert_int_equal(count, heap_total_frames());
	assert_null(page_alloc());
	assert_null(kalloc(10));
	assert_null(kalloc(10000));
	while (!mfn_is_none(chain)) {
		mfn = MFN(*fake_words(chain.n));
		heap_free(chain, 0);
		chain = mfn;
	}
	assert_int_equal(heap_free_frames(), count);
	assert_int_equal(mm_audit(), 0);
}

static void heap_below_a_limit(void **state)
{
	mfn_t mfn = heap_alloc_below(3, 0x240);

	assert_true(mfn.n + 8 <= 0x240);
	heap_free(mfn, 3);
	assert_true(mfn_is_none(heap_alloc_below(0, 0x200)));
	assert_true(mfn_is_none(heap_alloc_below(9, 0x300)));
	assert_int_equal(mm_audit(), 0);
}

static void freed_memory_is_clean(void **state)
{
	struct domain *d = fake_domain(1, 100);
	u64 mfn = fake_frame(d);

	memset(fake_words(mfn), 0x5a, PAGE_SIZE);
	m2p_set(MFN(mfn), 5);
	assert_int_equal(d->tot_pages, 1);
	assert_true(domain_frame_release(d, MFN(mfn)));
	assert_int_equal(d->tot_pages, 0);
	assert_int_equal(m2p_table[mfn], M2P_INVALID);
	for (u32 i = 2; i < 512; i++) // the first words may be a list's
		assert_int_equal(fake_words(mfn)[i], 0);
	assert_int_equal(mfn_frame(MFN(mfn))->owner, OWNER_FREE);
}

static void kalloc_sizes(void **state)
{
	static const size_t sizes[] = {1,    8,    16,   17,   100,
				       128,  500,  1000, 1024, 1025,
				       2048, 4096, 4097, 9000, 70000};
	void *p[ARRAY_SIZE(sizes)];
	u64 before = heap_free_frames();

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = kalloc(sizes[i]);
		assert_non_null(p[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(((u8 *)p[i])[j], 0);
		memset(p[i], 0xaa, sizes[i]);
		if (sizes[i] > 1024)
			assert_int_equal((u64)p[i] % PAGE_SIZE, 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		kfree(p[i]);
	kfree(NULL);
	assert_int_equal(heap_free_frames(), before);
	assert_int_equal(mm_audit(), 0);
}

static void kalloc_many(void **state)
{
	u64 before = heap_free_frames();
	void *p[600];

	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 600; i++) {
			p[i] = kalloc(48 + round * 300);
			assert_int_equal(*(u64 *)p[i], 0);
			memset(p[i], (int)i, 48 + round * 300);
		}
		for (u32 i = 0; i < 600; i++) {
			u32 j = i * 7 % 600;

			assert_int_equal(*((u8 *)p[j] + 40), (u8)j);
			kfree(p[j]);
		}
	}
	assert_int_equal(heap_free_frames(), before);
}

static void references(void **state)
{
	struct domain *d = fake_domain(1, 100);
	struct domain *other = fake_domain(2, 100);
	mfn_t mfn = MFN(fake_frame(d));

	assert_false(frame_get(mfn, other->id));
	assert_false(frame_get(MFN(0), d->id));
	assert_false(frame_get(MFN(~0ull), d->id));
	assert_false(frame_get(MFN(FAKE_END), OWNER_IO));
	assert_true(frame_get(mfn, d->id));
	frame_get_more(mfn);
	assert_int_equal(mfn_frame(mfn)->ref, REF_ALLOCATED | 3);
	assert_true(domain_frame_release(d, mfn));
	assert_false(domain_frame_release(d, mfn));
	frame_put(mfn);
	assert_int_equal(d->tot_pages, 1); // somebody still has it
	frame_put(mfn);
	assert_int_equal(d->tot_pages, 0);
	assert_false(frame_get(mfn, d->id));
	assert_false(frame_get(mfn, OWNER_FREE));
	mfn = MFN(fake_frame(d));
	mfn_frame(mfn)->ref |= REF_COUNT_MASK;
	assert_false(frame_get(mfn, d->id)); // no overflow
}

static void pages_freed_while_mapped(void **state)
{
	u64 before = heap_free_frames();
	void *p = page_alloc();
	mfn_t mfn = virt_mfn(p);

	assert_true(frame_get(mfn, OWNER_HV));
	page_free(p);
	assert_int_equal(mfn_frame(mfn)->ref, 1); // the mapping's alone
	assert_int_equal(heap_free_frames(), before - 1);
	frame_put(mfn);
	assert_int_equal(heap_free_frames(), before);
	assert_int_equal(mm_audit(), 0);
}

static struct domain *sharing;

// The frame is freed, and at once another object of the hypervisor's.
static void stop_sharing(const struct domain *d)
{
	mfn_t mfn = d->shared_mfn;

	fake_shares_looked = NULL;
	sharing->shared_mfn = MFN_NONE;
	page_free(mfn_virt(mfn));
	assert_true(mfn_eq(virt_mfn(page_alloc()), mfn));
}

static void shared_frames_may_end(void **state)
{
	mfn_t mfn = virt_mfn(page_alloc());

	sharing = fake_domain(1, 100);
	assert_false(frame_get_shared(sharing, mfn));
	sharing->shared_mfn = mfn;
	assert_true(frame_get_shared(sharing, mfn));
	frame_put(mfn);
	fake_shares_looked = stop_sharing;
	assert_false(frame_get_shared(sharing, mfn));
	assert_int_equal(mfn_frame(mfn)->ref, REF_ALLOCATED | 1);
}

struct hunt {
	mfn_t mfn;
	u16 owner;
	bool over;
};

// Another processor that wants a frame for as long as it is the domain's.
static void *hunter(void *arg)
{
	struct hunt *h = arg;

	while (!__atomic_load_n(&h->over, __ATOMIC_RELAXED))
		if (frame_get(h->mfn, h->owner))
			frame_put(h->mfn);
	return NULL;
}

// The hunter may have read the count and the owner of one life, and add one to
// the same count of the next.
static void references_of_a_former_life(void **state)
{
	struct domain *d = fake_domain(1, 100);
	struct hunt h = {MFN(fake_frame(d)), d->id, false};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, hunter, &h), 0);
	for (u32 i = 0; i < 1000000; i++) {
		assert_true(domain_frame_release(d, h.mfn));
		while (__atomic_load_n(&d->tot_pages, __ATOMIC_SEQ_CST))
			continue; // the hunter has it, and frees it
		assert_true(mfn_eq(heap_alloc(0, 0), h.mfn));
		frame_get_more(h.mfn);
		assert_in_range(mfn_frame(h.mfn)->ref, REF_ALLOCATED | 2,
				REF_ALLOCATED | 3);
		frame_put(h.mfn);
		heap_free(h.mfn, 0);
		assert_int_equal(fake_frame(d), h.mfn.n);
	}
	__atomic_store_n(&h.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(mm_audit(), 0);
}

static void limits_of_domains(void **state)
{
	struct domain *d = fake_domain(1, 10);
	u64 first;

	assert_true(mfn_is_none(domain_frames_alloc(d, 4, 0)));
	assert_int_equal(d->tot_pages, 0);
	first = domain_frames_alloc(d, 3, 0).n;
	assert_int_equal(d->tot_pages, 8);
	assert_true(mfn_is_none(domain_frames_alloc(d, 2, 0)));
	assert_int_equal(mfn_frame(MFN(first + 7))->owner, 1);
	assert_true(mfn_is_none(domain_frames_alloc(d, HEAP_MAX_ORDER + 1, 0)));
	d->max_pages = ~0ull;
	assert_true(mfn_is_none(domain_frames_alloc(d, HEAP_MAX_ORDER, 0)));
	assert_int_equal(d->tot_pages, 8);
	d->dying = DOMAIN_DYING;
	assert_true(mfn_is_none(domain_frames_alloc(d, 0, 0)));
	d->dying = DOMAIN_ALIVE;
	domain_frame_assign(d, heap_alloc(0, 0));
	assert_int_equal(d->tot_pages, 9);
	assert_int_equal(mm_audit(), 0);
}

static void audit_finds_mistakes(void **state)
{
	struct domain *d = fake_domain(1, 10);
	struct frame *f = mfn_frame(MFN(fake_frame(d)));

	assert_int_equal(mm_audit(), 0);
	f->ref++;
	assert_int_equal(mm_audit(), 1);
	f->ref--;
	f->type = (u32)TYPE_WRITABLE << FT_TYPE_SHIFT | FT_VALID | 1;
	assert_int_equal(mm_audit(), 1);
	f->type = 0;
	f->owner = OWNER_FREE;
	assert_int_equal(mm_audit(), 2);
	f->owner = 1;
	assert_int_equal(mm_audit(), 0);
}

static void holder(void)
{
	audit_holds(MFN(0x204), TYPE_NONE);
	audit_holds(MFN(FAKE_END + 5), TYPE_NONE);
}

static void audit_asks_holders(void **state)
{
	mfn_t mfn = MFN_NONE;

	for (mfn = heap_alloc(0, 0); mfn.n != 0x204; mfn = heap_alloc(0, 0))
		assert_false(mfn_is_none(mfn));
	mm_audit_register(holder);
	assert_int_equal(mm_audit(), 1);
	frame_get_more(mfn);
	assert_int_equal(mm_audit(), 0);
}

static void device_frames(void **state)
{
	struct domain *d = fake_domain(1, 10);

	fake_domain(0, 10);
	iomem_restrict(MFN(0xfee00), 1, IOMEM_NEVER);
	iomem_restrict(MFN(0xfeb00), 1, IOMEM_READ_ONLY);
	assert_false(iomem_allowed(domain_find(0), MFN(0xfee00)));
	assert_true(iomem_allowed(domain_find(0), MFN(0xfed00)));
	assert_true(iomem_allowed(domain_find(0), MFN(0xfeb00)));
	assert_true(iomem_read_only(MFN(0xfeb00)));
	assert_false(iomem_read_only(MFN(0xfed00)));
	assert_true(iomem_kept(0xfed00, 0xfee00));
	assert_true(iomem_kept(0xfee00, 0xfef00));
	assert_false(iomem_kept(0xfeb00, 0xfedff));
	assert_false(iomem_kept(0xfee01, 0xfef00));
	assert_false(iomem_allowed(d, MFN(0xfed00)));
	d->iomem = (struct rangeset *)0xfed00;
	assert_true(iomem_allowed(d, MFN(0xfed00)));
	assert_false(iomem_allowed(d, MFN(0xfed01)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ram_is_known_exactly, setup),
		cmocka_unit_test(sparse_maps),
		cmocka_unit_test_setup(m2p_frames, setup),
		cmocka_unit_test_setup(heap_gives_aligned_and_takes_back,
				       setup),
		cmocka_unit_test_setup(heap_runs_out, setup),
		cmocka_unit_test_setup(heap_below_a_limit, setup),
		cmocka_unit_test_setup(freed_memory_is_clean, setup),
		cmocka_unit_test_setup(kalloc_sizes, setup),
		cmocka_unit_test_setup(kalloc_many, setup),
		cmocka_unit_test_setup(references, setup),
		cmocka_unit_test_setup(pages_freed_while_mapped, setup),
		cmocka_unit_test_setup(shared_frames_may_end, setup),
		cmocka_unit_test_setup(references_of_a_former_life, setup),
		cmocka_unit_test_setup(limits_of_domains, setup),
		cmocka_unit_test_setup(audit_finds_mistakes, setup),
		cmocka_unit_test_setup(device_frames, setup),
		cmocka_unit_test_setup(audit_asks_holders, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
