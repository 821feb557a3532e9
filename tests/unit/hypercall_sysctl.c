// SPDX-License-Identifier: MIT
// uses: src/hypercall/sysctl_perfc.c src/cpu/counters.c src/lib/fmt.c
// uses: src/hypercall/sysctl.c src/hypercall/sysctl_host.c
// uses: src/hypercall/sysctl_cpu.c src/hypercall/sysctl_sched.c
// uses: src/hypercall/bitmap.c src/hypercall/policy_io.c
// uses: src/cpu/policy.c src/cpu/policy_set.c src/cpu/topology.c
// uses: src/console/ring.c tests/fake/core.c tests/fake/host.c
//
// sysctl: what the tools learn of the machine, the sizes of what they pass, and
// the errno of everything else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/boot.h"
#include "console/console.h"
#include "console/ring.h"
#include "host.h"
#include "cpu/cpu.h"
#include "cpu/topology.h"
#include "domain/domctl.h"
#include "hypercall/hypercall.h"
#include "sched/sched.h"

static struct xen_sysctl op;

static int call_as(struct vcpu *v)
{
	struct hcall h = {.arg = {gva_of(&op)}};

	return (int)hc_sysctl(v, &h);
}

static int call(u32 cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return call_as(&vcpu);
}

static int set_up(void **state)
{
	memset(&op, 0, sizeof(op));
	memset(topology_leaf, 0, sizeof(topology_leaf));
	keys_seen[0] = 0;
	fake_fault_bytes = 0;
	fake_fault_on_write = false;
	fake_alloc_fails = 0;
	cpu_features.syscall32 = true;
	return 0;
}

static void only_the_control_domain_calls(void **state)
{
	static const u32 absent[] = {0,
				     XEN_SYSCTL_get_pmstat,
				     XEN_SYSCTL_cpu_hotplug,
				     XEN_SYSCTL_page_offline_op,
				     XEN_SYSCTL_livepatch_op,
				     30,
				     ~0u};

	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(call(absent[i]), -ENOSYS);
	op.cmd = XEN_SYSCTL_physinfo;
	assert_int_equal(call_as(&other_vcpu), -EPERM);
	op.interface_version--;
	assert_int_equal(call_as(&vcpu), -EACCES);
	fake_fault_at = &op;
	fake_fault_bytes = 1;
	assert_int_equal(call_as(&vcpu), -EFAULT);
}

// -------------------------------------------------------------------- console

static char text[4096];

static int read_console(u32 room, bool incremental, u32 index, bool clear)
{
	struct xen_sysctl_readconsole *a = &op.u.readconsole;

	memset(text, 0, sizeof(text));
	set_xen_guest_handle(a->buffer, text);
	a->count = room;
	a->incremental = incremental;
	a->index = index;
	a->clear = clear;
	return call(XEN_SYSCTL_readconsole);
}

static void the_console_is_read_in_pieces(void **state)
{
	const struct xen_sysctl_readconsole *a = &op.u.readconsole;

	ring_forget(&ring, ring.end);
	ring_put(&ring, "one\ntwo\n", 8);
	assert_int_equal(read_console(4, false, 0, false), 0);
	assert_int_equal(a->count, 4);
	assert_string_equal(text, "one\n");
	assert_int_equal(read_console(sizeof(text), true, a->index, false), 0);
	assert_string_equal(text, "two\n");
	assert_int_equal(read_console(sizeof(text), true, a->index, false), 0);
	assert_int_equal(a->count, 0);
	ring_put(&ring, "three\n", 6);
	assert_int_equal(read_console(4, false, 0, true), 0);
	assert_int_equal(read_console(sizeof(text), false, 0, false), 0);
	assert_string_equal(text, "two\nthree\n"); // only what was read went
	assert_int_equal(read_console(~0u, false, 0, false), 0);
	fake_fault_at = text;
	fake_fault_bytes = 1;
	assert_int_equal(read_console(4, false, 0, true), -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(read_console(4, false, 0, false), 0);
	assert_string_equal(text, "two\n");
}

static void keys_are_pressed(void **state)
{
	struct xen_sysctl_debug_keys *a = &op.u.debug_keys;
	char keys[65] = "rc";

	set_xen_guest_handle(a->keys, keys);
	a->nr_keys = 2;
	assert_int_equal(call(XEN_SYSCTL_debug_keys), 0);
	assert_string_equal(keys_seen, "rc");
	a->nr_keys = 65;
	assert_int_equal(call(XEN_SYSCTL_debug_keys), -EINVAL);
	a->nr_keys = 2;
	fake_fault_at = keys;
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_SYSCTL_debug_keys), -EFAULT);
}

