// SPDX-License-Identifier: MIT
//
// pte-flags: what an entry may say, and what comes back.
//
// The guest reads its entries back and compares them with what it wrote, so
// only the documented bits may differ. Large pages and addresses out of range
// would leave the frames that were checked.
//
// Provoked by entries with each flag at each level. Expected (abi.md 4.1): PSE
// refused above L1; address bits beyond the CPU's refused; present entries read
// back as written but for U=1 (all levels), A in the L4, G (stock Xen sets it
// for user pages) and the hypervisor's software bits 52-62; bits 9-11 kept;
// not-present entries kept bit by bit; RO and NX act; cache bits on RAM are
// kept or refused.

#include "guest.h"

/* Bits that the hypervisor may set for itself in a present entry. */
#define ITS_OWN (0x7ff0000000000000UL | PTE_G)

static u64 *page;

static void reads_back(u64 flags, u64 added)
{
	u64 pte = va_maddr(page) | flags;

	if (!check(test_map(1, pte) == 0, "entry 0x%lx is refused", pte))
		return;
	u64 got = test_l1()[1] & ~ITS_OWN;
	check(got == (pte | added), "0x%lx reads back as 0x%lx", pte, got);
}

static void l1_flags(void)
{
	reads_back(PTE_P | PTE_RW | PTE_US, 0);
	reads_back(PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, 0);
	reads_back(PTE_P | PTE_US, 0);
	reads_back(PTE_P | PTE_US | PTE_D, 0);
	reads_back(PTE_P | PTE_RW, PTE_US);
	reads_back(PTE_P, PTE_US);
	reads_back(PTE_P | PTE_US | PTE_NX, 0);
	reads_back(PTE_P | PTE_RW | PTE_US | PTE_AVAIL, 0);
	reads_back(PTE_P | PTE_RW | PTE_US | 1UL << 10, 0);
}

static void not_present(void)
{
	static const u64 values[] = {
		0,
		2,
		0xe00,
		0xffe,
		0x000ffffff0000000UL | 0xaaa,
		PTE_NX | 0x000fffffff000000UL,
		0x7ff0000000000000UL,
		0x80,
		0x100,
		~1UL,
	};

	for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
		expect_rc("not-present entry", test_map(1, values[i]), 0);
		expect_eq("it reads", test_l1()[1], values[i]);
	}
	expect_rc("clear", test_map(1, 0), 0);
}

static void bad_addresses(void)
{
	for (u32 bit = 48; bit < 52; bit++) {
		check(test_map(1, va_maddr(page) | 1UL << bit | PTE_PAGE) < 0,
		      "address bit %u is accepted", bit);
		expect_eq("entry", test_l1()[1], 0);
	}
}

static void cache_bits(u64 bits)
{
	u64 pte = va_maddr(page) | PTE_PAGE | bits;
	long rc = test_map(1, pte);

	if (rc == 0)
		expect_eq("cache bits", test_l1()[1] & ~ITS_OWN, pte);
	expect_rc("clear", test_map(1, 0), 0);
}

/* L2 and L3 entries of a table that is not in use, only pinned. */
static void upper(int level)
{
	u64 *below = table_alloc(), *table = table_alloc();
	u64 ptr = va_maddr(&table[5]), pte = va_maddr(below);
	u64 a = level == 4 ? PTE_A : 0;

	expect_rc("pin", pin(level - 1, below), 0);
	expect_rc("pin", pin(level, table), 0);
	expect_refused("PSE", mmu_update1(ptr, pte | PTE_TABLE | PTE_PSE));
	expect_refused("1G PSE of a data page",
		       mmu_update1(ptr, va_maddr(page) | PTE_TABLE | PTE_PSE));
	expect_refused("reserved address bit",
		       mmu_update1(ptr, pte | 1UL << 51 | PTE_TABLE));
	expect_eq("entry", table[5], 0);
	expect_rc("without U and A", mmu_update1(ptr, pte | PTE_P | PTE_RW), 0);
	expect_eq("entry", table[5] & ~ITS_OWN & ~(PTE_A & ~a),
		  pte | PTE_P | PTE_RW | PTE_US | a);
	expect_rc("read-only link",
		  mmu_update1(ptr, pte | PTE_P | PTE_US | PTE_A | PTE_NX), 0);
	expect_eq("entry", table[5] & ~ITS_OWN,
		  pte | PTE_P | PTE_US | PTE_A | PTE_NX);
	expect_rc("not present", mmu_update1(ptr, 0xabc0), 0);
	expect_eq("entry", table[5], 0xabc0);
	expect_rc("unpin", unpin(table), 0);
	expect_rc("unpin", unpin(below), 0);
}

static void jump_to(u64 va)
{
	((void (*)(void))va)();
}

/*
 * The test page is in the lower half, that is a user's. In ring 3 its code is
 * as good as any; in ring 1 the processor's SMEP, where it has that, refuses.
 */
static bool smep_acts(void)
{
	u32 a = 7, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return behind_open_gate() && (b >> 7 & 1);
}

static void rights_act(void)
{
	u64 val;

	*(u8 *)page = 0xc3; /* ret */
	expect_rc("map", test_map(1, va_maddr(page) | PTE_PAGE), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(1));
	check(guarded_call(jump_to, (u64)test_page(1)) != smep_acts(),
	      smep_acts() ? "SMEP does not act" : "not executable");
	expect_rc("map", test_map(1, va_maddr(page) | PTE_RO | PTE_NX), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(1));
	check(try_read(test_page(1), &val), "not readable");
	check(!try_write(test_page(1), val), "RO is writable");
	expect_page_fault("write", PF_P | PF_W, test_page(1));
	check(!guarded_call(jump_to, (u64)test_page(1)), "NX is executable");
	expect_page_fault("fetch", PF_P | PF_I, test_page(1));
	expect_rc("unmap", test_map(1, 0), 0);
	mmuext_addr(MMUEXT_INVLPG_LOCAL, test_page(1));
	check(!try_read(test_page(1), &val), "absent is readable");
	expect_page_fault("read", 0, test_page(1));
}

TEST("pte-flags")
{
	page = page_alloc();
	test_l1();
	l1_flags();
	not_present();
	bad_addresses();
	cache_bits(PTE_PCD);
	cache_bits(PTE_PWT);
	cache_bits(PTE_PCD | PTE_PWT);
	cache_bits(PTE_PSE); /* PAT in an L1 */
	for (int level = 2; level <= 4; level++)
		upper(level);
	rights_act();
}
