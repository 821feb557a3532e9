// SPDX-License-Identifier: MIT
// uses: src/hypercall/sysctl_perfc.c src/cpu/counters.c src/lib/fmt.c
// uses: src/hypercall/sysctl.c src/hypercall/sysctl_host.c
// uses: src/hypercall/sysctl_cpu.c src/hypercall/sysctl_sched.c
// uses: src/hypercall/bitmap.c src/hypercall/policy_io.c
// uses: src/cpu/policy.c src/cpu/policy_set.c src/cpu/topology.c
// uses: src/console/ring.c tests/fake/core.c tests/fake/host.c
// uses: tests/fake/words.c
//
// Questions about the machine with any argument: the answer is an errno or 0,
// nothing is written outside of what the caller has, nothing stays allocated,
// and nobody but the control domain may ask.
#include <string.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "host.h"
#include "hypercall/hypercall.h"
#include "must.h"
#include "words.h"

#define OPS 16
#define COMMANDS 36

static void make(struct words *w)
{
	struct xen_sysctl *op = (struct xen_sysctl *)(void *)arena;

	memset(op, 0, sizeof(*op));
	op->cmd = words_byte(w) % COMMANDS;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	words_fill(w, &op->u, sizeof(op->u));
}

static void call(struct vcpu *v, bool allowed)
{
	struct hcall h = {.arg = {ARENA_BASE}};
	i64 result = hc_sysctl(v, &h);

	must(allowed || result == -EPERM);
	must(h.restart || (result <= 0 && result > -4096));
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fake_cpus_init(2);
	list_init(&domain_list);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words w = {data, data + size};
	u32 before = fake_allocated;

	for (u32 i = 0; i < OPS && w.at < w.end; i++) {
		keys_seen[0] = 0;
		make(&w);
		words_fill(&w, arena + sizeof(struct xen_sysctl), 256);
		call(&other_vcpu, false);
		call(&vcpu, true);
	}
	must(fake_allocated == before);
	return 0;
}
