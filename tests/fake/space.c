// SPDX-License-Identifier: MIT
//
// See space.h.
#include "space.h"

#include <stdlib.h>

struct fake_space fake_space(struct domain *d)
{
	struct fake_space s = {.d = d, .v = d->vcpu[0]};

	s.l4 = fake_frame(d);
	s.l3 = fake_frame(d);
	s.l2 = fake_frame(d);
	s.l1 = fake_frame(d);
	fake_words(s.l4)[0] = entry_of(s.l3, E_RW);
	fake_words(s.l3)[0] = entry_of(s.l2, E_RW);
	fake_words(s.l2)[0] = entry_of(s.l1, E_RW);
	for (u32 i = 0; i < FAKE_DATA; i++) {
		s.data[i] = fake_frame(d);
		fake_words(s.l1)[i] = entry_of(s.data[i], E_RW);
	}
	return s;
}

static i64 mmuext(struct vcpu *v, struct mmuext_op op, domid_t domid)
{
	return fake_hypercall(v, hc_mmuext_op, gva_of(&op), 1, 0, domid);
}

i64 fake_mmuext(struct vcpu *v, u32 cmd, u64 arg1, u64 arg2)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg1};

	op.arg2.src_mfn = arg2;
	return mmuext(v, op, DOMID_SELF);
}

i64 fake_mmuext_for(struct vcpu *v, u32 cmd, u64 arg1, domid_t domid)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg1};

	return mmuext(v, op, domid);
}

i64 fake_update_for(struct vcpu *v, u64 ptr, u64 value, u32 foreigndom)
{
	struct mmu_update req = {.ptr = ptr, .val = value};
	u32 done = 99;
	i64 rc = fake_hypercall(v, hc_mmu_update, gva_of(&req), 1,
				gva_of(&done), foreigndom);

	if (done != (rc == 0))
		abort();
	return rc;
}

i64 fake_update(struct vcpu *v, u64 table, u32 index, u64 value)
{
	return fake_update_for(v, (table << PAGE_SHIFT) + index * 8, value,
			       DOMID_SELF);
}
