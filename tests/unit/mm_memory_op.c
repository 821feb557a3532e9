// SPDX-License-Identifier: MIT
// uses: src/mm/ram.c src/mm/early.c src/mm/frame.c src/mm/heap.c
// uses: src/mm/kalloc.c src/mm/m2p.c src/mm/tlb.c src/mm/fresh.c src/mm/domain_frames.c
// uses: src/mm/iomem.c src/mm/type.c src/mm/table.c src/mm/entry.c
// uses: src/mm/audit.c src/mm/memory_op.c src/mm/reservation.c
// uses: src/mm/exchange.c src/mm/memory_map.c src/mm/resource.c
// uses: src/mm/grant_table.c
// uses: src/mm/root.c src/mm/walk.c
// uses: src/mm/dirty.c src/mm/shadow.c src/mm/claim.c
// uses: tests/fake/core.c tests/fake/memory.c
//
// memory_op: growing, shrinking, exchanging, and the questions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "memory.h"
#include "mm/grant.h"

static struct domain *d0, *d1;
static struct vcpu *v0, *v1;

static int setup(void **state)
{
	fake_memory_init();
	d0 = fake_domain(0, 3000);
	d1 = fake_domain(1, 1000);
	v0 = d0->vcpu[0];
	v1 = d1->vcpu[0];
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(mm_audit(), 0);
	return 0;
}

static i64 op(struct vcpu *v, u64 cmd, const void *arg)
{
	return fake_hypercall(v, hc_memory_op, cmd, gva_of(arg), 0, 0);
}

static struct xen_memory_reservation list(u64 *extents, u64 n, u32 order)
{
	struct xen_memory_reservation r = {
		.nr_extents = n,
		.extent_order = order,
		.domid = DOMID_SELF,
	};

	r.extent_start.p = (void *)extents;
	return r;
}

static void populate(void **state)
{
	u64 x[50];
	struct xen_memory_reservation r = list(x, 50, 0);

	for (u32 i = 0; i < 50; i++)
		x[i] = 100 + i;
	fake_work = PREEMPT_BUDGET - 7;
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 50);
	assert_int_equal(fake_restarts, 7);
	assert_int_equal(d1->tot_pages, 50);
	for (u32 i = 0; i < 50; i++) {
		assert_int_equal(m2p_table[x[i]], 100 + i);
		assert_int_equal(mfn_frame(MFN(x[i]))->owner, 1);
	}
	// An extent is contiguous.
	x[0] = 1000;
	r = list(x, 1, 5);
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 1);
	assert_int_equal(x[0] % 32, 0);
	assert_int_equal(m2p_table[x[0] + 31], 1031);
	assert_int_equal(op(v1, XENMEM_current_reservation,
			    &(struct xen_memory_domain){DOMID_SELF}),
			 82);
}

static void populate_stops(void **state)
{
	u64 x[3] = {1, 2, 3};
	struct xen_memory_reservation r = list(x, 3, 8);

	d1->max_pages = 600;
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 2);
	assert_int_equal(d1->tot_pages, 512);
	r = list(x, 1, 10); // beyond what a domain may ask
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 0);
	assert_int_equal(op(v0, XENMEM_populate_physmap, &r), 1);
	r = list(x, 1, 0);
	r.mem_flags = XENMEMF_populate_on_demand;
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 0);
	r = list(x, ~0ull, 0);
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), 0);
	r = list(x, 1, 0);
	r.domid = 0;
	assert_int_equal(op(v1, XENMEM_populate_physmap, &r), -EPERM);
	r.domid = 3;
	assert_int_equal(op(v0, XENMEM_populate_physmap, &r), -ESRCH);
	r.domid = 1; // the tools build a domain
	assert_int_equal(op(v0, XENMEM_populate_physmap, &r), 1);
	assert_int_equal(d1->tot_pages, 513);
	fake_fault_at = x;
	fake_fault_bytes = 8;
	assert_int_equal(op(v0, XENMEM_populate_physmap, &r), 0);
	fake_fault_bytes = 0;
}

