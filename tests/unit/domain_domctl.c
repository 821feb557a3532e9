// SPDX-License-Identifier: MIT
// uses: src/domain/domctl.c src/domain/domctl_access.c
// uses: src/domain/domctl_create.c src/domain/domctl_info.c
// uses: src/domain/domctl_memory.c src/domain/domctl_notify.c
// uses: src/domain/domctl_policy.c
// uses: src/domain/domctl_sched.c src/domain/domctl_state.c
// uses: src/domain/domctl_time.c src/domain/domctl_vcpu.c
// uses: src/domain/rangeset.c
// uses: src/hypercall/bitmap.c src/hypercall/policy_io.c
// uses: src/cpu/policy.c src/cpu/policy_set.c tests/fake/core.c
// uses: tests/fake/control.c
//
// domctl with tools that are honest, mistaken and hostile: what each command
// does to a domain, what comes back, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "control.h"
#include "hypercall/hypercall.h"

static struct xen_domctl op;

// ---------------------------------------------------------------------- calls

static bool restarted;

static int call_as(struct vcpu *v)
{
	struct hcall h = {.arg = {gva_of(&op)}};
	int result = (int)hc_domctl(v, &h);

	restarted = h.restart;
	return result;
}

static int call(u32 cmd, domid_t domain)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = domain;
	return call_as(&caller);
}

static int set_up(void **state)
{
	memset(&op, 0, sizeof(op));
	fake_guest_reset();
	kicks = wall_updates = detach_fails = moves = 0;
	destroy_result = context_result = 0;
	memset(guest_vcpu.affinity, 0xff, sizeof(guest_vcpu.affinity));
	memset(guest_vcpu.affinity_soft, 0xff, sizeof(guest_vcpu.affinity));
	fake_fault_bytes = 0;
	fake_fault_on_write = false;
	fake_alloc_fails = 0;
	return 0;
}

// ------------------------------------------------------------------- dispatch

static void only_the_control_domain_calls(void **state)
{
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.cmd = XEN_DOMCTL_getdomaininfo;
	assert_int_equal(call_as(&guest_vcpu), -EPERM);
	op.interface_version++;
	assert_int_equal(call_as(&caller), -EACCES);
	fake_fault_at = &op;
	fake_fault_bytes = 1;
	assert_int_equal(call_as(&caller), -EFAULT);
}

static void unknown_commands_are_refused(void **state)
{
	static const u32 absent[] = {0,
				     6,
				     XEN_DOMCTL_gethvmcontext,
				     XEN_DOMCTL_bind_pt_irq,
				     XEN_DOMCTL_mem_sharing_op,
				     XEN_DOMCTL_set_paging_mempool_size,
				     XEN_DOMCTL_gdbsx_domstatus,
				     ~0u};

	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(call(absent[i], 5), -ENOSYS);
}

static void targets_must_exist_and_some_be_others(void **state)
{
	static const u32 others[] = {
		XEN_DOMCTL_destroydomain,  XEN_DOMCTL_pausedomain,
		XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
		XEN_DOMCTL_max_vcpus,      XEN_DOMCTL_resumedomain,
		XEN_DOMCTL_set_cpu_policy, XEN_DOMCTL_settscinfo,
	};

	for (u32 i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(call(others[i], 6), -ESRCH);
		assert_int_equal(call(others[i], DOMID_SELF), -ESRCH);
		assert_int_equal(call(others[i], 0), -EINVAL);
	}
}

static void answers_that_cannot_be_written_are_efault(void **state)
{
	static const u32 answers[] = {
		XEN_DOMCTL_getdomaininfo,    XEN_DOMCTL_getvcpuinfo,
		XEN_DOMCTL_get_address_size, XEN_DOMCTL_gettscinfo,
		XEN_DOMCTL_get_cpu_policy,   XEN_DOMCTL_get_ext_vcpucontext,
	};

	fake_fault_at = &op;
	fake_fault_bytes = 1;
	fake_fault_on_write = true;
	for (u32 i = 0; i < ARRAY_SIZE(answers); i++) {
		memset(&op, 0, sizeof(op));
		assert_int_equal(call(answers[i], 5), -EFAULT);
	}
}

