// SPDX-License-Identifier: MIT
//
// Guest kernels that write to their page tables directly. The tables are mapped
// read-only, so the write faults; if it hits a validated level 1 table it is
// decoded, checked like a hypercall's, and done for the guest with a compare
// and exchange on the entry itself. Anything else is the guest's own fault.

#include "abi/errno.h"
#include "cpu/decode.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "mm/priv.h"

enum target { TARGET_NONE, TARGET_WRITABLE, TARGET_TABLE };

// What addr leads to; *table is the level 1 table there. Under d's lock.
static enum target find_target(struct vcpu *v, gva_t addr, mfn_t *table)
{
	mfn_t l1 = walk_l1_table(v, addr);
	u64 e;

	if (mfn_is_none(l1))
		return TARGET_NONE;
	e = READ_ONCE(((const u64 *)mfn_virt(l1))[L1_INDEX(addr)]);
	if (!(e & PTE_P))
		return TARGET_NONE;
	*table = entry_mfn(e);
	if (table_level(*table, v->domain) == 1)
		return TARGET_TABLE;
	return e & PTE_RW ? TARGET_WRITABLE : TARGET_NONE;
}

static enum target look(struct vcpu *v, gva_t addr)
{
	enum target t;
	mfn_t table;

	lock_get(&v->domain->lock);
	t = find_target(v, addr, &table);
	lock_put(&v->domain->lock);
	return t;
}

static bool read_insn(struct write_insn *w, const struct regs *r)
{
	u8 code[INSN_MAX];
	size_t n = sizeof(code);

	if (guest_read(code, r->rip, n)) {
		n = min(n, (size_t)(PAGE_SIZE - (r->rip & (PAGE_SIZE - 1))));
		if (guest_read(code, r->rip, n))
			return false;
	}
	return decode_write(w, code, n, r);
}

// One try: -EAGAIN when the entry changed under our hands.
static int emulate(struct vcpu *v, const struct write_insn *w, u64 *entry,
		   struct regs *r)
{
	struct domain *d = v->domain;
	struct map_ask ask = {.d = d, .of = d, .owner = d->id};
	u32 shift = 8 * (w->address & 7);
	u64 mask = (w->size == 8 ? ~0ull : BIT(8 * w->size) - 1) << shift;
	struct regs after = *r;
	u64 old = READ_ONCE(*entry);
	u64 field = decode_execute(w, (old & mask) >> shift, &after);
	u64 value = (old & ~mask) | field << shift;
	int err = 0;

	if (value != old)
		err = entry_exchange(&ask, entry, old, value);
	if (!err)
		*r = after;
	return err;
}

static bool write_table(struct vcpu *v, const struct write_insn *w,
			struct regs *r)
{
	mfn_t table;
	int err = -EAGAIN;

	lock_get(&v->domain->lock);
	if (find_target(v, w->address, &table) != TARGET_TABLE)
		err = 0; // it changed meanwhile: let the guest try again
	while (err == -EAGAIN)
		err = emulate(v, w,
			      (u64 *)mfn_virt(table) +
				      (w->address >> 3 & (ENTRIES - 1)),
			      r);
	lock_put(&v->domain->lock);
	return err == 0;
}

bool ptwr_fault(struct vcpu *v, struct regs *r, gva_t addr)
{
	const u32 write = PFEC_P | PFEC_W;
	struct write_insn w;

	if (!v->in_kernel || (r->error & ~(u32)PFEC_U) != write)
		return false;
	switch (look(v, addr)) {
	case TARGET_NONE:
		return false;
	case TARGET_WRITABLE:
		count(CNT_PF_SPURIOUS); // another vCPU was faster
		return true;
	case TARGET_TABLE:
		break;
	}
	if (!read_insn(&w, r) || w.address != addr ||
	    (w.address & (w.size - 1)))
		return false;
	count(CNT_PTWR);
	return write_table(v, &w, r);
}