static void increase_and_decrease(void **state)
{
	u64 x[10] = {0};
	struct xen_memory_reservation r = list(x, 10, 1);
	u64 free_before = heap_free_frames();

	assert_int_equal(op(v1, XENMEM_increase_reservation, &r), 10);
	assert_int_equal(d1->tot_pages, 20);
	assert_int_equal(op(v1, XENMEM_decrease_reservation, &r), 10);
	assert_int_equal(d1->tot_pages, 0);
	assert_int_equal(heap_free_frames(), free_before);
	assert_int_equal(op(v1, XENMEM_decrease_reservation, &r), 0);
	r = list(NULL, 2, 0); // nobody wants to know where
	assert_int_equal(op(v1, XENMEM_increase_reservation, &r), 2);
	x[0] = fake_frame(d1);
	x[1] = fake_frame(d0);
	r = list(x, 2, 0);
	m2p_set(MFN(x[0]), 9);
	assert_true(frame_get(MFN(x[0]), 1)); // still mapped by somebody
	assert_int_equal(op(v1, XENMEM_decrease_reservation, &r), 1);
	assert_int_equal(m2p_table[x[0]], M2P_INVALID);
	assert_int_equal(d1->tot_pages, 3);
	frame_put(MFN(x[0]));
	assert_int_equal(d1->tot_pages, 2);
	d1->max_pages = 2;
	assert_int_equal(op(v1, XENMEM_increase_reservation, &r), 0);
}

static struct xen_memory_exchange swap(u64 *in, u64 nr_in, u32 in_order,
				       u64 *out, u64 nr_out, u32 out_order)
{
	return (struct xen_memory_exchange){
		.in = list(in, nr_in, in_order),
		.out = list(out, nr_out, out_order),
	};
}

static void exchange_for_contiguous(void **state)
{
	u64 in[64], out[4], free_before;
	struct xen_memory_exchange e = swap(in, 64, 0, out, 4, 4);

	for (u32 i = 0; i < 64; i++)
		in[i] = fake_frame(d0);
	for (u32 i = 0; i < 4; i++)
		out[i] = 500 + 16 * i;
	free_before = heap_free_frames();
	fake_work = PREEMPT_BUDGET - 20;
	assert_int_equal(op(v0, XENMEM_exchange, &e), 0);
	assert_int_equal(e.nr_exchanged, 64);
	assert_int_equal(fake_restarts, 1);
	assert_int_equal(d0->tot_pages, 64);
	assert_int_equal(heap_free_frames(), free_before);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(out[i] % 16, 0);
		assert_int_equal(m2p_table[out[i] + 15], 515 + 16 * i);
		assert_int_equal(mfn_frame(MFN(out[i] + 3))->owner, 0);
	}
	assert_int_equal(mfn_frame(MFN(in[5]))->owner, OWNER_FREE);
	// And back to single frames below an address.
	e = swap(out, 4, 4, in, 64, 0);
	e.out.mem_flags = XENMEMF_address_bits(22); // the first 4 MiB
	for (u32 i = 0; i < 64; i++)
		in[i] = i;
	assert_int_equal(op(v0, XENMEM_exchange, &e), 0);
	assert_int_equal(e.nr_exchanged, 4);
	for (u32 i = 0; i < 64; i++) {
		assert_true(in[i] < 0x400);
		assert_int_equal(m2p_table[in[i]], i);
	}
}

static void exchange_fails_cleanly(void **state)
{
	u64 in[32], out[2] = {100, 116};
	struct xen_memory_exchange e = swap(in, 32, 0, out, 2, 4);

	for (u32 i = 0; i < 32; i++)
		in[i] = fake_frame(d0);
	// A frame in the second chunk is in use.
	assert_true(frame_get(MFN(in[20]), 0));
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	assert_int_equal(e.nr_exchanged, 16);
	assert_int_equal(out[1], 116);
	frame_put(MFN(in[20]));
	for (u32 i = 16; i < 32; i++)
		assert_int_equal(mfn_frame(MFN(in[i]))->ref, REF_ALLOCATED | 1);
	assert_int_equal(mm_audit(), 0);
	// It goes on where it was.
	assert_int_equal(op(v0, XENMEM_exchange, &e), 0);
	assert_int_equal(e.nr_exchanged, 32);
	assert_int_equal(d0->tot_pages, 32);
	// Nothing so low.
	e = swap(out, 2, 4, in, 32, 0);
	e.out.mem_flags = XENMEMF_address_bits(20);
	assert_int_equal(op(v0, XENMEM_exchange, &e), -ENOMEM);
	assert_int_equal(e.nr_exchanged, 0);
	assert_int_equal(mm_audit(), 0);
	e.out.mem_flags = XENMEMF_address_bits(5);
	assert_int_equal(op(v0, XENMEM_exchange, &e), -ENOMEM);
	e.out.mem_flags = 0;
	fake_fault_at = &in[20];
	fake_fault_bytes = 8;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EFAULT);
	assert_int_equal(e.nr_exchanged, 1);
	fake_fault_at = &e.nr_exchanged;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EFAULT);
	fake_fault_on_write = true; // it is done, and cannot be told
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EFAULT);
	fake_fault_on_write = false;
	fake_fault_bytes = 0;
}