// All of these begin with its number.
static void vcpus_that_there_are_not_are_refused(void **state)
{
	static const struct {
		u32 cmd;
		int err;
	} table[] = {
		{XEN_DOMCTL_setvcpucontext, -EINVAL},
		{XEN_DOMCTL_getvcpucontext, -ESRCH},
		{XEN_DOMCTL_set_ext_vcpucontext, -ESRCH},
		{XEN_DOMCTL_get_ext_vcpucontext, -ESRCH},
		{XEN_DOMCTL_setvcpuextstate, -ESRCH},
		{XEN_DOMCTL_getvcpuextstate, -ESRCH},
		{XEN_DOMCTL_set_vcpu_msrs, -ESRCH},
		{XEN_DOMCTL_get_vcpu_msrs, -ESRCH},
		{XEN_DOMCTL_setvcpuaffinity, -EINVAL},
		{XEN_DOMCTL_getvcpuaffinity, -EINVAL},
		{XEN_DOMCTL_getvcpuinfo, -EINVAL},
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		memset(&op.u, 0xff, sizeof(op.u));
		assert_int_equal(call(table[i].cmd, 5), table[i].err);
	}
}

// ------------------------------------------------------------------- lifetime

static int create(domid_t id)
{
	op.u.createdomain = (struct xen_domctl_createdomain){
		.max_vcpus = 3,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = 7,
		.grant_opts = 1,
	};
	return call(XEN_DOMCTL_createdomain, id);
}

static void domains_get_ids_of_their_own(void **state)
{
	domid_t first;

	assert_int_equal(create(9), 0);
	assert_int_equal(op.domain, 9);
	assert_int_equal(create(5), -EEXIST);
	assert_int_equal(create(0), 0);
	first = op.domain;
	assert_int_not_equal(first, 0);
	assert_int_equal(create(0xffff), 0);
	assert_int_not_equal(op.domain, first);
	assert_int_equal(fresh.controller_pauses, 1);
	assert_int_equal(created.max_vcpus, 3);
	assert_int_equal(created.max_ports, 1024);
	assert_int_equal(created.grant_frames, 64);
	op.u.createdomain.max_grant_frames = 65; // more than there can be
	assert_int_equal(call(XEN_DOMCTL_createdomain, 0), 0);
	assert_int_equal(created.grant_frames, 65); // for mm to refuse
	assert_int_equal(created.maptrack_frames, 7);
	assert_false(created.privileged);
}

static void what_cannot_be_is_not_created(void **state)
{
	struct xen_domctl_createdomain good, *c = &op.u.createdomain;

	assert_int_equal(create(9), 0);
	good = op.u.createdomain;
#define REFUSED(field, value)          \
	*c = good, c->field = (value), \
	assert_int_equal(call(XEN_DOMCTL_createdomain, 9), -EINVAL)
	REFUSED(max_vcpus, 0);
	REFUSED(flags, XEN_DOMCTL_CDF_hvm);
	REFUSED(flags, XEN_DOMCTL_CDF_vpmu);
	REFUSED(flags, 1u << 31);
	REFUSED(iommu_opts, 1);
	REFUSED(grant_opts, 0);
	REFUSED(grant_opts, 2);
	REFUSED(grant_opts, 0x11);
	REFUSED(vmtrace_size, 4096);
	REFUSED(cpupool_id, 1);
	REFUSED(arch.emulation_flags, 1);
	REFUSED(arch.misc_flags, 2);
#undef REFUSED
}

static void pauses_are_counted(void **state)
{
	assert_int_equal(call(XEN_DOMCTL_unpausedomain, 5), -EINVAL);
	for (u32 i = 0; i < 255; i++)
		assert_int_equal(call(XEN_DOMCTL_pausedomain, 5), 0);
	assert_int_equal(call(XEN_DOMCTL_pausedomain, 5), -EOVERFLOW);
	assert_int_equal(pauses, 255);
	for (u32 i = 0; i < 255; i++)
		assert_int_equal(call(XEN_DOMCTL_unpausedomain, 5), 0);
	assert_int_equal(call(XEN_DOMCTL_unpausedomain, 5), -EINVAL);
	assert_int_equal(pauses, 0);
	assert_true(guest.started);
}

static void destroying_is_restarted(void **state)
{
	destroy_result = -ERESTART;
	assert_int_equal(call(XEN_DOMCTL_destroydomain, 5), 0);
	assert_true(restarted);
	assert_int_equal(call(XEN_DOMCTL_destroydomain, 5), 0);
	assert_false(restarted);
}

// ---------------------------------------------------------------- information

