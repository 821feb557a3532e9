// SPDX-License-Identifier: MIT
//
// hypercall-abi: registers, unknown numbers and bad pointers.
//
// Compilers inline `syscall` with only RCX, R11 and the result in the clobber
// list, so every other register must survive. Pointers of a guest may lie: into
// the hypervisor's own range above all.
//
// Provoked by contexts with known registers that issue one hypercall and then
// `ud2`, and by calls with numbers and addresses that do not exist. Expected
// (abi.md 1): all but RAX, RCX and R11 kept, flags too; -ENOSYS for unknown
// numbers and sub-ops; -EFAULT for pointers to nowhere, to the hypervisor's
// slots and to pages that the kernel may not write; nothing is written there.

#include "guest.h"

USER_CODE(code_call, "syscall; ud2");

static void registers_kept(u64 nr, u64 rdi, u64 rsi, u64 result)
{
	struct regs ctx = kernel_context(code_call), want, got;
	u64 *gpr = &ctx.r15;

	for (u64 i = 0; i < 15; i++)
		gpr[i] = 0xc0ffee0000000000UL + i;
	ctx.rax = nr;
	ctx.rdi = rdi;
	ctx.rsi = rsi;
	ctx.rdx = 0;
	ctx.r10 = DOMID_SELF;
	ctx.rflags |= FL_CF | FL_ZF;
	got = kernel_run(&ctx);
	want = ctx;
	want.vector = X86_UD;
	want.rip += 2;
	want.rax = result;
	want.rcx = got.rcx;
	want.r11 = got.r11;
	expect_entry("hypercall", &got, &want);
}

static void unknown_numbers(void)
{
	static const u64 numbers[] = {
		11,
		43,
		47,
		56,
		63,
		64,
		100,
		255,
		0x10000,
		0xffffffff,
		0x100000011,
		~0UL,
		1UL << 63 | __HYPERVISOR_xen_version,
	};
	struct regs ctx = kernel_context(code_call), got;

	for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
		ctx.rax = numbers[i];
		got = kernel_run(&ctx);
		check(got.rax == (u64)-XEN_ENOSYS, "hypercall 0x%lx gave %ld",
		      numbers[i], (long)got.rax);
	}
}

static void unknown_sub_ops(void)
{
	expect_rc("sched_op", sched_op(99, NULL), -XEN_ENOSYS);
	expect_rc("vcpu_op", vcpu_op(99, 0, NULL), -XEN_ENOSYS);
	expect_rc("memory_op", memory_op(60, NULL), -XEN_ENOSYS);
	expect_rc("event_channel_op", event_channel_op(99, NULL), -XEN_ENOSYS);
	expect_rc("callback_op", callback_op(99, NULL), -XEN_ENOSYS);
	expect_rc("physdev_op", physdev_op(99, NULL), -XEN_ENOSYS);
	expect_rc("mmuext_op", mmuext1(99, 0), -XEN_ENOSYS);
	expect_rc("xenpmu_op", HCALL(xenpmu_op, 0, 0, 0, 0), -XEN_EOPNOTSUPP);
	expect_rc("mmuext_op 14", mmuext1(14, 0), -XEN_ENOSYS);
}

static const u64 bad_pointers[] = {
	0, /* not mapped */
	0x1000,
	0x0000700000000000UL,
	0x0000800000000000UL, /* not canonical */
	0x8000000000000000UL,
	0xffff800000000000UL, /* the M2P: readable only */
	0xffff808000000000UL, /* the hypervisor's slots */
	0xffff82d040200000UL,
	0xffff830000000000UL,
	0xffff87fffffffff8UL,
	0xffff880000000000UL, /* not mapped in this guest */
	0xfffffffffffff000UL,
};

static void bad_outputs(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		void *p = (void *)bad_pointers[i];
		long rc = xen_version(XENVER_extraversion, p);
		check(rc == -XEN_EFAULT, "output to %p: %ld", p, rc);
		rc = xen_version(XENVER_get_features, p);
		check(rc == -XEN_EFAULT, "in/output at %p: %ld", p, rc);
	}
	u64 *table = (u64 *)start_info->pt_base;
	u64 before = table[0];
	expect_rc("output to a page table",
		  xen_version(XENVER_extraversion, table), -XEN_EFAULT);
	expect_eq("that table", table[0], before);
}

static void bad_inputs(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		void *p = (void *)bad_pointers[i];
		if ((u64)p == __MACH2PHYS_VIRT_START)
			continue;
		expect_rc("set_trap_table", set_trap_table(p ? p : (void *)8),
			  -XEN_EFAULT);
		expect_rc("mmu_update", mmu_update_dom(p, 1, NULL, DOMID_SELF),
			  -XEN_EFAULT);
		expect_rc("event_channel_op",
			  event_channel_op(EVTCHNOP_send, p), -XEN_EFAULT);
		expect_rc("console_io", console_io(CONSOLEIO_write, 4, p),
			  -XEN_EFAULT);
	}
}

/* A handle that starts in good memory and runs into a hole. */
static void straddling(void)
{
	char *page = page_alloc();

	expect_rc("unmap", update_va_mapping(page, 0, UVMF_INVLPG), 0);
	char *end = page - 4;
	struct evtchn_send *send = (struct evtchn_send *)(end + 2);
	expect_rc("send across a hole", event_channel_op(EVTCHNOP_send, send),
		  -XEN_EFAULT);
	expect_rc("console across a hole",
		  console_io(CONSOLEIO_write, 0x1000, page - 0x800),
		  -XEN_EFAULT);
	page_make_rw(page);
}

TEST("hypercall-abi")
{
	user_init();
	registers_kept(__HYPERVISOR_xen_version, XENVER_version, 0,
		       4 << 16 | 17);
	registers_kept(__HYPERVISOR_sched_op, 99, 0, (u64)-XEN_ENOSYS);
	registers_kept(200, 1, 2, (u64)-XEN_ENOSYS);
	registers_kept(__HYPERVISOR_fpu_taskswitch, 0, 0, 0);
	registers_kept(__HYPERVISOR_mmu_update, 0x1000, 1, (u64)-XEN_EFAULT);
	unknown_numbers();
	unknown_sub_ops();
	bad_outputs();
	bad_inputs();
	straddling();
}