static void exchange_of_nonsense(void **state)
{
	u64 in[16] = {0}, out[16] = {0};
	struct xen_memory_exchange e = swap(in, 16, 0, out, 1, 3);

	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL); // sizes
	e = swap(in, 15, 0, out, 1, 4);
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	e = swap(in, 16, 0, out, 1, 4);
	e.nr_exchanged = 17;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	e.nr_exchanged = 3;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	e.nr_exchanged = 0;
	e.in.domid = 1;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	e.out.domid = 1;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL); // frames
	e.in.domid = e.out.domid = 3;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -ESRCH);
	e = swap(in, 16, 0, out, 1, 4);
	assert_int_equal(op(v1, XENMEM_exchange, &e), -EINVAL); // dom0 only
	e = swap(in, 1, 13, out, 1, 13);
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	e = swap(in, ~0ull, 0, out, ~0ull, 0);
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
}

// Its memory is being taken back: what it got behind that would stay.
static void a_dying_domain_gets_nothing(void **state)
{
	u64 in = fake_frame(d1), out = 7;
	struct xen_memory_exchange e = swap(&in, 1, 0, &out, 1, 0);
	struct xen_foreign_memory_map f = {.domid = 1};

	e.in.domid = e.out.domid = 1;
	d1->dying = DOMAIN_DYING;
	assert_int_equal(op(v0, XENMEM_exchange, &e), -EINVAL);
	assert_int_equal(mfn_frame(MFN(in))->owner, 1);
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), -EINVAL);
	assert_null(d1->memory_map);
	d1->dying = DOMAIN_ALIVE;
}

static void questions(void **state)
{
	struct xen_memory_domain self = {DOMID_SELF}, other = {1}, none = {3};
	struct xen_machphys_mapping m;
	struct xen_machphys_mfn_list l = {.max_extents = 5};
	u64 mfns[5] = {0};

	assert_int_equal(op(v1, XENMEM_maximum_ram_page, NULL), FAKE_END - 1);
	assert_int_equal(op(v1, XENMEM_maximum_reservation, &self), 1000);
	assert_int_equal(op(v0, XENMEM_maximum_reservation, &other), 1000);
	assert_int_equal(op(v0, XENMEM_maximum_reservation, &none), -ESRCH);
	assert_int_equal(op(v0, XENMEM_current_reservation, &none), -ESRCH);
	d1->shared->arch.max_pfn = 900;
	assert_int_equal(op(v0, XENMEM_maximum_gpfn, &other), 899);
	assert_int_equal(op(v0, XENMEM_maximum_gpfn, &none), -ESRCH);
	assert_int_equal(op(v1, XENMEM_machphys_mapping, &m), 0);
	assert_int_equal(m.v_start, M2P_BASE);
	assert_int_equal(m.v_end, M2P_BASE + MIB(2));
	assert_int_equal(m.max_mfn, FAKE_END - 1);
	l.extent_start.p = (void *)mfns;
	assert_int_equal(op(v0, XENMEM_machphys_mfn_list, &l), 0);
	assert_int_equal(l.nr_extents, 1);
	assert_int_equal(mfns[0], FAKE_M2P >> PAGE_SHIFT);
	fake_fault_at = mfns;
	fake_fault_bytes = 8;
	assert_int_equal(op(v0, XENMEM_machphys_mfn_list, &l), -EFAULT);
	fake_fault_at = &l;
	assert_int_equal(op(v0, XENMEM_machphys_mfn_list, &l), -EFAULT);
	fake_fault_at = &self;
	assert_int_equal(op(v0, XENMEM_current_reservation, &self), -EFAULT);
	fake_fault_bytes = 0;
	assert_int_equal(op(v0, XENMEM_get_sharing_freed_pages, NULL), 0);
	assert_int_equal(op(v0, XENMEM_get_sharing_shared_pages, NULL), 0);
	assert_int_equal(op(v0, XENMEM_get_vnumainfo, NULL), -EOPNOTSUPP);
	assert_int_equal(op(v0, XENMEM_add_to_physmap, NULL), -ENOSYS);
	assert_int_equal(op(v0, 63, NULL), -ENOSYS);
}