// -------------------------------------------------------------------- machine

static void the_machine_is_described(void **state)
{
	const struct xen_sysctl_physinfo *p = &op.u.physinfo;

	assert_int_equal(call(XEN_SYSCTL_physinfo), 0);
	assert_int_equal(p->nr_cpus, 2);
	assert_int_equal(p->max_cpu_id, 1);
	assert_int_equal(p->nr_nodes, 1);
	assert_int_equal(p->cores_per_socket, 4);
	assert_int_equal(p->threads_per_core, 1);
	assert_int_equal(p->cpu_khz, 2500000);
	assert_int_equal(p->total_pages, 0x9f + 0x7ff00);
	assert_int_equal(p->free_pages, 1000);
	assert_int_equal(p->outstanding_pages, 12);
	assert_int_equal(p->max_mfn, 0x7ffff);
	assert_int_equal(p->hw_cap[0], 0x178bfbfd);
	assert_int_equal(p->hw_cap[1], 0x80002001);
	assert_int_equal(p->hw_cap[2], 0x20100800); // nothing twice
	assert_int_equal(p->hw_cap[3], 7);
	fake_alloc_fails = 1;
	assert_int_equal(call(XEN_SYSCTL_physinfo), -ENOMEM);
}

static void memory_is_one_node(void **state)
{
	struct xen_sysctl_numainfo *a = &op.u.numainfo;
	struct xen_sysctl_meminfo memory;
	u32 distance[2] = {99, 99};

	assert_int_equal(call(XEN_SYSCTL_numainfo), 0);
	assert_int_equal(a->num_nodes, 1);
	set_xen_guest_handle(a->meminfo, &memory);
	set_xen_guest_handle(a->distance, distance);
	a->num_nodes = 8;
	assert_int_equal(call(XEN_SYSCTL_numainfo), 0);
	assert_int_equal(a->num_nodes, 1);
	assert_int_equal(memory.memfree, 1000 * PAGE_SIZE);
	assert_int_equal(distance[0], 10);
	assert_int_equal(distance[1], 99);
	op.u.availheap = (struct xen_sysctl_availheap){.node = -1};
	assert_int_equal(call(XEN_SYSCTL_availheap), 0);
	assert_int_equal(op.u.availheap.avail_bytes, 1000 * PAGE_SIZE);
	op.u.availheap.node = 1;
	assert_int_equal(call(XEN_SYSCTL_availheap), -EINVAL);
	op.u.availheap.node = 0;
	op.u.availheap.max_bitwidth = 32;
	assert_int_equal(call(XEN_SYSCTL_availheap), -EOPNOTSUPP);
}

static void domains_are_listed(void **state)
{
	struct xen_sysctl_getdomaininfolist *a = &op.u.getdomaininfolist;
	struct xen_domctl_getdomaininfo list[4] = {{.domain = 99}};

	set_xen_guest_handle(a->buffer, list);
	a->max_domains = 4;
	assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(a->num_domains, 2);
	assert_int_equal(list[0].domain, 0);
	assert_int_equal(list[1].domain, 7);
	a->first_domain = 1;
	a->max_domains = 1;
	assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(a->num_domains, 1);
	assert_int_equal(list[0].domain, 7);
	a->first_domain = 0xffff;
	assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(a->num_domains, 0);
	a->first_domain = 0;
	a->max_domains = ~0u;
	fake_fault_at = &list[1];
	fake_fault_bytes = 1;
	assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), -EFAULT);
}

// ----------------------------------------------------------------- processors

