// SPDX-License-Identifier: MIT
//
// vCPUs: their structures, the context that the ABI gives them, and the place
// of their vcpu_info. A context is checked as a whole first; then references
// are taken, which may be refused or need several calls; filling in the rest
// cannot fail.
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"
#include "events/events.h"
#include "hw/x86.h"
#include "lib/string.h"
#include "sched/sched.h"

#define TRAPS 256
#define GDT_ENTRIES_PER_PAGE 512

// Stands in for the vcpu_info of vCPUs that have no place for one yet. They
// cannot run, so what others write there means nothing.
static struct vcpu_info no_info;

static struct vcpu_info *default_info(const struct vcpu *v)
{
	return v->id < XEN_LEGACY_MAX_VCPUS
		       ? &v->domain->shared->vcpu_info[v->id]
		       : &no_info;
}

static void registers_default(struct vcpu *v)
{
	memset(&v->regs, 0, sizeof(v->regs));
	v->ds = v->es = v->fs = v->gs = 0;
	v->fs_base = v->gs_base_kernel = v->gs_base_user = 0;
	v->cr0 = v->cr4 = 0;
	memset(v->dr, 0, sizeof(v->dr));
	v->iopl = 0;
	v->iobitmap = 0;
	v->iobitmap_ports = 0;
}

static void callbacks_clear(struct vcpu *v)
{
	static const struct callback none;

	v->event = v->failsafe = v->syscall = v->syscall32 = v->sysenter = none;
	memset(v->traps, 0, TRAPS * sizeof(*v->traps));
	v->kernel_sp = 0;
	v->kernel_ss = 0;
}

int vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v;

	if (id >= d->max_vcpus)
		return -EINVAL;
	if (d->vcpu[id])
		return -EEXIST;
	v = kalloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->domain = d;
	v->id = id;
	v->traps = kalloc(TRAPS * sizeof(*v->traps));
	if (!v->traps || fpu_alloc(v)) {
		vcpu_free(v);
		return -ENOMEM;
	}
	v->kernel_root = v->user_root = v->info_mfn = MFN_NONE;
	for (u32 i = 0; i < ARRAY_SIZE(v->gdt); i++)
		v->gdt[i] = MFN_NONE;
	for (u32 i = 0; i < ARRAY_SIZE(v->ldt); i++)
		v->ldt[i] = MFN_NONE;
	v->info = default_info(v);
	registers_default(v);
	memset(v->affinity, 0xff, sizeof(v->affinity));
	memset(v->affinity_soft, 0xff, sizeof(v->affinity_soft));
	vcpu_timers_init(v);
	sched_vcpu_init(v);
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return 0;
}

void vcpu_free(struct vcpu *v)
{
	if (!v)
		return;
	counters_leave(v);
	fpu_free(v);
	kfree(v->traps);
	kfree(v);
}

// ------------------------------------------------------------------ context

static bool addresses_valid(const struct vcpu_guest_context *c)
{
	const u64 address[] = {c->user_regs.rip,
			       c->user_regs.rsp,
			       c->kernel_sp,
			       c->fs_base,
			       c->gs_base_kernel,
			       c->gs_base_user,
			       c->event_callback_eip,
			       c->failsafe_callback_eip,
			       c->syscall_callback_eip,
			       c->ldt_base};

	for (u32 i = 0; i < ARRAY_SIZE(address); i++)
		if (!is_canonical(address[i]))
			return false;
	for (u32 i = 0; i < TRAPS; i++)
		if (!is_canonical(c->trap_ctxt[i].address))
			return false;
	return true;
}

static u64 gdt_pages(const struct vcpu_guest_context *c)
{
	return (c->gdt_ents + GDT_ENTRIES_PER_PAGE - 1) / GDT_ENTRIES_PER_PAGE;
}

static bool context_valid(const struct vcpu_guest_context *c)
{
	// User mode needs a root of its own.
	if (!(c->flags & VGCF_in_kernel) && !c->ctrlreg[1])
		return false;
	return addresses_valid(c) &&
	       c->gdt_ents <= GDT_GUEST_PAGES * GDT_ENTRIES_PER_PAGE &&
	       c->ldt_ents <= 8192;
}

static int root_drop(struct vcpu *v, mfn_t *root)
{
	int err;

	if (mfn_is_none(*root))
		return 0;
	err = root_put(v->domain, *root);
	if (!err)
		*root = MFN_NONE;
	return err;
}

// A call that was preempted left the root it already had taken.
static int root_take(struct vcpu *v, mfn_t *root, mfn_t wanted)
{
	int err;

	if (mfn_eq(*root, wanted))
		return 0;
	err = root_drop(v, root);
	if (!err && !mfn_is_none(wanted))
		err = root_get(v->domain, wanted);
	if (!err)
		*root = wanted;
	return err;
}

static int roots_take(struct vcpu *v, const struct vcpu_guest_context *c)
{
	mfn_t kernel = MFN(xen_cr3_to_pfn(c->ctrlreg[3]));
	mfn_t user =
		c->ctrlreg[1] ? MFN(xen_cr3_to_pfn(c->ctrlreg[1])) : MFN_NONE;
	int err = root_take(v, &v->kernel_root, kernel);

	return err ? err : root_take(v, &v->user_root, user);
}

static int gdt_take(struct vcpu *v, const struct vcpu_guest_context *c)
{
	mfn_t frame[GDT_GUEST_PAGES];

	for (u64 i = 0; i < gdt_pages(c); i++)
		frame[i] = MFN(c->gdt_frames[i]);
	return descriptor_set_gdt(v, frame, (u32)c->gdt_ents);
}

