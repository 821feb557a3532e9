// SPDX-License-Identifier: MIT
//
// sysctl: the machine's processors: how busy they are, where they sit, and what
// they can do.
#include "hypercall/sysctl.h"

#include "abi/errno.h"
#include "cpu/cpu.h"
#include "cpu/policy.h"
#include "cpu/topology.h"
#include "cpu/uaccess.h"
#include "hypercall/policy_io.h"
#include "sched/sched.h"

// -EFAULT.
int sysctl_idle_times(struct xen_sysctl *op)
{
	struct xen_sysctl_getcpuinfo *a = &op->u.getcpuinfo;
	u32 n = min(a->max_cpus, cpu_count());

	for (u32 i = 0; i < n; i++) {
		const struct xen_sysctl_cpuinfo info = {
			.idletime = sched_idle_ns(i),
		};

		if (guest_write(GUEST_HANDLE_GVA(a->info) + i * sizeof(info),
				&info, sizeof(info)))
			return -EFAULT;
	}
	a->nr_cpus = n;
	return 0;
}

static struct xen_sysctl_cputopo place_of(const struct cpu_topology *t, u32 cpu)
{
	const struct cpu *c = cpu_of(cpu);

	if (!c->online)
		return (struct xen_sysctl_cputopo){XEN_INVALID_CORE_ID,
						   XEN_INVALID_SOCKET_ID,
						   XEN_INVALID_NODE_ID};
	return (struct xen_sysctl_cputopo){
		.core = topology_core(t, c->apic_id),
		.socket = topology_socket(t, c->apic_id),
	};
}

// A null array asks for the number of processors. -EFAULT.
int sysctl_topology(struct xen_sysctl *op)
{
	struct xen_sysctl_cputopoinfo *a = &op->u.cputopoinfo;
	struct cpu_topology t = topology_get();
	gva_t to = GUEST_HANDLE_GVA(a->cputopo);
	u32 n = to ? min(a->num_cpus, cpu_count()) : 0;

	for (u32 i = 0; i < n; i++) {
		struct xen_sysctl_cputopo place = place_of(&t, i);

		if (guest_write(to + i * sizeof(place), &place, sizeof(place)))
			return -EFAULT;
	}
	a->num_cpus = cpu_count();
	return 0;
}

// CPUID in user mode is the processor's own: nothing can be masked.
int sysctl_levelling(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0;
	return 0;
}

// ------------------------------------------------------------------- policies

enum origin { MACHINE, GUEST, NOBODY };

// HVM domains cannot be, so theirs is empty.
static struct cpu_policy *policy_of(enum origin origin)
{
	switch (origin) {
	case MACHINE:
		return policy_machine();
	case GUEST:
		return policy_create(NULL);
	case NOBODY:
		break;
	}
	return kalloc(sizeof(struct cpu_policy));
}

// By XEN_SYSCTL_cpu_featureset_*: raw, host, pv, hvm, pv_max, hvm_max.
static const u8 featuresets[] = {MACHINE, MACHINE, GUEST,
				 NOBODY,  GUEST,   NOBODY};

// By XEN_SYSCTL_cpu_policy_*: raw, host, pv_max, hvm_max, pv_default,
// hvm_default.
static const u8 policies[] = {MACHINE, MACHINE, GUEST, NOBODY, GUEST, NOBODY};

static int write_features(const struct cpu_policy *p,
			  struct xen_sysctl_cpu_featureset *a)
{
	u32 words[FEATURE_WORDS];
	u32 n = min(a->nr_features, (u32)FEATURE_WORDS);

	policy_features(p, words);
	if (guest_write(GUEST_HANDLE_GVA(a->features), words,
			n * sizeof(*words)))
		return -EFAULT;
	if (a->nr_features < FEATURE_WORDS)
		return -ENOBUFS;
	a->nr_features = n;
	return 0;
}

// A null array asks for the number of words. -EINVAL no such set, -ENOMEM,
// -EFAULT, -ENOBUFS too little room.
int sysctl_features(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_featureset *a = &op->u.cpu_featureset;
	struct cpu_policy *p;
	int err;

	if (!GUEST_HANDLE_GVA(a->features)) {
		a->nr_features = FEATURE_WORDS;
		return 0;
	}
	if (a->index >= ARRAY_SIZE(featuresets))
		return -EINVAL;
	p = policy_of(featuresets[a->index]);
	if (!p)
		return -ENOMEM;
	err = write_features(p, a);
	kfree(p);
	return err;
}

// Null arrays ask for the sizes. Errors as above.
int sysctl_policy(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_policy *a = &op->u.cpu_policy;
	struct policy_io io = {
		.leaves = GUEST_HANDLE_GVA(a->leaves),
		.msrs = GUEST_HANDLE_GVA(a->msrs),
		.nr_leaves = a->nr_leaves,
		.nr_msrs = a->nr_msrs,
	};
	struct cpu_policy *p;
	int err;

	if (a->_rsvd || a->index >= ARRAY_SIZE(policies))
		return -EINVAL;
	p = policy_of(policies[a->index]);
	if (!p)
		return -ENOMEM;
	err = policy_write(p, &io);
	kfree(p);
	a->nr_leaves = io.nr_leaves;
	a->nr_msrs = io.nr_msrs;
	return err;
}