static void processors_have_their_places(void **state)
{
	struct xen_sysctl_cputopoinfo *a = &op.u.cputopoinfo;
	struct xen_sysctl_cputopo place[3] = {{0}, {0}, {99, 99, 99}};

	assert_int_equal(call(XEN_SYSCTL_cputopoinfo), 0);
	assert_int_equal(a->num_cpus, 2);
	set_xen_guest_handle(a->cputopo, place);
	a->num_cpus = 3;
	assert_int_equal(call(XEN_SYSCTL_cputopoinfo), 0);
	assert_int_equal(a->num_cpus, 2);
	assert_int_equal(place[1].core, 1);
	assert_int_equal(place[1].socket, 0);
	assert_int_equal(place[2].core, 99);

	struct xen_sysctl_cpuinfo idle[3] = {{0}, {0}, {99}};
	struct xen_sysctl_getcpuinfo *c = &op.u.getcpuinfo;

	c->max_cpus = ~0u;
	set_xen_guest_handle(c->info, idle);
	assert_int_equal(call(XEN_SYSCTL_getcpuinfo), 0);
	assert_int_equal(c->nr_cpus, 2);
	assert_int_equal(idle[1].idletime, 101);
	assert_int_equal(idle[2].idletime, 99);
}

static void topology_by_leaf_and_by_counts(void **state)
{
	struct cpu_topology t = topology_get(); // AMD, 4 cores, 2 bits

	assert_int_equal(topology_socket(&t, 5), 1);
	assert_int_equal(topology_core(&t, 5), 1);
	cpu_features.syscall32 = false; // Intel: 4 logical, 2 cores
	t = topology_get();
	assert_int_equal(t.threads_per_core, 2);
	assert_int_equal(t.cores_per_socket, 2);
	assert_int_equal(topology_socket(&t, 6), 1);
	assert_int_equal(topology_core(&t, 6), 1);
	topology_leaf[0] = (struct cpuid){.a = 1, .b = 2};
	topology_leaf[1] = (struct cpuid){.a = 4, .b = 12};
	t = topology_get();
	assert_int_equal(t.threads_per_core, 2);
	assert_int_equal(t.cores_per_socket, 6);
	assert_int_equal(topology_socket(&t, 0x1b), 1);
	assert_int_equal(topology_core(&t, 0x1b), 5);
}

static void feature_sets_are_sized_and_cut(void **state)
{
	struct xen_sysctl_cpu_featureset *a = &op.u.cpu_featureset;
	u32 words[24];

	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
	assert_int_equal(a->nr_features, FEATURE_WORDS);
	set_xen_guest_handle(a->features, words);
	a->nr_features = 24;
	a->index = XEN_SYSCTL_cpu_featureset_host;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
	assert_int_equal(a->nr_features, FEATURE_WORDS);
	assert_int_equal(words[0], 0x178bfbfd);
	a->index = XEN_SYSCTL_cpu_featureset_pv;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
	assert_int_equal(words[0] & 1 << 13, 0); // PGE
	a->index = XEN_SYSCTL_cpu_featureset_hvm;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
	assert_int_equal(words[0], 0);
	a->nr_features = 2;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -ENOBUFS);
	a->index = 6;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -EINVAL);
	a->index = 0;
	fake_alloc_fails = 1;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -ENOMEM);
	assert_int_equal(call(XEN_SYSCTL_get_cpu_levelling_caps), 0);
	assert_int_equal(op.u.cpu_levelling_caps.caps, 0);
}

static void policies_of_all_kinds(void **state)
{
	static xen_cpuid_leaf_t leaves[POLICY_LEAVES_MAX];
	static xen_msr_entry_t msrs[8];
	struct xen_sysctl_cpu_policy *a = &op.u.cpu_policy;
	u32 most;

	assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), 0);
	most = a->nr_leaves;
	assert_in_range(most, 1, POLICY_LEAVES_MAX);
	for (a->index = 0; a->index < 6; a->index++) {
		set_xen_guest_handle(a->leaves, leaves);
		set_xen_guest_handle(a->msrs, msrs);
		a->nr_leaves = most;
		a->nr_msrs = 8;
		assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), 0);
		assert_in_range(a->nr_leaves, 1, most);
		assert_int_equal(a->nr_msrs, 2);
	}
	assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), -EINVAL);
	a->index = 0;
	a->nr_leaves = 3;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), -ENOBUFS);
	a->_rsvd = 1;
	assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), -EINVAL);
	assert_int_equal(fake_allocated, 0);
}