static void claims(void **state)
{
	struct xen_memory_reservation r = list(NULL, 100, 0), own = r;
	struct domain *d1 = v1->domain;
	u64 most = d1->max_pages, mine = fake_frame(d1), has = d1->tot_pages;

	r.domid = 1;
	r.nr_extents = has + 100;
	d1->max_pages = has + 100000;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), 0);
	assert_int_equal(claims_total(), 100);
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -EINVAL); // has one
	assert_int_equal(op(v1, XENMEM_claim_pages, &r), -EPERM);
	r.nr_extents = 0;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), 0);
	assert_int_equal(claims_total(), 0);
	r.nr_extents = has;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -EINVAL);
	r.nr_extents = has + 100001;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -EINVAL);
	r.nr_extents = has + 100000;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -ENOMEM);
	d1->max_pages = ~0ull;
	r.nr_extents = ~0ull;
	assert_int_equal(op(v0, XENMEM_claim_pages, &own), 0); // wraps with it
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -ENOMEM);
	claim_drop(d0);
	d1->dying = DOMAIN_DYING;
	r.nr_extents = has + 100;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -EINVAL);
	claim_return(d1, 5);
	assert_int_equal(claims_total(), 0);
	d1->dying = DOMAIN_ALIVE;
	d1->max_pages = most;
	assert_true(domain_frame_release(d1, MFN(mine)));
	r.extent_order = 1;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -EINVAL);
	r = list(NULL, 100, 0);
	r.domid = 3;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), -ESRCH);
}

// What one domain claimed no other gets; it gets it itself, to the last frame.
static void claims_are_kept(void **state)
{
	struct domain *d0 = v0->domain, *d1 = v1->domain;
	struct xen_memory_reservation r = list(NULL, 0, 0);
	u64 most = d1->max_pages, all = heap_free_frames();
	mfn_t mfn;

	d1->max_pages = d0->max_pages = 100000;
	r.domid = 1;
	r.nr_extents = d1->tot_pages + all - 8;
	assert_int_equal(op(v0, XENMEM_claim_pages, &r), 0);
	assert_true(mfn_is_none(domain_frames_alloc(d0, 4, 0)));
	mfn = domain_frames_alloc(d0, 3, 0);
	assert_false(mfn_is_none(mfn));
	assert_true(mfn_is_none(domain_frames_alloc(d0, 0, 0)));
	for (u64 i = 0; i < 8; i++)
		assert_true(domain_frame_release(d0, MFN(mfn.n + i)));
	mfn = domain_frames_alloc(d1, 0, 0);
	assert_false(mfn_is_none(mfn));
	assert_int_equal(claims_total(), all - 8 - 1);
	assert_true(domain_frame_release(d1, mfn));
	claim_drop(d1);
	mfn = domain_frames_alloc(d0, 4, 0);
	assert_false(mfn_is_none(mfn));
	for (u64 i = 0; i < 16; i++)
		assert_true(domain_frame_release(d0, MFN(mfn.n + i)));
	d1->max_pages = d0->max_pages = most;
}

static void memory_maps(void **state)
{
	struct e820_entry got[8],
		given[2] = {{0, MIB(1), E820_RAM}, {GIB(1), 5, E820_RESERVED}};
	struct xen_memory_map m = {.nr_entries = 8};
	struct xen_foreign_memory_map f = {.domid = 1};

	m.buffer.p = got;
	assert_int_equal(op(v0, XENMEM_machine_memory_map, &m), 0);
	assert_int_equal(m.nr_entries, 2);
	assert_int_equal(got[1].size, MIB(16));
	m.nr_entries = 1;
	assert_int_equal(op(v0, XENMEM_machine_memory_map, &m), -EINVAL);
	assert_int_equal(op(v1, XENMEM_machine_memory_map, &m), -EPERM);
	assert_int_equal(op(v1, XENMEM_memory_map, &m), -ENOSYS);
	f.map.nr_entries = 2;
	f.map.buffer.p = given;
	assert_int_equal(op(v1, XENMEM_set_memory_map, &f), -EPERM);
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), 0);
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), 0); // again
	m.nr_entries = 8;
	assert_int_equal(op(v1, XENMEM_memory_map, &m), 0);
	assert_int_equal(m.nr_entries, 2);
	assert_memory_equal(got, given, sizeof(given));
	m.nr_entries = 1;
	assert_int_equal(op(v1, XENMEM_memory_map, &m), 0);
	assert_int_equal(m.nr_entries, 1);
	f.domid = 3;
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), -ESRCH);
	f.domid = 1;
	f.map.nr_entries = 1000;
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), -EINVAL);
	f.map.nr_entries = 2;
	fake_fault_at = given;
	fake_fault_bytes = 1;
	assert_int_equal(op(v0, XENMEM_set_memory_map, &f), -EFAULT);
	fake_fault_bytes = 0;
}