static int references_take(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int err = roots_take(v, c);

	if (!err && c->gdt_ents)
		err = gdt_take(v, c);
	if (!err && c->ldt_ents)
		err = descriptor_set_ldt(v, c->ldt_base, (u32)c->ldt_ents);
	return err;
}

// What must not reach the processor (flags, selectors) is corrected each time
// the registers are loaded (cpu/state.c).
static void registers_set(struct vcpu *v, const struct cpu_user_regs *u)
{
	struct regs *r = &v->regs;

#define COPY(a, b, c, d) r->a = u->a, r->b = u->b, r->c = u->c, r->d = u->d
	COPY(rax, rbx, rcx, rdx);
	COPY(rsi, rdi, rbp, rsp);
	COPY(r8, r9, r10, r11);
	COPY(r12, r13, r14, r15);
	COPY(rip, rflags, cs, ss);
#undef COPY
	r->vector = VEC_NONE;
	v->ds = u->ds;
	v->es = u->es;
	v->fs = u->fs;
	v->gs = u->gs;
	v->iopl = (u->rflags & RFLAGS_IOPL) / (RFLAGS_IOPL / 3);
}

static void callbacks_set(struct vcpu *v, const struct vcpu_guest_context *c)
{
	memcpy(v->traps, c->trap_ctxt, TRAPS * sizeof(*v->traps));
	v->kernel_sp = c->kernel_sp;
	v->kernel_ss = c->kernel_ss;
	v->event = (struct callback){c->event_callback_eip, true};
	v->failsafe = (struct callback){
		c->failsafe_callback_eip,
		c->flags & VGCF_failsafe_disables_events,
	};
	v->syscall = (struct callback){
		c->syscall_callback_eip,
		c->flags & VGCF_syscall_disables_events,
	};
}

// A debug register that the guest could not set itself stays as it was.
static void control_set(struct vcpu *v, const struct vcpu_guest_context *c)
{
	static const u8 debug[] = {0, 1, 2, 3, 6, 7};

	v->cr0 = c->ctrlreg[0] & CR0_TS;
	v->cr4 = c->ctrlreg[4];
	for (u32 i = 0; i < ARRAY_SIZE(debug); i++) {
		u64 value = c->debugreg[debug[i]];

		if (debugreg_check(debug[i], &value, v->cr4 & CR4_DE))
			v->dr[debug[i]] = value;
	}
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int err;

	if (v->initialised)
		return -EEXIST;
	if (!context_valid(c))
		return -EINVAL;
	err = references_take(v, c);
	if (err)
		return err == -ERESTART ? err : -EINVAL;
	v->in_kernel = c->flags & VGCF_in_kernel;
	registers_set(v, &c->user_regs);
	v->fs_base = c->fs_base;
	v->gs_base_kernel = c->gs_base_kernel;
	v->gs_base_user = c->gs_base_user;
	callbacks_set(v, c);
	control_set(v, c);
	if (c->flags & VGCF_i387_valid)
		fpu_import(v, &c->fpu_ctxt);
	else
		fpu_reset(v);
	__atomic_fetch_or(&v->domain->vm_assist, c->vm_assist,
			  __ATOMIC_RELAXED);
	v->initialised = true;
	if (c->flags & VGCF_online)
		vcpu_up(v);
	return 0;
}

int vcpu_reset(struct vcpu *v)
{
	int err;

	vcpu_down(v);
	vcpu_timers_stop(v);
	err = undo_finish(v);
	if (!err)
		err = root_drop(v, &v->user_root);
	if (!err)
		err = root_drop(v, &v->kernel_root);
	if (err)
		return err;
	descriptor_clear_gdt(v);
	descriptor_clear_ldt(v);
	callbacks_clear(v);
	registers_default(v);
	fpu_reset(v);
	v->runstate_area = v->time_area = 0;
	v->nmi_pending = v->nmi_masked = false;
	v->initialised = false;
	return 0;
}

// ---------------------------------------------------------------- vcpu_info

bool vcpu_info_present(const struct vcpu *v)
{
	return v->info != &no_info;
}

static int info_check(const struct vcpu *v, u32 offset)
{
	if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % 8)
		return -ENXIO;
	if (!mfn_is_none(v->info_mfn))
		return -EINVAL;
	if (v != vcpu_this() && READ_ONCE(v->state) != VCPU_DOWN)
		return -EINVAL;
	return 0;
}

static void info_copy(struct vcpu_info *to, const struct vcpu *v)
{
	if (vcpu_info_present(v)) {
		*to = *v->info;
	} else {
		memset(to, 0, sizeof(*to));
		to->evtchn_upcall_mask = 1;
	}
}

static int register_info(struct vcpu *v, mfn_t mfn, u32 offset)
{
	struct vcpu_info *info;
	int err = info_check(v, offset);

	if (err)
		return err;
	if (frame_get_type(mfn, TYPE_WRITABLE, v->domain))
		return -EINVAL;
	info = (struct vcpu_info *)((char *)mfn_virt(mfn) + offset);
	info_copy(info, v);
	v->info_mfn = mfn;
	__atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
	// An event raised during the copy may have gone to the old place.
	event_mark_pending(v);
	clock_update(v);
	return 0;
}

int vcpu_register_info(struct vcpu *v, mfn_t mfn, u32 offset)
{
	int err;

	lock_get(&v->domain->setup_lock);
	err = register_info(v, mfn, offset);
	lock_put(&v->domain->setup_lock);
	return err;
}

mfn_t vcpu_unregister_info(struct vcpu *v)
{
	mfn_t mfn = v->info_mfn;

	__atomic_store_n(&v->info, default_info(v), __ATOMIC_SEQ_CST);
	v->info_mfn = MFN_NONE;
	return mfn;
}
