// SPDX-License-Identifier: MIT
//
// From the guest's `syscall` to the handler and back. Arguments travel in
// RDI, RSI, RDX, R10, R8, R9, the result in RAX. A handler that stops early
// leaves its adjusted arguments; we put them back into the registers and move
// RIP to the `syscall` instruction again (2 bytes), so the guest repeats the
// call by itself after interrupts and the scheduler had their turn.
#include "hypercall/hypercall.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/percpu.h"
#include "domain/domain.h"
#include "mm/mm.h"

#define SYSCALL_BYTES 2

_Static_assert(HYPERCALL_MAX == COUNTER_HYPERCALLS, "each has a counter");

static inline i64 call(struct vcpu *v, struct hcall *h)
{
	if (h->nr >= HYPERCALL_MAX)
		return -ENOSYS;
	count_nth(CNT_HYPERCALL, h->nr);
	if (!hypercall_table[h->nr])
		return -ENOSYS;
	return hypercall_table[h->nr](v, h);
}

i64 hypercall_call(struct vcpu *v, struct hcall *h)
{
	return call(v, h);
}

static void repeat(struct regs *r, const struct hcall *h)
{
	r->rip -= SYSCALL_BYTES;
	r->rax = h->nr;
	r->rdi = h->arg[0];
	r->rsi = h->arg[1];
	r->rdx = h->arg[2];
	r->r10 = h->arg[3];
	r->r8 = h->arg[4];
	r->r9 = h->arg[5];
}

static hot_code void enter(struct vcpu *v, struct regs *r)
{
	struct hcall h = {
		.nr = r->rax,
		.arg = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9},
	};
	i64 result = call(v, &h);

	if (unlikely(h.restart))
		repeat(r, &h);
	else
		r->rax = (u64)result;
}

hot_code void hypercall_entry(struct vcpu *v, struct regs *r)
{
	cpu_this()->work = 0;
	v->hypercalls++;
	if (r->rax != __HYPERVISOR_mmu_update || !mmu_update_usual(v, r))
		enter(v, r);
}
