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
// uses: tests/fake/control.c tests/fake/words.c
//
// A control domain gone mad: commands in any order with any argument. Whatever
// comes, it is answered with an errno or 0, pauses are in pairs, nothing is
// allocated that is not freed with its domain, a guest gets no frame that nobody
// may map, and others may call nothing.
#include <string.h>

#include "abi/errno.h"
#include "control.h"
#include "hypercall/hypercall.h"
#include "must.h"
#include "words.h"

#define OPS 24
#define COMMANDS (XEN_DOMCTL_set_paging_mempool_size + 2)
#define KEPT 0x80003u // a device frame that nobody may map

bool iomem_kept(u64 first, u64 last)
{
	return first <= KEPT && last >= KEPT;
}

static void start(void)
{
	fake_guest_reset();
	guest.max_vcpus = 2;
	control.ioports = rangeset_create();
	control.iomem = rangeset_create();
	guest.ioports = rangeset_create();
	guest.iomem = rangeset_create();
	guest.policy = policy_create(&guest);
	control.policy = policy_create(&control);
	must(rangeset_add(control.ioports, 0, 0x7fff) == 0);
	must(rangeset_add(control.iomem, 0x80000, 0xfffff) == 0);
}

static void stop(void)
{
	rangeset_destroy(control.ioports);
	rangeset_destroy(control.iomem);
	rangeset_destroy(guest.ioports);
	rangeset_destroy(guest.iomem);
	kfree(guest.policy);
	kfree(control.policy);
}

static struct xen_domctl *make(struct words *w)
{
	static const domid_t domains[] = {5, 5, 5, 0, 6, DOMID_SELF};
	struct xen_domctl *op = (struct xen_domctl *)(void *)arena;

	memset(op, 0, sizeof(*op));
	op->cmd = words_byte(w) % COMMANDS;
	op->domain = domains[words_byte(w) % ARRAY_SIZE(domains)];
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	words_fill(w, &op->u, sizeof(op->u));
	return op;
}

static void call(struct vcpu *v, bool allowed)
{
	struct hcall h = {.arg = {ARENA_BASE}};
	i64 result = hc_domctl(v, &h);

	must(allowed || result == -EPERM);
	must(h.restart || (result <= 0 && result > -4096));
	must(guest_vcpu.pause_count == 0);
	must(!rangeset_has(guest.iomem, KEPT, KEPT));
	must(pauses == guest.controller_pauses + fresh.controller_pauses);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fake_cpus_init(2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words w = {data, data + size};
	u32 before = fake_allocated;

	start();
	for (u32 i = 0; i < OPS && w.at < w.end; i++) {
		memset(&fresh, 0, sizeof(fresh));
		make(&w);
		words_fill(&w, arena + sizeof(struct xen_domctl), 256);
		call(&guest_vcpu, false);
		call(&caller, true);
		pauses -= fresh.controller_pauses;
		kfree(fresh.policy);
	}
	stop();
	must(fake_allocated == before);
	return 0;
}