static void information_is_of_this_domain_or_the_next(void **state)
{
	const struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

	guest.controller_pauses = 1;
	assert_int_equal(call(XEN_DOMCTL_getdomaininfo, 1), 0);
	assert_int_equal(op.domain, 5);
	assert_int_equal(info->domain, 5);
	assert_int_equal(info->nr_online_vcpus, 1);
	assert_int_equal(info->max_vcpu_id, 0);
	assert_int_equal(info->cpu_time, 77);
	assert_int_equal(info->flags,
			 XEN_DOMINF_paused | XEN_DOMINF_blocked | 255u << 16);
	guest_vcpu.state = VCPU_RUNNING;
	guest.is_shut_down = true;
	guest.shutdown_code = SHUTDOWN_crash;
	guest.dying = DOMAIN_DEAD;
	guest.controller_pauses = 0;
	assert_int_equal(call(XEN_DOMCTL_getdomaininfo, 5), 0);
	assert_int_equal(info->flags, XEN_DOMINF_running | XEN_DOMINF_shutdown |
					      XEN_DOMINF_dying |
					      SHUTDOWN_crash << 16);
	guest.is_shut_down = false;
	assert_int_equal(call(XEN_DOMCTL_getdomaininfo, 6), -ESRCH);
}

static void vcpu_information(void **state)
{
	op.u.getvcpuinfo.vcpu = 0;
	assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, 5), 0);
	assert_true(op.u.getvcpuinfo.online);
	assert_true(op.u.getvcpuinfo.blocked);
	assert_false(op.u.getvcpuinfo.running);
	op.u.getvcpuinfo.vcpu = 1;
	assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, 5), -ESRCH);
	op.u.getvcpuinfo.vcpu = 2;
	assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, 5), -EINVAL);
	op.u.getvcpuinfo.vcpu = ~0u;
	assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, 5), -EINVAL);
}

// ----------------------------------------------------------------------- vCPUs

static void all_vcpus_are_made_at_once(void **state)
{
	op.u.max_vcpus.max = 3;
	assert_int_equal(call(XEN_DOMCTL_max_vcpus, 5), -EINVAL);
	op.u.max_vcpus.max = 2;
	assert_int_equal(call(XEN_DOMCTL_max_vcpus, 5), 0);
	assert_non_null(guest.vcpu[1]);
}

static void contexts_are_set_on_a_vcpu_at_rest(void **state)
{
	static struct vcpu_guest_context context;
	struct xen_domctl_vcpucontext *a = &op.u.vcpucontext;

	a->vcpu = 0;
	set_xen_guest_handle(a->ctxt, &context);
	detach_fails = 3;
	context.flags = VGCF_online;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), 0);
	assert_true(guest_vcpu.initialised);
	assert_int_equal(detach_fails, 0);
	assert_int_equal(guest_vcpu.pause_count, 0);
	context_result = -EINVAL; // the old one stays
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), -EINVAL);
	assert_true(guest_vcpu.initialised);
	context_result = -ERESTART;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), 0);
	assert_true(restarted);
	context.flags = 0;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), 0);
	assert_int_equal(guest_vcpu.state, VCPU_DOWN);

	assert_int_equal(call(XEN_DOMCTL_getvcpucontext, 5), 0);
	assert_int_equal(context.kernel_sp, 0x1234);
	fake_fault_at = &context;
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), -EFAULT);
	assert_int_equal(call(XEN_DOMCTL_getvcpucontext, 5), -EFAULT);
	fake_fault_bytes = 0;
	fake_alloc_fails = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), -ENOMEM);
	fake_alloc_fails = 0;
	set_xen_guest_handle(a->ctxt, NULL);
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), 0);
	assert_false(guest_vcpu.initialised);
	assert_int_equal(call(XEN_DOMCTL_getvcpucontext, 5), -ENODATA);
	a->vcpu = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpucontext, 5), -EINVAL);
	assert_int_equal(call(XEN_DOMCTL_getvcpucontext, 5), -ESRCH);
	assert_int_equal(guest_vcpu.pause_count, 0);
	assert_int_equal(fake_allocated, 0);
}

