// SPDX-License-Identifier: MIT
//
// See second.h.

#include "guest.h"
#include "second.h"

static u8 stack[2 * PAGE_SIZE] __attribute__((aligned(4096)));

extern char entry_event[], entry_failsafe[], entry_syscall[];

bool on_second(const struct regs *regs)
{
	return (u64)regs - (u64)stack < sizeof(stack);
}

static void fill(struct vcpu_guest_context *c, void (*fn)(void))
{
	u64 top = (u64)stack + sizeof(stack) - 24;

	c->flags = VGCF_in_kernel | VGCF_failsafe_disables_events;
	c->user_regs.rip = (u64)fn;
	c->user_regs.rsp = top;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.rflags = FL_ONE | FL_IF;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = top;
	c->event_callback_eip = (u64)entry_event;
	c->failsafe_callback_eip = (u64)entry_failsafe;
	c->syscall_callback_eip = (u64)entry_syscall;
	c->ctrlreg[3] = va_maddr((void *)start_info->pt_base);
	for (u32 i = 0; i < 32; i++)
		c->trap_ctxt[i] = (struct trap_info){
			(u8)i,
			0,
			FLAT_KERNEL_CS,
			trap_stub(i),
		};
}

void second_start(void (*fn)(void))
{
	static struct vcpu_guest_context context;
	long rc;

	fill(&context, fn);
	rc = vcpu_op(VCPUOP_initialise, 1, &context);
	if (rc == -XEN_ENOENT)
		test_skip("dom0 has one vCPU");
	require(rc == 0, "initialise: error %ld", rc);
	rc = vcpu_op(VCPUOP_up, 1, NULL);
	require(rc == 0, "up: error %ld", rc);
}
