// SPDX-License-Identifier: MIT
//
// grant-flush: an unmapped grant is unmapped on all vCPUs.
//
// Once unmap_grant_ref has returned and the marks in its entry are gone, the
// granter uses its page for something else. Another vCPU of the user may have
// the old translation in its TLB; it must not get through by it.
//
// Provoked by a second vCPU that counts in a granted page without pause, while
// the first one unmaps it, looks, and maps it again; many times. Expected
// (abi.md 5.4): from the return of the call on the page does not change, and
// the second vCPU gets a page fault; it goes on when the page is back. Where
// dom0 has one vCPU only (config asks for two) the verdict is skip.

#include "guest.h"
#include "grant.h"
#include "second.h"

#define ROUNDS 100
#define LOOKS 20000
#define PAGE_FAULT 14

static volatile u64 *page;
static volatile u32 stopped, go; /* rounds */

static void relax(void)
{
	asm volatile("pause" : : : "memory");
}

static void second(void)
{
	volatile u64 *window = test_page(0);

	for (;;)
		++*window;
}

/* Its fault says that the page is gone; the access is repeated. */
static bool on_fault(struct regs *regs)
{
	u32 round = stopped + 1;

	if (regs->vector != PAGE_FAULT || !on_second(regs))
		return false;
	stopped = round;
	while (go != round)
		relax();
	return true;
}

static void await_counting(void)
{
	u64 was = *page;

	for (u64 end = rdtsc() + (20UL << 30); *page == was; relax())
		require(rdtsc() < end, "the second vCPU does not count");
}

/* The fault may come late: the second vCPU need not be on a CPU just now. */
static void expect_still(u32 round)
{
	u64 was = *page, end = rdtsc() + (20UL << 30);

	expect_eq("flags", grant_entry(20)->flags, GTF_permit_access);
	for (u32 i = 0; i < LOOKS || stopped != round; i++) {
		bool fine = check(*page == was,
				  "round %u: written after the unmap", round);
		fine &= check(rdtsc() < end, "no page fault in round %u",
			      round);
		if (!fine)
			test_end();
	}
}

static u32 map(void)
{
	struct gnttab_map_grant_ref op;

	require(grant_map(&op, 20, (u64)test_page(0), GNTMAP_host_map) == 0,
		"map: status %d", op.status);
	return op.handle;
}

TEST("grant-flush")
{
	page = page_alloc();
	test_l1();
	grant_page(20, GTF_permit_access, page);
	u32 handle = map();
	trap_hook = on_fault;
	second_start(second);
	for (u32 round = 1; round <= ROUNDS; round++) {
		await_counting();
		expect_rc("unmap", grant_unmap(handle, (u64)test_page(0), 0),
			  0);
		expect_still(round);
		handle = map();
		go = round;
	}
}