static void callbacks_travel(void **state)
{
	struct xen_domctl_ext_vcpucontext *a = &op.u.ext_vcpucontext;

	*a = (struct xen_domctl_ext_vcpucontext){
		.size = offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap),
		.syscall32_callback_eip = 0xffffffff81000000,
		.sysenter_callback_eip = 0x1000,
		.sysenter_disables_events = 1,
	};
	assert_int_equal(call(XEN_DOMCTL_set_ext_vcpucontext, 5), 0);
	memset(a, 0, sizeof(*a));
	assert_int_equal(call(XEN_DOMCTL_get_ext_vcpucontext, 5), 0);
	assert_int_equal(a->size, sizeof(*a));
	assert_int_equal(a->syscall32_callback_eip, 0xffffffff81000000);
	assert_int_equal(a->sysenter_callback_eip, 0x1000);
	assert_false(a->syscall32_disables_events);
	assert_true(a->sysenter_disables_events);
	a->sysenter_callback_eip = 1ull << 47;
	assert_int_equal(call(XEN_DOMCTL_set_ext_vcpucontext, 5), -EINVAL);
	a->sysenter_callback_eip = 0;
	a->size = 8;
	assert_int_equal(call(XEN_DOMCTL_set_ext_vcpucontext, 5), -EINVAL);
	a->vcpu = 1;
	assert_int_equal(call(XEN_DOMCTL_set_ext_vcpucontext, 5), -ESRCH);
	assert_int_equal(call(XEN_DOMCTL_get_ext_vcpucontext, 5), -ESRCH);
}

static void vector_registers_travel(void **state)
{
	struct xen_domctl_vcpuextstate *a = &op.u.vcpuextstate;
	static u64 buffer[(16 + STATE_BYTES) / 8];

	assert_int_equal(call(XEN_DOMCTL_getvcpuextstate, 5), 0);
	assert_int_equal(a->size, 16 + STATE_BYTES);
	assert_int_equal(a->xfeature_mask, 7);
	set_xen_guest_handle(a->buffer, buffer);
	guest_vcpu.xcr0 = 3;
	assert_int_equal(call(XEN_DOMCTL_getvcpuextstate, 5), 0);
	assert_int_equal(buffer[0], 3);
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), 0);
	assert_int_equal(state_set, 3);
	a->size -= 8;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), 0);
	assert_int_equal(call(XEN_DOMCTL_getvcpuextstate, 5), -EINVAL);
	buffer[0] = 0xbad;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), -EINVAL);
	a->size = 16 + 575;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), -EINVAL);
	a->size = ~0ull;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), -EINVAL);
	a->size = 16 + STATE_BYTES;
	fake_fault_at = buffer;
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), -EFAULT);
	assert_int_equal(call(XEN_DOMCTL_getvcpuextstate, 5), -EFAULT);
	fake_alloc_fails = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpuextstate, 5), -ENOMEM);
	fake_alloc_fails = 1;
	assert_int_equal(call(XEN_DOMCTL_getvcpuextstate, 5), -ENOMEM);
	assert_int_equal(guest_vcpu.pause_count, 0);
	assert_int_equal(fake_allocated, 0);
}