// ------------------------------------------------------------------- scheduler

static void there_is_one_pool(void **state)
{
	struct xen_sysctl_cpupool_op *a = &op.u.cpupool_op;
	u8 map[2] = {0xff, 0xff};

	a->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	set_xen_guest_handle(a->cpumap.bitmap, map);
	a->cpumap.nr_bits = 16;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
	assert_int_equal(a->n_dom, 2);
	assert_int_equal(a->sched_id, XEN_SCHEDULER_CREDIT2);
	assert_int_equal(map[0], 3);
	assert_int_equal(map[1], 0);
	a->cpumap.nr_bits = 1;
	map[1] = 0xee;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
	assert_int_equal(map[1], 0xee);
	a->cpumap.nr_bits = ~0u;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), -EINVAL);
	a->cpumap.nr_bits = 8;
	a->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
	assert_int_equal(map[0], 0);
	a->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	a->cpupool_id = 1;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), -ENOENT);
	a->op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), -EOPNOTSUPP);
	a->op = XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN;
	a->domid = other.id;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), -ENOENT);
	a->cpupool_id = 0;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
	a->domid = 8;
	assert_int_equal(call(XEN_SYSCTL_cpupool_op), -ESRCH);
}

static int scheduler(u32 cmd, u32 us)
{
	struct xen_sysctl_scheduler_op *a = &op.u.scheduler_op;

	a->sched_id = XEN_SCHEDULER_CREDIT2;
	a->cmd = cmd;
	a->u.sched_credit2.ratelimit_us = us;
	return call(XEN_SYSCTL_scheduler_op);
}

static void the_rate_limit_has_limits(void **state)
{
	assert_int_equal(scheduler(XEN_SYSCTL_SCHEDOP_putinfo, 99), -EINVAL);
	assert_int_equal(scheduler(XEN_SYSCTL_SCHEDOP_putinfo, 500001),
			 -EINVAL);
	assert_int_equal(scheduler(XEN_SYSCTL_SCHEDOP_putinfo, 0), 0);
	assert_int_equal(scheduler(XEN_SYSCTL_SCHEDOP_putinfo, 2000), 0);
	assert_int_equal(scheduler(XEN_SYSCTL_SCHEDOP_getinfo, 0), 0);
	assert_int_equal(op.u.scheduler_op.u.sched_credit2.ratelimit_us, 2000);
	assert_int_equal(scheduler(2, 0), -EINVAL);
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
	assert_int_equal(call(XEN_SYSCTL_scheduler_op), -EINVAL);
	op.u.scheduler_op.cpupool_id = 1;
	assert_int_equal(call(XEN_SYSCTL_scheduler_op), -ESRCH);
	assert_int_equal(call(XEN_SYSCTL_sched_id), 0);
	assert_int_equal(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
}

static void what_there_is_not(void **state)
{
	u32 nodes[300];

	assert_int_equal(call(XEN_SYSCTL_tbuf_op), 0);
	assert_int_equal(op.u.tbuf_op.size, 0);
	op.u.tbuf_op.cmd = XEN_SYSCTL_TBUFOP_enable;
	assert_int_equal(call(XEN_SYSCTL_tbuf_op), -ENOSYS);
	memset(nodes, 0, sizeof(nodes));
	op.u.pcitopoinfo.num_devs = 300;
	set_xen_guest_handle(op.u.pcitopoinfo.nodes, nodes);
	assert_int_equal(call(XEN_SYSCTL_pcitopoinfo), 0);
	assert_int_equal(op.u.pcitopoinfo.num_devs, 256);
	assert_int_equal(nodes[255], XEN_INVALID_NODE_ID);
	assert_int_equal(nodes[256], 0);
}

// Each of them answers in its argument.
static void answers_that_cannot_be_written_are_efault(void **state)
{
	static const u32 commands[] = {
		XEN_SYSCTL_tbuf_op,
		XEN_SYSCTL_physinfo,
		XEN_SYSCTL_sched_id,
		XEN_SYSCTL_getdomaininfolist,
		XEN_SYSCTL_getcpuinfo,
		XEN_SYSCTL_availheap,
		XEN_SYSCTL_cputopoinfo,
		XEN_SYSCTL_numainfo,
		XEN_SYSCTL_pcitopoinfo,
		XEN_SYSCTL_get_cpu_levelling_caps,
		XEN_SYSCTL_get_cpu_featureset,
		XEN_SYSCTL_get_cpu_policy,
	};

	fake_fault_at = &op;
	fake_fault_bytes = 1;
	fake_fault_on_write = true;
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++) {
		memset(&op, 0, sizeof(op));
		assert_int_equal(call(commands[i]), -EFAULT);
	}
	assert_int_equal(fake_allocated, 0);
}

