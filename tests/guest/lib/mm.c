// SPDX-License-Identifier: MIT
//
// Page helpers; see mm.h.

#include "guest.h"

#define MAX_FREE 64

static void *free_list[MAX_FREE];
static u32 free_count;
static u64 pool_next;
static u64 next_spare_pfn;

u64 va_pfn(const volatile void *va)
{
	return ((u64)va - (u64)virt_base) >> 12;
}

u64 va_mfn(const volatile void *va)
{
	return p2m()[va_pfn(va)];
}

u64 va_maddr(const volatile void *va)
{
	return va_mfn(va) << 12 | ((u64)va & (PAGE_SIZE - 1));
}

void *pfn_va(u64 pfn)
{
	return virt_base + (pfn << 12);
}

void *mfn_va(u64 mfn)
{
	return pfn_va(m2p()[mfn]);
}

static u32 pte_index(u64 va, int level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

const volatile u64 *pte_of(const volatile void *va, int level)
{
	const volatile u64 *table = (const u64 *)start_info->pt_base;

	for (int l = 4;; l--) {
		const volatile u64 *e = &table[pte_index((u64)va, l)];
		if (l == level)
			return e;
		if (!(*e & PTE_P))
			return NULL;
		table = mfn_va((*e & PTE_ADDR) >> 12);
	}
}

u64 pte_maddr(const volatile void *va, int level)
{
	const volatile u64 *e = pte_of(va, level);

	require(e, "no level %d table for %p", level, (const void *)va);
	return va_maddr(e);
}

u64 mapped_end(void)
{
	static u64 end;

	if (end == 0) {
		const volatile u64 *e;
		end = entry_state.rsp;
		while ((e = pte_of((void *)end, 1)) && (*e & PTE_P))
			end += PAGE_SIZE;
	}
	return end;
}

void *page_alloc(void)
{
	void *page;

	if (free_count) {
		page = free_list[--free_count];
	} else {
		if (pool_next == 0)
			pool_next = entry_state.rsp;
		require(pool_next < mapped_end(), "out of mapped pages");
		page = (void *)pool_next;
		pool_next += PAGE_SIZE;
	}
	memset(page, 0, PAGE_SIZE);
	return page;
}

void page_free(void *va)
{
	if (free_count < MAX_FREE)
		free_list[free_count++] = va;
}

u64 spare_pfn(void)
{
	if (next_spare_pfn == 0)
		next_spare_pfn = va_pfn((void *)mapped_end()) + 1024;
	require(next_spare_pfn < start_info->nr_pages, "out of frames");
	return next_spare_pfn++;
}

u64 spare_mfn(void)
{
	return p2m()[spare_pfn()];
}

#define E820_RAM 1
#define LOW_MEM_END 0x100UL /* MFN of 1 MiB: below, much is special */

static u64 shared_mfn[64];
static u32 shared_count;

static void find_shared_frames(void)
{
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	struct gnttab_setup_table table = {.dom = DOMID_SELF};

	shared_mfn[0] = start_info->shared_info >> 12;
	shared_count = 1;
	if (grant_table_op(GNTTABOP_query_size, &size, 1) ||
	    size.nr_frames >= ARRAY_SIZE(shared_mfn))
		return;
	table.nr_frames = size.nr_frames;
	set_xen_guest_handle(table.frame_list, &shared_mfn[1]);
	if (!grant_table_op(GNTTABOP_setup_table, &table, 1) &&
	    table.status == GNTST_okay)
		shared_count += table.nr_frames;
}

static bool is_shared(u64 mfn)
{
	if (shared_count == 0)
		find_shared_frames();
	for (u32 i = 0; i < shared_count; i++)
		if (shared_mfn[i] == mfn)
			return true;
	return false;
}

static bool is_foreign(u64 mfn)
{
	u64 pfn = ~0UL;

	if (is_shared(mfn))
		return false;
	return !try_read((void *)&m2p()[mfn], &pfn) ||
	       pfn >= start_info->nr_pages || p2m()[pfn] != mfn;
}

/* Entries of the machine's memory map are 20 bytes, packed. */
struct ram_range {
	u64 addr, size;
	u32 type;
} __attribute__((packed));

u64 foreign_mfn(u32 n)
{
	static struct ram_range map[64];
	struct xen_memory_map arg = {.nr_entries = ARRAY_SIZE(map)};

	set_xen_guest_handle_raw(arg.buffer, (void *)map);
	long rc = memory_op(XENMEM_machine_memory_map, &arg);
	require(rc == 0, "machine_memory_map: error %ld", rc);
	for (u32 i = 0; i < arg.nr_entries; i++) {
		u64 mfn = map[i].addr >> 12, end = mfn + (map[i].size >> 12);
		if (map[i].type != E820_RAM)
			continue;
		for (; mfn < end; mfn++)
			if (mfn >= LOW_MEM_END && is_foreign(mfn) && n-- == 0)
				return mfn;
	}
	test_broken("all RAM is ours");
}

long mmu_update_type(u64 type, u64 ptr, u64 val)
{
	struct mmu_update req = {ptr | type, val};

	return mmu_update_dom(&req, 1, NULL, DOMID_SELF);
}

long mmu_update1(u64 ptr, u64 val)
{
	return mmu_update_type(MMU_NORMAL_PT_UPDATE, ptr, val);
}

long mmuext1(u32 cmd, u64 mfn)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};

	return mmuext_op_dom(&op, 1, NULL, DOMID_SELF);
}

long mmuext_addr(u32 cmd, const volatile void *va)
{
	return mmuext1(cmd, (u64)va);
}

long pin(int level, const void *table)
{
	return mmuext1(MMUEXT_PIN_L1_TABLE + (u32)level - 1, va_mfn(table));
}

long unpin(const void *table)
{
	return mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(table));
}

static void page_remap(const volatile void *va, u64 flags)
{
	u64 pte = va_mfn(va) << 12 | flags;
	long rc = update_va_mapping(va, pte, UVMF_INVLPG);

	require(rc == 0, "remap of %p as 0x%lx: error %ld", (const void *)va,
		flags, rc);
}

void page_make_ro(const volatile void *va)
{
	page_remap(va, PTE_RO);
}

void page_make_rw(const volatile void *va)
{
	page_remap(va, PTE_PAGE);
}

u64 *table_alloc(void)
{
	u64 *table = page_alloc();

	page_make_ro(table);
	return table;
}

void boot_root_copy(u64 *l4)
{
	const u64 *boot = (const u64 *)start_info->pt_base;

	for (u32 i = 0; i < 512; i++)
		if (i < 256 || i > 271)
			l4[i] = boot[i];
}

static void link_entry(u64 ptr, const void *table)
{
	long rc = mmu_update1(ptr, va_maddr(table) | PTE_TABLE);

	require(rc == 0, "linking a table: error %ld", rc);
}

void chain_build(struct va_chain *c, u64 va)
{
	c->l3 = table_alloc();
	c->l2 = table_alloc();
	c->l1 = table_alloc();
	link_entry(pte_maddr((void *)va, 4), c->l3);
	link_entry(va_maddr(&c->l3[pte_index(va, 3)]), c->l2);
	link_entry(va_maddr(&c->l2[pte_index(va, 2)]), c->l1);
}

u64 *test_l1(void)
{
	static struct va_chain chain;

	if (!chain.l1)
		chain_build(&chain, TEST_VA);
	return chain.l1;
}

long test_map(u32 n, u64 pte)
{
	return mmu_update1(va_maddr(&test_l1()[n]), pte);
}