static void one_msr_travels(void **state)
{
	struct xen_domctl_vcpu_msrs *a = &op.u.vcpu_msrs;
	struct xen_domctl_vcpu_msr msr[2] = {
		{.index = 0xc0000103, .value = 9},
		{.index = 0x48, .value = 1},
	};

	assert_int_equal(call(XEN_DOMCTL_get_vcpu_msrs, 5), 0);
	assert_int_equal(a->msr_count, 1);
	set_xen_guest_handle(a->msrs, msr);
	a->msr_count = 2;
	assert_int_equal(call(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	assert_int_equal(a->msr_count, 1); // the first was taken
	assert_int_equal(guest_vcpu.tsc_aux, 9);
	msr[0].value = 0;
	assert_int_equal(call(XEN_DOMCTL_get_vcpu_msrs, 5), 0);
	assert_int_equal(msr[0].value, 9);
	a->msr_count = 0;
	assert_int_equal(call(XEN_DOMCTL_get_vcpu_msrs, 5), -ENOBUFS);
	a->msr_count = 1;
	msr[0].value = 1ull << 32;
	assert_int_equal(call(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	a->msr_count = 1;
	msr[0].value = 0;
	msr[0].reserved = 1;
	assert_int_equal(call(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	a->msr_count = 17;
	assert_int_equal(call(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	assert_int_equal(guest_vcpu.tsc_aux, 9);
}

static void triggers(void **state)
{
	assert_int_equal(call(XEN_DOMCTL_sendtrigger, 5), 0);
	assert_true(guest_vcpu.nmi_pending);
	assert_int_equal(kicks, 1);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	assert_int_equal(call(XEN_DOMCTL_sendtrigger, 5), -EINVAL);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_RESET;
	assert_int_equal(call(XEN_DOMCTL_sendtrigger, 5), -ENOSYS);
	op.u.sendtrigger.vcpu = 1;
	assert_int_equal(call(XEN_DOMCTL_sendtrigger, 5), -ESRCH);
}

static void affinity_leaves_a_processor(void **state)
{
	struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
	u8 hard[32] = {0x02}, soft[1] = {0x03};

	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	set_xen_guest_handle(a->cpumap_hard.bitmap, hard);
	a->cpumap_hard.nr_bits = sizeof(hard) * 8;
	set_xen_guest_handle(a->cpumap_soft.bitmap, soft);
	a->cpumap_soft.nr_bits = 3;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), 0);
	assert_int_equal(guest_vcpu.affinity[0], 2);
	assert_int_equal(guest_vcpu.affinity_soft[0], 3);
	assert_int_equal(moves, 1);
	assert_int_equal(soft[0], 2); // what is effective

	memset(hard, 0xaa, sizeof(hard));
	assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, 5), 0);
	assert_int_equal(hard[0], 2);
	assert_int_equal(hard[31], 0); // room that we do not need
	assert_int_equal(soft[0], 3);

	soft[0] = 1; // a wish that the hard map rules out
	a->flags = XEN_VCPUAFFINITY_SOFT;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), 0);
	assert_int_equal(guest_vcpu.affinity_soft[0], 1);
	assert_int_equal(soft[0], 0);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;

	hard[0] = 0x04; // there are two processors
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	assert_int_equal(guest_vcpu.affinity[0], 2);
	hard[0] = 1;
	a->cpumap_hard.nr_bits = 0;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	a->cpumap_hard.nr_bits = ~0u;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, 5), -EINVAL);
	a->cpumap_hard.nr_bits = 8;
	fake_fault_at = hard;
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EFAULT);
	fake_fault_bytes = 0;
	a->flags = 0;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	a->flags = XEN_VCPUAFFINITY_HARD;
	a->vcpu = 1;
	assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
}

static void nodes(void **state)
{
	struct xenctl_bitmap *map = &op.u.nodeaffinity.nodemap;
	u8 bytes[2] = {0xff, 0xff};

	set_xen_guest_handle(map->bitmap, bytes);
	map->nr_bits = 16;
	assert_int_equal(call(XEN_DOMCTL_getnodeaffinity, 5), 0);
	assert_int_equal(bytes[0], 1);
	assert_int_equal(bytes[1], 0);
	assert_int_equal(call(XEN_DOMCTL_setnodeaffinity, 5), 0);
	bytes[0] = 2;
	assert_int_equal(call(XEN_DOMCTL_setnodeaffinity, 5), -EINVAL);
}

static void scheduler_parameters(void **state)
{
	struct xen_domctl_scheduler_op *a = &op.u.scheduler_op;

	a->sched_id = XEN_SCHEDULER_CREDIT2;
	a->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	a->u.credit2.weight = 512;
	a->u.credit2.cap = 50;
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), 0);
	a->u.credit2.weight = 0; // leave it
	a->u.credit2.cap = 0xffff;
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), 0);
	a->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), 0);
	assert_int_equal(a->u.credit2.weight, 512);
	assert_int_equal(a->u.credit2.cap, 50);
	a->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	a->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	a->sched_id = XEN_SCHEDULER_CREDIT;
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	a->sched_id = XEN_SCHEDULER_CREDIT2;
	a->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	guest.dying = DOMAIN_DYING; // its timers are stopped
	assert_int_equal(call(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	guest.dying = DOMAIN_ALIVE;
}

// --------------------------------------------------------------------- memory

static void lists_of_frames_are_bounded(void **state)
{
	static u64 list[1024];
	struct xen_domctl_getpageframeinfo3 *a = &op.u.getpageframeinfo3;

	set_xen_guest_handle(a->array, list);
	a->num = 1024;
	assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, 5), 0);
	assert_int_equal(list[0], XEN_DOMCTL_PFINFO_XTAB);
	assert_int_equal(list[1023], XEN_DOMCTL_PFINFO_XTAB);
	a->num = 1025;
	assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, 5), -E2BIG);
	a->num = ~0ull;
	assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, 5), -E2BIG);
	a->num = 100;
	fake_fault_at = &list[99];
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, 5), -EFAULT);
}

