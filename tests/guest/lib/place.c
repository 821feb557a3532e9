// SPDX-License-Identifier: MIT
//
// See place.h. dom0 may set its own affinity.
#define __XEN_TOOLS__ 1

#include "place.h"

#include "guest.h"
#include <xen/domctl.h>

void place_vcpu(u32 vcpu, u32 cpu)
{
	u8 map = (u8)(1u << cpu);
	struct xen_domctl op = {
		.cmd = XEN_DOMCTL_setvcpuaffinity,
		.interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.u.vcpuaffinity =
			{
				.vcpu = vcpu,
				.flags = XEN_VCPUAFFINITY_HARD,
				.cpumap_hard = {.nr_bits = 8},
			},
	};
	long rc;

	*(void **)&op.u.vcpuaffinity.cpumap_hard.bitmap = &map;
	do
		rc = HCALL(domctl, &op, 0, 0, 0);
	while (rc == -XEN_EAGAIN);
	expect_rc("setvcpuaffinity", rc, 0);
}
