// SPDX-License-Identifier: MIT
//
// See space.h.
#include "space.h"

#include <stdlib.h>

#include "must.h"

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

u64 fake_space_l4(const struct fake_space *s, u64 slot0)
{
	u64 l4 = fake_frame(s->d);

	fake_words(l4)[0] = slot0;
	must(fake_mmuext(s->v, MMUEXT_PIN_L4_TABLE, l4, 0) == 0);
	return l4;
}

void fake_space_load(const struct fake_space *s, u32 cmd, u64 l4)
{
	must(fake_mmuext(s->v, cmd, l4, 0) == 0);
}

u64 fake_space_enter(const struct fake_space *s)
{
	u64 user;

	must(fake_mmuext(s->v, MMUEXT_PIN_L4_TABLE, s->l4, 0) == 0);
	user = fake_space_l4(s, fake_words(s->l4)[0]);
	fake_space_load(s, MMUEXT_NEW_BASEPTR, s->l4);
	fake_space_load(s, MMUEXT_NEW_USER_BASEPTR, user);
	return user;
}

static void root_drop(struct domain *d, mfn_t *root)
{
	while (!mfn_is_none(*root) && root_put(d, *root))
		cpu_this()->work = 0;
	*root = MFN_NONE;
}

void fake_space_roots_put(struct fake_space *s)
{
	while (undo_finish(s->v))
		cpu_this()->work = 0;
	cpu_this()->cr3 = 0;
	root_drop(s->d, &s->v->kernel_root);
	root_drop(s->d, &s->v->user_root);
}

void fake_domain_relinquish(struct domain *d)
{
	d->dying = DOMAIN_DYING;
	while (domain_relinquish_memory(d))
		cpu_this()->work = 0;
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
	struct mmu_update req = {
		.ptr = (table << PAGE_SHIFT) + index * 8,
		.val = value,
	};
	struct regs r = {
		.rax = 99, .rdi = gva_of(&req), .rsi = 1, .r10 = DOMID_SELF};

	if (mmu_update_usual(v, &r))
		return (i64)r.rax;
	return fake_update_for(v, req.ptr, value, DOMID_SELF);
}
