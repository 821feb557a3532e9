// SPDX-License-Identifier: MIT
//
// vcpu-info: moving a vCPU's record out of the shared page.
//
// Linux places each vCPU's record in its per-CPU memory. Nothing may be lost in
// the move: the hypervisor copies the old contents and then makes all look
// pending, so that the guest looks through everything once.
//
// Provoked by VCPUOP_register_vcpu_info with bad frames and offsets, then a
// good one, then again. Expected (abi.md 2.4): a record may not leave its page,
// nor lie in a frame that is not the guest's or that is a page table; after the
// move upcall_pending is set and the selector is full; mask, time and CR2 go on
// in the new place, events too; a second registration is refused.

#include "guest.h"

static long reg(u64 mfn, u32 offset, u32 vcpu)
{
	struct vcpu_register_vcpu_info r = {.mfn = mfn, .offset = offset};

	return vcpu_op(VCPUOP_register_vcpu_info, vcpu, &r);
}

static void refused(void)
{
	u64 own = va_mfn(page_alloc());

	check(reg(own, PAGE_SIZE - 63, 0) < 0, "a record past its page");
	check(reg(own, 0xffffffc0, 0) < 0, "a record at a huge offset");
	expect_rc("no such frame", reg(0xfffffffff, 0, 0), -XEN_EINVAL);
	check(reg(va_mfn((void *)start_info->pt_base), 0, 0) < 0,
	      "a record in a page table");
	check(reg(0, 0, 0) < 0, "a record in frame 0");
	expect_rc("vCPU 99", reg(own, 0, 99), -XEN_ENOENT);
	expect_eq("mask", vcpu_info->evtchn_upcall_mask, 1);
}

static void moved(void)
{
	char *page = page_alloc();
	const u32 offset = 0x7c0;

	expect_rc("register", reg(va_mfn(page), offset, 0), 0);
	vcpu_info = (void *)(page + offset);
	expect_eq("mask", vcpu_info->evtchn_upcall_mask, 1);
	expect_eq("pending", vcpu_info->evtchn_upcall_pending, 1);
	expect_eq("selector", vcpu_info->evtchn_pending_sel, ~0UL);
	check(vcpu_info->time.version != 0 &&
		      vcpu_info->time.tsc_to_system_mul != 0,
	      "no time");
	expect_rc("second time", reg(va_mfn(page), 0, 0), -XEN_EINVAL);
}

static void works(void)
{
	u32 port = port_bind_ipi(), upcalls = event_upcalls;
	u64 tmp;

	events_unmask();
	hypercall_poke();
	expect_eq("upcalls after the move", event_upcalls, upcalls + 1);
	port_send(port);
	expect_eq("upcalls of a send", event_upcalls, upcalls + 2);
	events_mask();
	check(!try_read((void *)0x7abc, &tmp), "0x7abc is mapped");
	expect_eq("cr2", vcpu_info->arch.cr2, 0x7abc);
	u64 when = now_ns() + 5 * MS;
	sleep_until(when);
	check(now_ns() >= when, "the clock of the new place stands");
}

TEST("vcpu-info")
{
	refused();
	moved();
	works();
}