static char nowhere[64];

// A list of the tools' that is not there, with room for one.
static int listed(u32 cmd)
{
	int result = call(cmd);

	memset(&op, 0, sizeof(op));
	return result;
}

static void lists_that_cannot_be_written_are_efault(void **state)
{
	fake_fault_at = nowhere;
	fake_fault_bytes = sizeof(nowhere);
	op.u.getcpuinfo.max_cpus = 1;
	set_xen_guest_handle_raw(op.u.getcpuinfo.info, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_getcpuinfo), -EFAULT);
	op.u.cputopoinfo.num_cpus = 1;
	set_xen_guest_handle_raw(op.u.cputopoinfo.cputopo, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_cputopoinfo), -EFAULT);
	op.u.numainfo.num_nodes = 1;
	set_xen_guest_handle_raw(op.u.numainfo.meminfo, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_numainfo), -EFAULT);
	op.u.numainfo.num_nodes = 1;
	set_xen_guest_handle_raw(op.u.numainfo.distance, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_numainfo), -EFAULT);
	op.u.pcitopoinfo.num_devs = 1;
	set_xen_guest_handle_raw(op.u.pcitopoinfo.nodes, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_pcitopoinfo), -EFAULT);
	op.u.cpu_featureset.nr_features = 1;
	set_xen_guest_handle_raw(op.u.cpu_featureset.features, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_get_cpu_featureset), -EFAULT);
	op.u.cpu_policy.nr_leaves = 1;
	set_xen_guest_handle_raw(op.u.cpu_policy.leaves, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_get_cpu_policy), -EFAULT);
	fake_alloc_fails = 1;
	assert_int_equal(listed(XEN_SYSCTL_get_cpu_policy), -ENOMEM);
	op.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query;
	set_xen_guest_handle_raw(op.u.perfc_op.desc, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_perfc_op), -EFAULT);
	op.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query;
	set_xen_guest_handle_raw(op.u.perfc_op.val, (void *)nowhere);
	assert_int_equal(listed(XEN_SYSCTL_perfc_op), -EFAULT);
	assert_int_equal(fake_allocated, 0);
}

static int set_up_all(void **state)
{
	fake_cpus_init(2);
	list_init(&domain_list);
	list_add_tail(&domain_list, &control.link);
	list_add_tail(&domain_list, &other.link);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_control_domain_calls),
		TEST(the_console_is_read_in_pieces),
		TEST(keys_are_pressed),
		TEST(the_machine_is_described),
		TEST(memory_is_one_node),
		TEST(domains_are_listed),
		TEST(processors_have_their_places),
		TEST(topology_by_leaf_and_by_counts),
		TEST(feature_sets_are_sized_and_cut),
		TEST(policies_of_all_kinds),
		TEST(there_is_one_pool),
		TEST(the_rate_limit_has_limits),
		TEST(what_there_is_not),
		TEST(answers_that_cannot_be_written_are_efault),
		TEST(lists_that_cannot_be_written_are_efault),
	};

	return cmocka_run_group_tests(tests, set_up_all, NULL);
}
