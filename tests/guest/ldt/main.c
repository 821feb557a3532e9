// SPDX-License-Identifier: MIT
//
// ldt: a local descriptor table.
//
// Old programs and emulators make LDT entries through modify_ldt. The LDT is
// named by a guest address; its pages become descriptor frames when they are
// used, so a page of it must be mapped read-only, and may be absent.
//
// Provoked by MMUEXT_SET_LDT with good and bad arguments and by loading
// selectors, from kernel and user mode. Expected (abi.md 4.3, 4.6): at most
// 8192 entries at a page-aligned address of the guest; entries are checked like
// GDT ones; selectors load; update_descriptor changes an entry in use; a
// writable or absent page is refused, or gives a #PF or #GP at the load,
// nothing worse; after SET_LDT of nothing selectors do not load.

#include "guest.h"

#define DESC_DATA 0x00cff2000000ffffUL
#define DESC_TSS 0x0000890000000067UL
#define SEL(n) ((n) << 3 | 7)

static u64 *ldt;

static long set_ldt(const volatile void *va, u32 entries)
{
	struct mmuext_op op = {
		.cmd = MMUEXT_SET_LDT,
		.arg1.linear_addr = (u64)va,
		.arg2.nr_ents = entries,
	};

	return mmuext_op_dom(&op, 1, NULL, DOMID_SELF);
}

static bool load_ds(u16 sel)
{
	TRY("mov %w0, %%ds", : : "r"(sel));
	if (fault.vector != TRAP_NONE)
		return false;
	asm volatile("mov %w0, %%ds" : : "r"(0));
	return true;
}

static void arguments(void)
{
	expect_rc("misaligned", set_ldt((char *)ldt + 8, 512), -XEN_EINVAL);
	expect_rc("too many", set_ldt(ldt, 8193), -XEN_EINVAL);
	expect_rc("in the hypervisor",
		  set_ldt((void *)0xffff830000000000UL, 512), -XEN_EINVAL);
	check(!load_ds(SEL(1)), "a selector loads without LDT");
	expect_fault("no LDT", X86_GP, SEL(1) & ~3);
}

static void good(void)
{
	ldt[1] = DESC_DATA;
	page_make_ro(ldt);
	expect_rc("set", set_ldt(ldt, 512), 0);
	check(load_ds(SEL(1)), "entry 1 does not load: %s error 0x%lx",
	      trap_name(fault.vector), fault.error);
	check(!load_ds(SEL(2)), "an empty entry loads");
	expect_fault("empty entry", X86_GP, SEL(2) & ~3);
	expect_rc("update", update_descriptor(va_maddr(&ldt[2]), DESC_DATA), 0);
	check(load_ds(SEL(2)), "the updated entry does not load");
	expect_rc("system descriptor",
		  update_descriptor(va_maddr(&ldt[3]), DESC_TSS), -XEN_EINVAL);
	check(!load_ds(SEL(512)), "an entry past the end loads");
	check(update_va_mapping(ldt, va_maddr(ldt) | PTE_PAGE, UVMF_INVLPG) < 0,
	      "the LDT in use was mapped writable");
}

USER_CODE(code_load, "mov %eax, %es; mov %es, %ebx; ud2");

static void from_user(void)
{
	struct regs ctx = user_context(code_load), got;

	ctx.rax = SEL(1);
	got = user_run(&ctx);
	expect_eq("user load", got.vector, X86_UD);
	expect_eq("selector", got.rbx, SEL(1));
	ctx.rax = SEL(5);
	got = user_run(&ctx);
	expect_eq("user load of an empty entry", got.vector, X86_GP);
	expect_eq("its error code", got.error, SEL(5) & ~3);
	asm volatile("mov %w0, %%es" : : "r"(0));
}

static void removed(void)
{
	expect_rc("clear", set_ldt(NULL, 0), 0);
	check(!load_ds(SEL(1)), "a selector outlived the LDT");
	page_make_rw(ldt);
	check(try_write(&ldt[1], DESC_DATA), "the page stays read-only");
}

/*
 * A page that cannot be a descriptor frame: SET_LDT refuses it, or (as on
 * stock Xen, which looks at the page when it is used) the load is a fault.
 */
static void bad_page(const char *what)
{
	if (set_ldt(ldt, 512) < 0)
		return;
	check(!load_ds(SEL(1)), "%s: a selector loads", what);
	check(fault.vector == X86_PF || fault.vector == X86_GP,
	      "%s: got %s error 0x%lx", what, trap_name(fault.vector),
	      fault.error);
	expect_rc("clear", set_ldt(NULL, 0), 0);
}

static void bad_pages(void)
{
	bad_page("writable page");
	update_va_mapping(ldt, 0, UVMF_INVLPG);
	bad_page("absent page");
	page_make_rw(ldt);
	ldt[7] = DESC_TSS;
	page_make_ro(ldt);
	bad_page("page with a TSS");
	page_make_rw(ldt);
}

TEST("ldt")
{
	user_init();
	ldt = page_alloc();
	arguments();
	good();
	from_user();
	removed();
	bad_pages();
}
