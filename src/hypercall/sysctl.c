// SPDX-License-Identifier: MIT
//
// sysctl: what the control domain asks about the whole machine. One line of the
// table for each command; one without a line is answered -ENOSYS.
#include "hypercall/sysctl.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"
#include "hypercall/hypercall.h"

struct command {
	sysctl_fn *fn;
	bool back; // the argument is written back on success
};

#define CMD(name) [XEN_SYSCTL_##name]

static const struct command commands[] = {
	CMD(readconsole) = {sysctl_console, true},
	CMD(tbuf_op) = {sysctl_trace, true},
	CMD(physinfo) = {sysctl_physinfo, true},
	CMD(sched_id) = {sysctl_scheduler_id, true},
	CMD(perfc_op) = {sysctl_counters, true},
	CMD(getdomaininfolist) = {sysctl_domains, true},
	CMD(debug_keys) = {sysctl_keys, false},
	CMD(getcpuinfo) = {sysctl_idle_times, true},
	CMD(availheap) = {sysctl_heap, true},
	CMD(cputopoinfo) = {sysctl_topology, true},
	CMD(numainfo) = {sysctl_numa, true},
	CMD(pcitopoinfo) = {sysctl_devices, true},
	CMD(cpupool_op) = {sysctl_pools, true},
	CMD(scheduler_op) = {sysctl_scheduler, true},
	CMD(get_cpu_levelling_caps) = {sysctl_levelling, true},
	CMD(get_cpu_featureset) = {sysctl_features, true},
	CMD(get_cpu_policy) = {sysctl_policy, true},
};

// sysctl(arg): the command's result. -EPERM not the control domain, -EFAULT
// arg, -EACCES interface version, -ENOSYS command.
i64 hc_sysctl(struct vcpu *v, struct hcall *h)
{
	struct xen_sysctl op;
	int err;

	if (!v->domain->privileged)
		return -EPERM;
	if (guest_read(&op, h->arg[0], sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(commands) || !commands[op.cmd].fn)
		return -ENOSYS;
	err = commands[op.cmd].fn(&op);
	if (!err && commands[op.cmd].back &&
	    guest_write(h->arg[0], &op, sizeof(op)))
		err = -EFAULT;
	return err;
}
