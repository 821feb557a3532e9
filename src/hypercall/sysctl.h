// SPDX-License-Identifier: MIT
//
// Between the dispatcher of sysctl and its families. Each handler gets our copy
// of the argument, read once, and leaves its answers there; the table in
// sysctl.c says whether they are written back.
#pragma once

#include "abi/xen.h"

// 0 or a negative errno.
typedef int sysctl_fn(struct xen_sysctl *op);

// sysctl_host.c: the machine and the hypervisor's console
sysctl_fn sysctl_console, sysctl_physinfo, sysctl_keys, sysctl_heap,
	sysctl_numa, sysctl_trace, sysctl_domains, sysctl_devices;
// sysctl_cpu.c: its processors
sysctl_fn sysctl_idle_times, sysctl_topology, sysctl_levelling, sysctl_features,
	sysctl_policy;
// sysctl_perfc.c: what is counted
sysctl_fn sysctl_counters;
// sysctl_sched.c: who shares them, and how
sysctl_fn sysctl_scheduler_id, sysctl_pools, sysctl_scheduler;
