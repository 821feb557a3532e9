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

#define ROUNDS 100
#define LOOKS 20000
#define PAGE_FAULT 14

static volatile u64 *page;
static volatile u32 stopped, go; /* rounds */
static u8 second_stack[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct vcpu_guest_context context;

extern char entry_event[], entry_failsafe[], entry_syscall[];

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

	if (regs->vector != PAGE_FAULT || (u64)regs < (u64)second_stack ||
	    (u64)regs >= (u64)second_stack + sizeof(second_stack))
		return false;
	stopped = round;
	while (go != round)
		relax();
	return true;
}

static void start_second(void)
{
	u64 top = (u64)second_stack + sizeof(second_stack) - 24;
	long rc;

	context.flags = VGCF_in_kernel | VGCF_failsafe_disables_events;
	context.user_regs.rip = (u64)second;
	context.user_regs.rsp = top;
	context.user_regs.cs = FLAT_KERNEL_CS;
	context.user_regs.ss = FLAT_KERNEL_SS;
	context.user_regs.rflags = FL_ONE | FL_IF;
	context.kernel_ss = FLAT_KERNEL_SS;
	context.kernel_sp = top;
	context.event_callback_eip = (u64)entry_event;
	context.failsafe_callback_eip = (u64)entry_failsafe;
	context.syscall_callback_eip = (u64)entry_syscall;
	context.ctrlreg[3] = va_maddr((void *)start_info->pt_base);
	for (u32 i = 0; i < 32; i++)
		context.trap_ctxt[i] = (struct trap_info){
			(u8)i, 0, FLAT_KERNEL_CS, trap_stub(i),
		};
	rc = vcpu_op(VCPUOP_initialise, 1, &context);
	if (rc == -XEN_ENOENT)
		test_skip("dom0 has one vCPU");
	require(rc == 0, "initialise: error %ld", rc);
	trap_hook = on_fault;
	rc = vcpu_op(VCPUOP_up, 1, NULL);
	require(rc == 0, "up: error %ld", rc);
}

static void await_counting(void)
{
	u64 was = *page;

	for (u64 end = rdtsc() + (20UL << 30); *page == was; relax())
		require(rdtsc() < end, "the second vCPU does not count");
}

static void expect_still(u32 round)
{
	u64 was = *page;

	for (u32 i = 0; i < LOOKS; i++)
		if (!check(*page == was, "round %u: written after the unmap",
			   round))
			return;
	expect_eq("flags", grant_entry(20)->flags, GTF_permit_access);
	for (u64 end = rdtsc() + (20UL << 30); stopped != round; relax())
		require(rdtsc() < end, "no page fault in round %u", round);
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
	start_second();
	for (u32 round = 1; round <= ROUNDS; round++) {
		await_counting();
		expect_rc("unmap", grant_unmap(handle, (u64)test_page(0), 0),
			  0);
		expect_still(round);
		handle = map();
		go = round;
	}
}
