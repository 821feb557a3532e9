// SPDX-License-Identifier: MIT
//
// The guest ABI as published (Debian's libxen-dev), and one inline function
// per hypercall that the tests use. A hypercall is issued by `syscall` from
// our own text, as current Linux kernels do it; the result is 0, a count, or
// a negative errno.

#pragma once

#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/errno.h>

#include "types.h"

static inline long hypercall(u32 nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	register u64 r10 asm("r10") = a4;
	register u64 r8 asm("r8") = a5;
	long ret = nr;

	asm volatile("syscall"
		     : "+a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10),
		       "+r"(r8)
		     :
		     : "rcx", "r11", "memory");
	return ret;
}

#define HCALL(nr, a1, a2, a3, a4)                                     \
	hypercall(__HYPERVISOR_##nr, (u64)(a1), (u64)(a2), (u64)(a3), \
		  (u64)(a4), 0)

static inline long set_trap_table(const struct trap_info *table)
{
	return HCALL(set_trap_table, table, 0, 0, 0);
}

/* The owner is DOMID_SELF unless the call names another one. */
static inline long mmu_update_dom(const struct mmu_update *req, u32 count,
				  u32 *done, u32 dom)
{
	return HCALL(mmu_update, req, count, done, dom);
}

static inline long mmuext_op_dom(const struct mmuext_op *ops, u32 count,
				 u32 *done, u32 dom)
{
	return HCALL(mmuext_op, ops, count, done, dom);
}

static inline long update_va_mapping(const volatile void *va, u64 val,
				     u64 flags)
{
	return HCALL(update_va_mapping, va, val, flags, 0);
}

static inline long set_gdt(const u64 *frames, u32 entries)
{
	return HCALL(set_gdt, frames, entries, 0, 0);
}

static inline long stack_switch(u64 ss, u64 sp)
{
	return HCALL(stack_switch, ss, sp, 0, 0);
}

static inline long fpu_taskswitch(bool set)
{
	return HCALL(fpu_taskswitch, set, 0, 0, 0);
}

static inline long set_debugreg(u32 reg, u64 val)
{
	return HCALL(set_debugreg, reg, val, 0, 0);
}

static inline long get_debugreg(u32 reg)
{
	return HCALL(get_debugreg, reg, 0, 0, 0);
}

static inline long update_descriptor(u64 maddr, u64 desc)
{
	return HCALL(update_descriptor, maddr, desc, 0, 0);
}

static inline long memory_op(u32 cmd, void *arg)
{
	return HCALL(memory_op, cmd, arg, 0, 0);
}

static inline long multicall(struct multicall_entry *list, u32 count)
{
	return HCALL(multicall, list, count, 0, 0);
}

static inline long set_timer_op(u64 when_ns)
{
	return HCALL(set_timer_op, when_ns, 0, 0, 0);
}

static inline long xen_version(u32 cmd, void *arg)
{
	return HCALL(xen_version, cmd, arg, 0, 0);
}

static inline long console_io(u32 cmd, u32 len, const void *buf)
{
	return HCALL(console_io, cmd, len, buf, 0);
}

static inline long grant_table_op(u32 cmd, void *arg, u32 count)
{
	return HCALL(grant_table_op, cmd, arg, count, 0);
}

static inline long vm_assist(u32 cmd, u32 type)
{
	return HCALL(vm_assist, cmd, type, 0, 0);
}

static inline long vcpu_op(u32 cmd, u32 vcpu, void *arg)
{
	return HCALL(vcpu_op, cmd, vcpu, arg, 0);
}

static inline long set_segment_base(u32 which, u64 base)
{
	return HCALL(set_segment_base, which, base, 0, 0);
}

static inline long sched_op(u32 cmd, const void *arg)
{
	return HCALL(sched_op, cmd, arg, 0, 0);
}

static inline long callback_op(u32 cmd, const void *arg)
{
	return HCALL(callback_op, cmd, arg, 0, 0);
}

static inline long event_channel_op(u32 cmd, void *arg)
{
	return HCALL(event_channel_op, cmd, arg, 0, 0);
}

static inline long physdev_op(u32 cmd, void *arg)
{
	return HCALL(physdev_op, cmd, arg, 0, 0);
}