static void memory_limits(void **state)
{
	op.u.max_mem.max_memkb = 4096;
	assert_int_equal(call(XEN_DOMCTL_max_mem, 5), 0);
	assert_int_equal(guest.max_pages, 1024);
	op.u.hypercall_init.gmfn = 1;
	assert_int_equal(call(XEN_DOMCTL_hypercall_init, 5), -EACCES);
}

static int shadow(u32 what, u32 mode)
{
	op.u.shadow_op.op = what;
	op.u.shadow_op.mode = mode;
	return call(XEN_DOMCTL_shadow_op, 5);
}

static void written_pages_are_logged(void **state)
{
	op.u.shadow_op.pages = 1000;
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, 0), -EOPNOTSUPP);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, 0),
			 -EOPNOTSUPP);
	assert_false(log_on);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE,
				XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY),
			 0);
	assert_true(log_on);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0),
			 -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_PEEK, 0), 0);
	assert_int_equal(op.u.shadow_op.pages, 7); // written back
	assert_false(log_cleaned);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN,
				XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL),
			 0);
	assert_true(log_cleaned);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), 0);
	assert_false(log_on);
	assert_int_equal(pauses, 0);
}

// --------------------------------------------------------------------- devices

static int ports(u32 first, u32 n, bool allow)
{
	op.u.ioport_permission =
		(struct xen_domctl_ioport_permission){first, n, allow};
	return call(XEN_DOMCTL_ioport_permission, 5);
}

#define KEPT 0xf8000ull // what nobody may map

bool iomem_kept(u64 first, u64 last)
{
	return first <= KEPT && last >= KEPT;
}

static int frames(u64 first, u64 n, bool allow)
{
	op.u.iomem_permission =
		(struct xen_domctl_iomem_permission){first, n, allow};
	return call(XEN_DOMCTL_iomem_permission, 5);
}

static void only_what_one_has_can_be_given(void **state)
{
	assert_int_equal(rangeset_add(control.ioports, 0x100, 0x1ff), 0);
	assert_int_equal(ports(0x100, 8, true), 0);
	assert_true(rangeset_has(guest.ioports, 0x100, 0x107));
	assert_int_equal(ports(0x100, 4, false), 0);
	assert_false(rangeset_has(guest.ioports, 0x100, 0x100));
	assert_int_equal(ports(0x1ff, 2, true), -EPERM);
	assert_int_equal(ports(0x1ff, 0, true), 0);
	assert_int_equal(ports(0xffff, 2, true), -EINVAL);
	assert_int_equal(ports(~0u, ~0u, true), -EINVAL);

	assert_int_equal(rangeset_add(control.iomem, 0xf0000, 0xfffff), 0);
	assert_int_equal(frames(0xf0000, 16, true), 0);
	assert_true(rangeset_has(guest.iomem, 0xf0000, 0xf000f));
	assert_int_equal(frames(0xfffff, 2, true), -EPERM);
	assert_int_equal(frames(KEPT - 4, 5, true), -EPERM);
	assert_false(rangeset_has(guest.iomem, KEPT - 4, KEPT - 4));
	assert_int_equal(frames(KEPT - 4, 4, true), 0);
	assert_int_equal(frames(KEPT - 4, 5, false), 0); // taking is no harm
	assert_int_equal(frames(0xf0000, 0, true), -EINVAL);
	assert_int_equal(frames(~0ull, 2, true), -EINVAL);
	assert_int_equal(frames(1ull << 28, 1, true), -EINVAL);
	assert_int_equal(call(XEN_DOMCTL_assign_device, 5), -EOPNOTSUPP);
}

static int line(u8 pirq, bool allow)
{
	op.u.irq_permission = (struct xen_domctl_irq_permission){
		.pirq = pirq, .allow_access = allow};
	return call(XEN_DOMCTL_irq_permission, 5);
}

static void lines_are_given_and_taken(void **state)
{
	assert_int_equal(line(4, true), 0);
	assert_int_equal(line_allowed, 4);
	assert_int_equal(line(4, false), 0);
	assert_int_equal(line_allowed, 0);
	assert_int_equal(line(16, true), -EPERM);
	assert_int_equal(call(XEN_DOMCTL_irq_permission, 0), -EINVAL);
	assert_int_equal(call(XEN_DOMCTL_irq_permission, 6), -ESRCH);
}

// --------------------------------------------------------------- who is told

