// SPDX-License-Identifier: MIT
//
// gdt: the guest's own descriptors.
//
// The guest's GDT is the hardware's, below the hypervisor's reserved entries.
// So a descriptor must never be a gate or a system segment, nor of a privilege
// that the guest does not have, and its frame must not be writable by the guest
// once it is in use.
//
// Provoked by set_gdt with good and bad frames, by update_descriptor with each
// kind of descriptor, and by loading what came of it. Expected (abi.md 4.6,
// gate.md D1): up to 7168 entries of frames without writable mapping; code and
// data are taken with DPL raised to 3 and the accessed bit set; system
// descriptors are refused (-EINVAL) or, for call gates, at most kept without
// effect; not-present descriptors may hold anything; a frame in use cannot be
// mapped writable; and can again when the GDT is given up.

#include "guest.h"

#define ACCESSED (1UL << 40)
#define DESC_DATA 0x00cff2000000ffffUL /* flat, DPL 3 */
#define DESC_DATA_DPL0 0x00cf92000000ffffUL
#define DESC_CODE64 0x00affa000000ffffUL
#define DESC_CODE64_DPL1 0x00afba000000ffffUL
#define DESC_TSS 0x0000890000000067UL
#define DESC_LDT 0x0000820000000067UL
#define DESC_INT_GATE 0x0000ee000008abcdUL
#define DESC_TRAP_GATE 0x0000ef000008abcdUL
#define DESC_CALL_GATE 0x0000ec000008abcdUL
#define DESC_ABSENT 0x0000090000000067UL /* a TSS, not present */

static u64 *gdt;
static u64 gdt_mfn;

static long put(u32 index, u64 desc)
{
	return update_descriptor(va_maddr(&gdt[index]), desc);
}

static bool load_ds(u16 sel)
{
	TRY("mov %w0, %%ds", : : "r"(sel));
	bool ok = fault.vector == TRAP_NONE;
	if (ok)
		asm volatile("mov %w0, %%ds" : : "r"(0));
	return ok;
}

static void frames(void)
{
	void *page = page_alloc();
	u64 own = va_mfn(page), table = va_mfn((void *)start_info->pt_base);
	u64 nothing = 0xfffffffff;

	expect_rc("writable frame", set_gdt(&own, 512), -XEN_EINVAL);
	expect_rc("page table", set_gdt(&table, 512), -XEN_EINVAL);
	expect_rc("no such frame", set_gdt(&nothing, 512), -XEN_EINVAL);
	expect_rc("too many entries", set_gdt(&own, 7169), -XEN_EINVAL);
	expect_rc("bad list", set_gdt((u64 *)0x1000, 512), -XEN_EFAULT);
	page_make_ro(page);
	expect_rc("read-only frame", set_gdt(&own, 512), 0);
	expect_rc("given up", set_gdt(NULL, 0), 0);
	page_make_rw(page);
	page_free(page);
}

static void install(void)
{
	gdt = page_alloc();
	gdt_mfn = va_mfn(gdt);
	gdt[1] = DESC_DATA;
	gdt[2] = DESC_DATA_DPL0;
	page_make_ro(gdt);
	expect_rc("set_gdt", set_gdt(&gdt_mfn, 512), 0);
	check(load_ds(1 << 3 | 3), "data segment is not loadable");
	check(load_ds(2 << 3 | 3), "data segment of DPL 0 was not raised");
	check(gdt[2] >> 45 & 3, "its DPL reads %lu", gdt[2] >> 45 & 3);
	check(!load_ds(3 << 3 | 3), "an empty entry is loadable");
	expect_fault("empty entry", X86_GP, 3 << 3);
}

/* Ringfort sets the accessed bit (gate.md D1); Xen leaves it to the CPU. */
static void reads(const char *what, u32 index, u64 want)
{
	u64 a = on_stock_xen() ? gdt[index] & ACCESSED : ACCESSED;

	expect_eq(what, gdt[index], want | a);
}

static void accepted(void)
{
	expect_rc("data", put(4, DESC_DATA), 0);
	reads("data reads", 4, DESC_DATA);
	expect_rc("data of DPL 0", put(5, DESC_DATA_DPL0), 0);
	reads("it reads", 5, DESC_DATA);
	expect_rc("code", put(6, DESC_CODE64), 0);
	reads("code reads", 6, DESC_CODE64);
	expect_rc("code of DPL 1", put(7, DESC_CODE64_DPL1), 0);
	reads("it reads", 7, DESC_CODE64);
	expect_rc("absent TSS", put(8, DESC_ABSENT), 0);
	expect_rc("empty", put(4, 0), 0);
	expect_eq("empty reads", gdt[4], 0);
	check(load_ds(5 << 3 | 3), "updated entry is not loadable");
}

static void system_kinds(void)
{
	static const u64 kinds[] = {
		DESC_TSS,
		DESC_LDT,
		DESC_INT_GATE,
		DESC_TRAP_GATE,
	};

	expect_rc("data", put(9, DESC_DATA), 0);
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		expect_rc("system descriptor", put(9, kinds[i]), -XEN_EINVAL);
	reads("entry after refusals", 9, DESC_DATA);
	long rc = put(10, DESC_CALL_GATE);
	check(rc == 0 || rc == -XEN_EINVAL, "call gate: %ld", rc);
	fault_expect();
	asm volatile("push $0x53; push $0; 1: lretq; 2:" EX(1b, 2b)
		     :
		     :
		     : "memory");
	check(fault.vector != TRAP_NONE, "the gate's selector as CS ran");
	asm volatile("add $16, %%rsp" : : : "memory", "cc");
}

static void bad_addresses(void)
{
	void *l4 = (void *)start_info->pt_base;
	u64 before = *(volatile u64 *)l4;

	expect_rc("misaligned", update_descriptor(va_maddr(gdt) + 4, DESC_DATA),
		  -XEN_EINVAL);
	expect_rc("page table", update_descriptor(va_maddr(l4), DESC_DATA),
		  -XEN_EINVAL);
	expect_eq("that table", *(volatile u64 *)l4, before);
	expect_rc("no such frame",
		  update_descriptor(0xffffffffff000, DESC_DATA), -XEN_EINVAL);
}

/* The frame cannot become writable while it is in use. */
static void protected_frame(void)
{
	check(update_va_mapping(gdt, va_maddr(gdt) | PTE_PAGE, UVMF_INVLPG) < 0,
	      "a GDT frame in use was mapped writable");
	check(!try_write(&gdt[1], DESC_TSS), "a GDT frame is writable");
	check(test_map(0, gdt_mfn << 12 | PTE_PAGE) < 0,
	      "a second writable mapping of the GDT");
	expect_rc("read-only mapping", test_map(0, gdt_mfn << 12 | PTE_RO), 0);
	expect_rc("its removal", test_map(0, 0), 0);
	expect_rc("given up", set_gdt(NULL, 0), 0);
	check(!load_ds(1 << 3 | 3), "an entry outlived its GDT");
	page_make_rw(gdt);
	check(try_write(&gdt[1], 1), "the frame stays read-only");
}

/* A frame that holds a system descriptor does not become a GDT. */
static void bad_content(void)
{
	gdt[1] = DESC_DATA;
	gdt[200] = DESC_TSS;
	page_make_ro(gdt);
	expect_rc("frame with a TSS", set_gdt(&gdt_mfn, 512), -XEN_EINVAL);
	page_make_rw(gdt);
	gdt[200] = 0;
}

TEST("gdt")
{
	frames();
	install();
	accepted();
	system_kinds();
	bad_addresses();
	protected_frame();
	bad_content();
}
