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
#include "mm/quick.h"

#define L1_ENTRY(addr) ((addr) >> 3 & (ENTRIES - 1)) // in the table

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
	if (quick_is_l1(*table, v->domain->id))
		return TARGET_TABLE;
	return e & PTE_RW ? TARGET_WRITABLE : TARGET_NONE;
}

// Most have no more than eight bytes, which is one load.
static bool read_insn(struct write_insn *w, const struct regs *r)
{
	u8 code[INSN_MAX];
	size_t n = sizeof(code);

	if (!guest_read(code, r->rip, 8) && decode_write(w, code, 8, r))
		return true;
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

// The usual instruction: 0, an error, or -ENOSYS when it is another. What was
// read as its operand's address is a register, which has to be addr.
static int exchange(struct vcpu *v, gva_t addr, u64 *entry, struct regs *r)
{
	struct domain *d = v->domain;
	const struct map_ask ask = {.d = d, .of = d, .owner = d->id};
	u64 code, old, *source;
	u8 reg, base;
	int err;

	if (guest_read_word(&code, r->rip) ||
	    !decode_plain_xchg(code, &reg, &base) ||
	    *register_of(r, base) != addr || addr % sizeof(u64))
		return -ENOSYS;
	source = register_of(r, reg);
	do {
		old = READ_ONCE(*entry);
		err = entry_exchange(&ask, entry, old, *source);
	} while (unlikely(err == -EAGAIN));
	if (unlikely(err))
		return err;
	*source = old;
	r->rip += PLAIN_XCHG_BYTES;
	r->rflags &= ~(u64)RFLAGS_RF;
	count(CNT_PTWR);
	return 0;
}

static bool write_table(struct vcpu *v, mfn_t table, gva_t addr, struct regs *r)
{
	u64 *entry = (u64 *)mfn_virt(table) + L1_ENTRY(addr);
	int err = exchange(v, addr, entry, r);
	struct write_insn w;

	if (likely(err != -ENOSYS))
		return err == 0;
	if (!read_insn(&w, r) || w.address != addr ||
	    (w.address & (w.size - 1)))
		return false;
	count(CNT_PTWR);
	do {
		err = emulate(v, &w, entry, r);
	} while (err == -EAGAIN);
	return err == 0;
}

bool ptwr_fault(struct vcpu *v, struct regs *r, gva_t addr)
{
	const u32 write = PFEC_P | PFEC_W;
	bool done = false;
	mfn_t table;

	if (!v->in_kernel || (r->error & ~(u32)PFEC_U) != write)
		return false;
	lock_get(&v->domain->lock);
	switch (find_target(v, addr, &table)) {
	case TARGET_NONE:
		break;
	case TARGET_WRITABLE:
		done = true; // another vCPU was faster
		break;
	case TARGET_TABLE:
		done = write_table(v, table, addr, r);
		break;
	}
	lock_put(&v->domain->lock);
	return done;
}