static void others_are_told(void **state)
{
	op.u.subscribe.port = 12;
	assert_int_equal(call(XEN_DOMCTL_subscribe, 5), 0);
	assert_int_equal(guest.suspend_port, 12);
	op.u.subscribe.port = 0;
	assert_int_equal(call(XEN_DOMCTL_subscribe, 5), 0);
	assert_int_equal(guest.suspend_port, 0);
	op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
	assert_int_equal(call(XEN_DOMCTL_set_virq_handler, 5), 0);
	assert_int_equal(virq_handled, VIRQ_DOM_EXC);
	op.u.set_virq_handler.virq = NR_VIRQS;
	assert_int_equal(call(XEN_DOMCTL_set_virq_handler, 5), -EINVAL);
	op.u.setdebugging.enable = 0;
	assert_int_equal(call(XEN_DOMCTL_setdebugging, 5), 0);
	op.u.setdebugging.enable = 1;
	assert_int_equal(call(XEN_DOMCTL_setdebugging, 5), -EOPNOTSUPP);
	assert_int_equal(call(XEN_DOMCTL_setdebugging, 0), -EINVAL);
}

// ------------------------------------------------------------------ processor

static xen_cpuid_leaf_t leaves[256];
static xen_msr_entry_t msrs[4];

static int policy(u32 cmd, u32 nr_leaves, u32 nr_msrs)
{
	struct xen_domctl_cpu_policy *a = &op.u.cpu_policy;

	set_xen_guest_handle(a->leaves, leaves);
	set_xen_guest_handle(a->msrs, msrs);
	a->nr_leaves = nr_leaves;
	a->nr_msrs = nr_msrs;
	return call(cmd, 5);
}

static xen_cpuid_leaf_t *leaf(u32 number)
{
	for (u32 i = 0; i < op.u.cpu_policy.nr_leaves; i++)
		if (leaves[i].leaf == number)
			return &leaves[i];
	fail_msg("leaf %#x is missing", number);
	return NULL;
}

static void policies_are_read_back_cut_down(void **state)
{
	u32 n;

	assert_int_equal(policy(XEN_DOMCTL_get_cpu_policy, 256, 4), 0);
	n = op.u.cpu_policy.nr_leaves;
	assert_int_equal(op.u.cpu_policy.nr_msrs, 2);
	assert_int_equal(leaf(1)->subleaf, XEN_CPUID_NO_SUBLEAF);
	leaf(1)->c = ~0u & ~0x2000u; // all but CX16
	leaf(0x80000001)->d = 0;
	leaf(7)->b = ~0u;
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, n, 2), 0);
	memset(leaves, 0, sizeof(leaves));
	assert_int_equal(policy(XEN_DOMCTL_get_cpu_policy, 256, 4), 0);
	assert_int_equal(op.u.cpu_policy.nr_leaves, n);
	assert_int_equal(leaf(1)->c & 0x2000, 0);
	assert_int_equal(leaf(1)->c & 1 << 5, 0); // VMX
	assert_int_equal(leaf(7)->b & 1, 0); // FSGSBASE
	assert_int_equal(leaf(0x80000001)->d, 0);
	assert_int_equal(policy_cpuid(&guest_vcpu, 1, 0).c & 0x2000, 0);
	assert_int_equal(policy(XEN_DOMCTL_get_cpu_policy, n - 1, 2), -ENOBUFS);
	assert_int_equal(policy(XEN_DOMCTL_get_cpu_policy, n, 1), -ENOBUFS);
}

static int one_leaf(u32 number, u32 subleaf, u32 a)
{
	leaves[0] = (xen_cpuid_leaf_t){.leaf = number, .subleaf = subleaf};
	leaves[0].a = a;
	return policy(XEN_DOMCTL_set_cpu_policy, 1, 0);
}