// ------------------------------------------------------------------ resources

static struct xen_mem_acquire_resource resource(domid_t domid, u32 n, u64 frame,
						xen_pfn_t *list)
{
	struct xen_mem_acquire_resource a = {
		.domid = domid,
		.type = XENMEM_resource_grant_table,
		.nr_frames = n,
		.frame = frame,
	};

	a.frame_list.p = list;
	return a;
}

static i64 acquire(struct vcpu *v, struct xen_mem_acquire_resource a)
{
	return op(v, XENMEM_acquire_resource, &a);
}

static void grant_frames_for_the_tools(void **state)
{
	struct xen_mem_acquire_resource a = resource(1, 0, 0, NULL);
	xen_pfn_t list[8] = {0};

	assert_int_equal(grant_domain_init(d1, 6, 1), 0);
	assert_int_equal(op(v0, XENMEM_acquire_resource, &a), 0);
	assert_int_equal(a.nr_frames, 6);
	a = resource(1, 0, 0, NULL);
	a.id = XENMEM_resource_grant_table_id_status;
	assert_int_equal(op(v0, XENMEM_acquire_resource, &a), 0);
	assert_int_equal(a.nr_frames, 1);
	fake_fault_at = &a;
	fake_fault_bytes = sizeof(a);
	assert_int_equal(op(v0, XENMEM_acquire_resource, &a), -EFAULT);
	a.nr_frames = 0;
	fake_fault_on_write = true;
	assert_int_equal(op(v0, XENMEM_acquire_resource, &a), -EFAULT);
	fake_fault_on_write = false;
	fake_fault_bytes = 0;
	a = resource(1, 1, 0, list);
	a.id = XENMEM_resource_grant_table_id_status;
	assert_int_equal(acquire(v0, a), -EINVAL);
	assert_int_equal(acquire(v0, resource(1, 2, 4, list)), 0);
	assert_true(grant_has_frame(d1, MFN(list[0])));
	assert_true(grant_has_frame(d1, MFN(list[1])));
	assert_int_equal(list[2], 0);
	assert_int_equal(acquire(v0, resource(1, 3, 4, list)), -EINVAL);
	assert_int_equal(acquire(v0, resource(1, 1, ~0ull, list)), -EINVAL);
	assert_int_equal(acquire(v0, resource(1, ~0u, 1, list)), -EINVAL);
	assert_int_equal(acquire(v0, resource(1, 1, 0, NULL)), -EINVAL);
	assert_int_equal(acquire(v0, resource(0, 1, 0, list)), -EPERM);
	assert_int_equal(acquire(v0, resource(DOMID_SELF, 1, 0, list)), -ESRCH);
	assert_int_equal(acquire(v0, resource(3, 1, 0, list)), -ESRCH);
	assert_int_equal(acquire(v1, resource(0, 1, 0, list)), -EPERM);
	a = resource(1, 1, 0, list);
	a.pad = 1;
	assert_int_equal(acquire(v0, a), -EINVAL);
	a = resource(1, 1, 0, list);
	a.type = XENMEM_resource_ioreq_server;
	assert_int_equal(acquire(v0, a), -EINVAL);
	a = resource(1, 1, 0, list);
	a.id = 2;
	assert_int_equal(acquire(v0, a), -EINVAL);
	grant_domain_destroy(d1);
	assert_int_equal(acquire(v0, resource(1, 1, 0, list)), -EINVAL);
	grant_domain_free(d1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(populate),
		T(populate_stops),
		T(increase_and_decrease),
		T(exchange_for_contiguous),
		T(exchange_fails_cleanly),
		T(exchange_of_nonsense),
		T(a_dying_domain_gets_nothing),
		T(questions),
		T(claims),
		T(claims_are_kept),
		T(memory_maps),
		T(grant_frames_for_the_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