static void bad_policies_change_nothing(void **state)
{
	const struct xen_domctl_cpu_policy *a = &op.u.cpu_policy;
	struct cpu_policy *before = guest.policy;

	assert_int_equal(one_leaf(0, ~0u, 8), -EINVAL); // more than there is
	assert_int_equal(a->err_leaf, 0);
	assert_int_equal(a->err_msr, ~0u);
	assert_int_equal(one_leaf(0x80000000, ~0u, 0x80000008), -EINVAL);
	assert_int_equal(a->err_leaf, 0x80000000);
	assert_int_equal(one_leaf(1, 0, 0), -ERANGE);
	assert_int_equal(one_leaf(7, 3, 0), -ERANGE);
	assert_int_equal(a->err_subleaf, 3);
	assert_int_equal(one_leaf(0xd, 63, 0), -ERANGE);
	assert_int_equal(one_leaf(0xe, ~0u, 0), -ERANGE);
	assert_int_equal(one_leaf(0x80000022, ~0u, 0), -ERANGE);
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, ~0u, 0), -E2BIG);
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 0, ~0u), -E2BIG);
	msrs[0] = (xen_msr_entry_t){.idx = 0xce, .val = 1ull << 31};
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 0, 1), -EINVAL);
	assert_int_equal(a->err_msr, 0xce);
	msrs[0] = (xen_msr_entry_t){.idx = 0x10};
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 0, 1), -ERANGE);
	fake_fault_at = leaves;
	fake_fault_bytes = 1;
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 1, 0), -EFAULT);
	fake_fault_bytes = 0;
	for (u32 i = 1; i <= 2; i++) {
		fake_alloc_fails = i;
		assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 0, 0),
				 -ENOMEM);
	}
	fake_alloc_fails = 0;
	guest.started = true;
	assert_int_equal(policy(XEN_DOMCTL_set_cpu_policy, 0, 0), -EEXIST);
	assert_ptr_equal(guest.policy, before);
}

static void clocks_and_sizes(void **state)
{
	op.u.settimeoffset.time_offset_seconds = -7200;
	assert_int_equal(call(XEN_DOMCTL_settimeoffset, 5), 0);
	assert_int_equal(guest.time_offset_s, -7200);
	assert_int_equal(wall_updates, 1);

	op.u.tsc_info =
		(struct xen_domctl_tsc_info){.tsc_mode = 2, .incarnation = 3};
	assert_int_equal(call(XEN_DOMCTL_settscinfo, 5), 0);
	assert_int_equal(call(XEN_DOMCTL_gettscinfo, 5), 0);
	assert_int_equal(op.u.tsc_info.tsc_mode, 2);
	assert_int_equal(op.u.tsc_info.incarnation, 3);
	assert_int_equal(op.u.tsc_info.gtsc_khz, 0);
	op.u.tsc_info.tsc_mode = 1;
	assert_int_equal(call(XEN_DOMCTL_settscinfo, 5), -EOPNOTSUPP);

	op.u.address_size.size = 32;
	assert_int_equal(call(XEN_DOMCTL_set_address_size, 5), -EINVAL);
	assert_int_equal(call(XEN_DOMCTL_get_address_size, 5), 0);
	assert_int_equal(op.u.address_size.size, 64);
	assert_int_equal(call(XEN_DOMCTL_set_address_size, 5), 0);
}

static int set_up_all(void **state)
{
	fake_cpus_init(2);
	control.ioports = rangeset_create();
	control.iomem = rangeset_create();
	guest.ioports = rangeset_create();
	guest.iomem = rangeset_create();
	guest.policy = policy_create(&guest);
	fake_allocated = 0; // of the tests' own
	return 0;
}

static int tear_down_all(void **state)
{
	rangeset_destroy(control.ioports);
	rangeset_destroy(control.iomem);
	rangeset_destroy(guest.ioports);
	rangeset_destroy(guest.iomem);
	kfree(guest.policy);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_control_domain_calls),
		TEST(unknown_commands_are_refused),
		TEST(targets_must_exist_and_some_be_others),
		TEST(answers_that_cannot_be_written_are_efault),
		TEST(vcpus_that_there_are_not_are_refused),
		TEST(domains_get_ids_of_their_own),
		TEST(what_cannot_be_is_not_created),
		TEST(pauses_are_counted),
		TEST(destroying_is_restarted),
		TEST(information_is_of_this_domain_or_the_next),
		TEST(vcpu_information),
		TEST(all_vcpus_are_made_at_once),
		TEST(contexts_are_set_on_a_vcpu_at_rest),
		TEST(callbacks_travel),
		TEST(vector_registers_travel),
		TEST(one_msr_travels),
		TEST(triggers),
		TEST(affinity_leaves_a_processor),
		TEST(nodes),
		TEST(scheduler_parameters),
		TEST(lists_of_frames_are_bounded),
		TEST(memory_limits),
		TEST(written_pages_are_logged),
		TEST(only_what_one_has_can_be_given),
		TEST(lines_are_given_and_taken),
		TEST(others_are_told),
		TEST(policies_are_read_back_cut_down),
		TEST(bad_policies_change_nothing),
		TEST(clocks_and_sizes),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
