// SPDX-License-Identifier: MIT
//
// hostile: guests that do what none should be able to.
//
// A guest without privilege tries everything against the hypervisor, dom0 and a
// partner: to reach memory that is not its own, to use privileged operations,
// ports and grants that nobody gave it, to use up what there is, to drown the
// others in console output and events, and to die in the worst moments.
//
// Provoked as a guest beside dom0 (tests/e2e/test_hostile.py, and the program
// domains there, which makes it). The first word of the command line is what to
// do; "self=" and "peer=" are ids. Expected: each attempt is refused with an
// error, or hurts the guest itself at most; the victim sees nothing of it. What
// must be left afterwards (nothing) is for dom0 to see.

#include "guest.h"
#include "domu.h"
#include "grant.h"
#include "second.h"
#include <xen/platform.h>

#define SECOND (1000 * MS)
#define PATTERN 0x5a17c0de00000000UL
#define PAGES 16
#define FIRST_REF 8
#define STALE_TRIES 4096

static domid_t self, peer;

static u32 any(u32 below)
{
	static u32 state = 12345;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

static void nap(u64 ns)
{
	sleep_until(now_ns() + ns);
}

// -------------------------------------------------------------------- memory

static bool is_ours(u64 mfn)
{
	u64 pfn;

	if (mfn == start_info->shared_info >> 12)
		return true;
	return try_read(&m2p()[mfn], &pfn) && pfn < start_info->nr_pages &&
	       p2m()[pfn] == mfn;
}

static void refused(const char *what, u64 mfn, long rc)
{
	check(rc < 0, "%s of frame 0x%lx: returned %ld", what, mfn, rc);
}

static void try_frame(u64 mfn, void *ours)
{
	struct mmuext_op op = {.cmd = MMUEXT_COPY_PAGE};
	struct vcpu_register_vcpu_info info = {.mfn = mfn};
	u64 frame = mfn;

	refused("writable mapping", mfn, test_map(1, mfn << 12 | PTE_PAGE));
	refused("mapping", mfn, test_map(1, mfn << 12 | PTE_RO));
	refused("write as a table", mfn, mmu_update1(mfn << 12, 0));
	refused("M2P entry", mfn,
		mmu_update_type(MMU_MACHPHYS_UPDATE, mfn << 12, 0));
	for (u32 level = 1; level <= 4; level++)
		refused("pin", mfn,
			mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, mfn));
	refused("unpin", mfn, mmuext1(MMUEXT_UNPIN_TABLE, mfn));
	refused("root", mfn, mmuext1(MMUEXT_NEW_BASEPTR, mfn));
	refused("user root", mfn, mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn));
	refused("clear", mfn, mmuext1(MMUEXT_CLEAR_PAGE, mfn));
	op.arg1.mfn = mfn;
	op.arg2.src_mfn = va_mfn(ours);
	refused("copy to", mfn, mmuext_op_dom(&op, 1, NULL, DOMID_SELF));
	op.arg1.mfn = va_mfn(ours);
	op.arg2.src_mfn = mfn;
	refused("copy from", mfn, mmuext_op_dom(&op, 1, NULL, DOMID_SELF));
	refused("GDT", mfn, set_gdt(&frame, 8));
	refused("descriptor", mfn, update_descriptor(mfn << 12, 0));
	refused("vcpu_info", mfn, vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
}

/* A grant of a frame that is not ours gives nobody anything. */
static void try_grant_of(u64 mfn)
{
	struct gnttab_map_grant_ref op = {
		.dom = self,
		.ref = FIRST_REF,
		.host_addr = (u64)test_page(2),
		.flags = GNTMAP_host_map,
	};

	grant_set(FIRST_REF, GTF_permit_access, self, mfn);
	grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
	check(op.status < 0, "a grant of frame 0x%lx was mapped", mfn);
	grant_set(FIRST_REF, 0, 0, 0);
}

static void in_the_name_of(u32 dom)
{
	static const u64 mmio[] = {0xfee00, 0xfec00, 0xb8, 0x100, 0};
	struct mmu_update req;

	for (u32 i = 0; i < ARRAY_SIZE(mmio); i++) {
		req.ptr = (va_mfn(test_l1()) << 12) + 8;
		req.val = mmio[i] << 12 | PTE_PAGE;
		refused("mapping for another", mmio[i],
			mmu_update_dom(&req, 1, NULL, dom));
	}
	for (u64 mfn = 0; mfn < 1 << 18; mfn += 997) {
		if (is_ours(mfn))
			continue;
		req.val = mfn << 12 | PTE_PAGE;
		refused("mapping for another", mfn,
			mmu_update_dom(&req, 1, NULL, dom));
	}
}

static void frames(void)
{
	u64 last = (u64)memory_op(XENMEM_maximum_ram_page, NULL);
	u64 step = last / 400 | 1;
	u64 *ours = page_alloc();
	u32 tried = 0;

	require((long)last > 0, "maximum_ram_page: %ld", (long)last);
	test_map(1, 0);
	for (u64 mfn = 1; mfn < last + 16; mfn += step) {
		if (is_ours(mfn))
			continue;
		try_frame(mfn, ours);
		try_grant_of(mfn);
		tried++;
	}
	check(tried > 200, "only %u frames tried", tried);
	in_the_name_of(0);
	in_the_name_of(peer);
	in_the_name_of(DOMID_IO);
	in_the_name_of(DOMID_XEN);
	in_the_name_of(DOMID_COW);
}

// ---------------------------------------------------------------- privileges

static void control_calls(void)
{
	u64 page[512] = {0};

	for (u32 cmd = 0; cmd < 90; cmd++) {
		*(u32 *)page = cmd;
		((u32 *)page)[1] = 0x15;
		refused("domctl", cmd, HCALL(domctl, page, 0, 0, 0));
		((u32 *)page)[1] = 0x15;
		refused("sysctl", cmd, HCALL(sysctl, page, 0, 0, 0));
		((u32 *)page)[1] = XENPF_INTERFACE_VERSION;
		refused("platform_op", cmd, HCALL(platform_op, page, 0, 0, 0));
	}
}

static void devices(void)
{
	struct physdev_map_pirq map = {
		.domid = DOMID_SELF,
		.type = MAP_PIRQ_TYPE_GSI,
		.index = 4,
		.pirq = 4,
	};
	struct physdev_apic apic = {.apic_physbase = 0xfec00000, .reg = 0x10};
	struct physdev_manage_pci pci = {0};
	struct evtchn_bind_pirq bind = {.pirq = 4};

	refused("pirq", 4, physdev_op(PHYSDEVOP_map_pirq, &map));
	refused("IO-APIC read", 0, physdev_op(PHYSDEVOP_apic_read, &apic));
	refused("IO-APIC write", 0, physdev_op(PHYSDEVOP_apic_write, &apic));
	refused("PCI device", 0, physdev_op(PHYSDEVOP_manage_pci_add, &pci));
	refused("bind_pirq", 4, event_channel_op(EVTCHNOP_bind_pirq, &bind));
}

/* All ones or a fault: there is nothing for us behind a port. */
static void ports_of_the_machine(void)
{
	static const u16 port[] = {0x60, 0x64, 0x70, 0x71, 0x3f8, 0xcf8, 0xcfc};

	for (u32 i = 0; i < ARRAY_SIZE(port); i++) {
		u8 value = 0xff;

		TRY("in %%dx, %%al", : "+a"(value) : "d"(port[i]));
		if (fault.vector == TRAP_NONE)
			expect_eq("a port", value, 0xff);
		TRY("out %%al, %%dx", : : "a"(0xfe), "d"(port[i]));
	}
}

#define GP 13
#define MSR_LSTAR 0xc0000082
#define MSR_APIC_BASE 0x1b

static void instructions(void)
{
	static const u32 msr[] = {MSR_LSTAR, MSR_APIC_BASE, 0xc0000080, 0x277};
	u64 gdtr[2] = {0};

	for (u32 i = 0; i < ARRAY_SIZE(msr); i++)
		TRY("wrmsr", : : "c"(msr[i]), "a"(0), "d"(0));
	TRY("lgdt %0", : : "m"(gdtr));
	check(fault.vector == GP, "LGDT was done");
	TRY("lidt %0", : : "m"(gdtr));
	check(fault.vector == GP, "LIDT was done");
	TRY("ltr %w0", : : "r"(0xe040));
	check(fault.vector == GP, "LTR was done");
	TRY("mov %0, %%cr3", : : "r"(0x1000UL));
	check(fault.vector != TRAP_NONE, "CR3 took a frame of others");
	TRY("mov %0, %%cr4", : : "r"(0UL));
	TRY("mov %0, %%cr0", : : "r"(0UL));
	TRY("invd", :);
}

static void of_others(domid_t dom)
{
	/* They return how much was done; Xen says 0, and not why. */
	static const u32 change[] = {XENMEM_populate_physmap,
				     XENMEM_increase_reservation,
				     XENMEM_decrease_reservation};
	struct sched_remote_shutdown stop = {dom, SHUTDOWN_poweroff};
	struct xen_memory_reservation more = {
		.nr_extents = 1,
		.domid = dom,
	};
	struct gnttab_setup_table table = {.dom = dom, .nr_frames = 1};
	struct evtchn_status status = {.dom = dom, .port = 1};
	struct evtchn_reset reset = {.dom = dom};
	struct evtchn_alloc_unbound alloc = {.dom = dom, .remote_dom = self};
	struct xen_add_to_physmap map = {.domid = dom};
	u64 pfn = 0, frame;

	set_xen_guest_handle(more.extent_start, &pfn);
	set_xen_guest_handle(table.frame_list, &frame);
	refused("shutdown", dom, sched_op(SCHEDOP_remote_shutdown, &stop));
	for (u32 i = 0; i < ARRAY_SIZE(change); i++)
		check(memory_op(change[i], &more) <= 0, "memory of domain %u",
		      dom);
	refused("its size", dom, memory_op(XENMEM_current_reservation, &dom));
	refused("its map", dom, memory_op(XENMEM_add_to_physmap, &map));
	if (!grant_table_op(GNTTABOP_setup_table, &table, 1))
		check(table.status < 0, "the grant table of %u", dom);
	refused("status", dom, event_channel_op(EVTCHNOP_status, &status));
	refused("reset", dom, event_channel_op(EVTCHNOP_reset, &reset));
	refused("a port", dom,
		event_channel_op(EVTCHNOP_alloc_unbound, &alloc));
}

static void privileged(void)
{
	control_calls();
	devices();
	ports_of_the_machine();
	instructions();
	of_others(0);
	of_others(peer);
	refused("machine map", 0, memory_op(XENMEM_machine_memory_map, NULL));
	expect_refused("breakpoint on the hypervisor",
		       set_debugreg(0, 0xffff800000000000));
	expect_rc("a call that is ours", xen_version(XENVER_version, NULL),
		  4 << 16 | 17);
}

// -------------------------------------------------------------------- events

/* Dom0 has given us two ports, for console and store. */
static void ports(void)
{
	u32 console = start_info->console.domU.evtchn;
	u32 store = start_info->store_evtchn, bound = 0;

	for (u32 port = 0; port < 5000; port++)
		if (port != console && port != store)
			refused("sending to port", port, port_send(port));
	for (domid_t dom = 0; dom <= peer + 1; dom++) {
		for (u32 port = 0; port < 200 && dom != self; port++) {
			struct evtchn_bind_interdomain bind = {
				.remote_dom = dom,
				.remote_port = port,
			};

			if (!event_channel_op(EVTCHNOP_bind_interdomain, &bind))
				bound++;
		}
	}
	expect_eq("ports of others that we took", bound, 0);
	for (u32 port = 0; port < 5000; port++)
		if (port != console && port != store)
			refused("closing port", port, port_close(port));
}

// -------------------------------------------------------------------- grants

static void guess_grants(domid_t dom)
{
	u64 *page = page_alloc();

	for (u32 ref = 0; ref < 600; ref++) {
		struct gnttab_map_grant_ref map = {
			.dom = dom,
			.ref = ref,
			.host_addr = (u64)test_page(3),
			.flags = GNTMAP_host_map | (ref & 1) * GNTMAP_readonly,
		};
		struct gnttab_copy copy = {
			.source.u.ref = ref,
			.source.domid = dom,
			.dest.u.gmfn = va_mfn(page),
			.dest.domid = DOMID_SELF,
			.len = 64,
			.flags = GNTCOPY_source_gref,
		};

		grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
		check(map.status < 0, "grant %u of domain %u is ours", ref,
		      dom);
		grant_table_op(GNTTABOP_copy, &copy, 1);
		check(copy.status < 0, "grant %u of domain %u was copied", ref,
		      dom);
	}
	for (u32 handle = 0; handle < 600; handle++) {
		struct gnttab_unmap_grant_ref op = {.handle = handle};

		grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
		check(op.status < 0, "handle %u was unmapped", handle);
	}
}

static void grants(void)
{
	test_map(3, 0);
	guess_grants(0);
	guess_grants(peer);
	guess_grants(peer + 1);
	guess_grants(DOMID_XEN);
}

// ---------------------------------------------------------------- exhaustion

static void use_up_ports(void)
{
	u32 n = 0;

	for (; n < 10000; n++) {
		struct evtchn_alloc_unbound alloc = {
			.dom = DOMID_SELF,
			.remote_dom = (domid_t)any(8),
		};

		if (event_channel_op(EVTCHNOP_alloc_unbound, &alloc))
			break;
	}
	check(n < 10000, "ports without end");
}

static void use_up_maps(void)
{
	u32 n = 0;

	grant_set(FIRST_REF, GTF_permit_access, self, va_mfn(page_alloc()));
	for (; n < 100000; n++) {
		struct gnttab_map_grant_ref op = {
			.dom = self,
			.ref = FIRST_REF,
			.host_addr = (u64)test_page(4 + n % 256),
			.flags = GNTMAP_host_map,
		};

		test_map(4 + n % 256, 0); /* the handle leaks */
		grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
		if (op.status)
			break;
	}
	check(n < 100000, "grant handles without end");
}

static void use_up_memory(void)
{
	u64 pfn = start_info->nr_pages, got = 0;
	struct xen_memory_reservation more = {
		.domid = DOMID_SELF,
		.nr_extents = 1,
	};

	set_xen_guest_handle(more.extent_start, &pfn);
	for (u32 order = 0; order < 20; order += 3) {
		more.extent_order = order;
		for (u32 i = 0; i < 100000; i++) {
			if (memory_op(XENMEM_populate_physmap, &more) != 1)
				break;
			got += 1UL << order;
		}
	}
	check(got < start_info->nr_pages, "memory without end: 0x%lx", got);
}

static void use_up_grants(void)
{
	static u64 frames[1024];
	struct gnttab_setup_table table = {.dom = DOMID_SELF};
	u32 n = 1;

	set_xen_guest_handle(table.frame_list, frames);
	for (; n < ARRAY_SIZE(frames); n++) {
		table.nr_frames = n;
		if (grant_table_op(GNTTABOP_setup_table, &table, 1) ||
		    table.status)
			break;
	}
	check(n > 1 && n < ARRAY_SIZE(frames), "%u frames of grants", n);
}

static void exhaust(void)
{
	use_up_ports();
	use_up_grants();
	use_up_maps();
	use_up_memory();
	for (u64 i = 0; i < 64; i++)
		vm_assist(VMASST_CMD_enable, (u32)i);
	/* All of it is left to whoever ends us. */
}

/* For dom0 to see how much that was. */
static void hoard(void)
{
	exhaust();
	say("hoarding");
	for (;;)
		nap(SECOND);
}

// -------------------------------------------------------------------- floods

static void flood_console(void)
{
	char line[128];

	memset(line, 'x', sizeof(line));
	for (u32 i = 0; i < 3000; i++) {
		console_io(CONSOLEIO_write, sizeof(line), line);
		mmuext1(MMUEXT_PIN_L1_TABLE, 1);
		mmuext1(MMUEXT_UNPIN_TABLE, ~0UL);
	}
	for (u32 i = 0; i < 500; i++)
		domu_console_write("flood flood flood flood\n", 24);
}

static u32 port_for_peer(void)
{
	struct evtchn_alloc_unbound alloc = {
		.dom = DOMID_SELF,
		.remote_dom = peer,
	};

	require(!event_channel_op(EVTCHNOP_alloc_unbound, &alloc),
		"no port for the peer");
	return alloc.port;
}

/* The peer's port for us is one of its first. */
static u32 port_of_peer(void)
{
	u64 end = now_ns() + 60 * SECOND;

	while (now_ns() < end) {
		struct evtchn_bind_interdomain bind = {.remote_dom = peer};

		for (u32 port = 1; port < 16; port++) {
			bind.remote_port = port;
			if (!event_channel_op(EVTCHNOP_bind_interdomain, &bind))
				return bind.local_port;
		}
		nap(20 * MS);
	}
	test_broken("the peer has no port for us");
}

/* As fast as it can for two seconds; the peer is "flooded". */
static void flood_events(void)
{
	u32 port = port_of_peer();
	u32 ipi = port_bind_ipi();
	u64 end = now_ns() + 2 * SECOND;
	u32 n = 0;

	while (now_ns() < end) {
		port_send(port);
		port_send(ipi);
		port_clear(ipi);
		n++;
	}
	check(n > 10, "only %u events", n);
}

/* It gets its events, and time to do something else. */
static void flooded(void)
{
	u32 port = port_for_peer();
	u64 end = now_ns() + 60 * SECOND, turns = 0;

	port_unmask(port);
	events_unmask();
	while (!event_count[port] && now_ns() < end)
		hypercall_poke();
	check(event_count[port] > 0, "no event came");
	end = now_ns() + 2 * SECOND;
	while (now_ns() < end) {
		turns++;
		hypercall_poke();
	}
	events_mask();
	check(turns > 100, "only %lu turns in 2 s", turns);
}

static void spin(void)
{
	say("spinning");
	events_mask();
	for (;;)
		asm volatile("pause");
}

// ---------------------------------------------------------------- the victim

/* Its memory stays what it is, for three seconds. */
static void victim(void)
{
	u64 *page[PAGES];
	u64 end = now_ns() + 3 * SECOND;

	for (u32 i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		for (u32 k = 0; k < PAGE_SIZE / 8; k++)
			page[i][k] = PATTERN + self + k;
	}
	while (now_ns() < end) {
		for (u32 i = 0; i < PAGES; i++)
			for (u32 k = 0; k < PAGE_SIZE / 8; k++)
				if (page[i][k] != PATTERN + self + k)
					test_broken("page %u changed", i);
		nap(MS);
	}
}

// ------------------------------------------------------------------- deaths

static u64 *given[PAGES];

static void give(void)
{
	for (u32 i = 0; i < PAGES; i++) {
		given[i] = page_alloc();
		given[i][0] = PATTERN + i;
		grant_set(FIRST_REF + i, GTF_permit_access, peer,
			  va_mfn(given[i]));
	}
}

static bool used(u32 i)
{
	return grant_entry(FIRST_REF + i)->flags & (GTF_reading | GTF_writing);
}

static bool all_used(bool wanted)
{
	for (u32 i = 0; i < PAGES; i++)
		if (used(i) != wanted)
			return false;
	return true;
}

static void wait_used(bool wanted)
{
	u64 end = now_ns() + 60 * SECOND;

	while (!all_used(wanted)) {
		require(now_ns() < end, "the peer does not %s our grants",
			wanted ? "map" : "let go of");
		nap(5 * MS);
	}
}

static u32 taken[PAGES];

static void take(void)
{
	u64 end = now_ns() + 60 * SECOND;

	test_map(0, 0);
	for (u32 i = 0; i < PAGES;) {
		struct gnttab_map_grant_ref op = {
			.dom = peer,
			.ref = FIRST_REF + i,
			.host_addr = (u64)test_page(i),
			.flags = GNTMAP_host_map,
		};

		grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
		if (!op.status) {
			taken[i++] = op.handle;
			continue;
		}
		require(now_ns() < end, "mapping grant %u: %d", i, op.status);
		nap(5 * MS);
	}
}

/* Dies when the peer has mapped its pages. */
static void giver(void)
{
	give();
	wait_used(true);
}

/* They stay what they were, though their owner is gone, until it lets go. */
static void taker(void)
{
	take();
	nap(1500 * MS);
	for (u32 i = 0; i < PAGES; i++) {
		volatile u64 *p = test_page(i);

		expect_eq("a page of the dead", p[0], PATTERN + i);
		p[1] = i;
	}
	for (u32 i = 0; i < PAGES / 2; i++)
		expect_eq("unmap",
			  (u64)grant_unmap(taken[i], (u64)test_page(i), 0), 0);
	/* The other half is left to whoever ends us. */
}

/* Gets its pages back from a peer that died with them. */
static void lender(void)
{
	give();
	wait_used(true);
	wait_used(false);
	for (u32 i = 0; i < PAGES; i++) {
		grant_set(FIRST_REF + i, 0, 0, 0);
		expect_eq("our page", given[i][0], PATTERN + i);
	}
}

static void dies_with_it(void)
{
	take();
	nap(200 * MS);
}

/*
 * A word in a page that both have mapped, to take turns by. All that is written
 * there is even, so that it makes the page no worse a page table.
 */
#define TURN 1
#define ANSWER 2
enum { TAKEN_BACK = 2, LET_GO = 4 };

static u64 contents(u32 i)
{
	return PATTERN + 2 * (u64)i;
}

static void wait_turn(const volatile u64 *page, u64 turn)
{
	u64 end = now_ns() + 60 * SECOND;

	while (page[TURN] != turn) {
		require(now_ns() < end, "the peer did not do its part");
		nap(5 * MS);
	}
}

static bool can_be_table(u64 *page)
{
	bool can;

	page_make_ro(page);
	can = !pin(1, page);
	if (can)
		mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(page));
	page_make_rw(page);
	return can;
}

/*
 * Takes its grants back while the peer has them mapped, without asking: the
 * entries are empty, or grant another page to somebody else. The peer can write
 * the old ones all the same, so they cannot become page tables; once it has let
 * go of them, they can.
 */
static void revoker(void)
{
	u64 end = now_ns() + 120 * SECOND;
	u64 *secret = page_alloc();

	give();
	wait_used(true);
	for (u32 i = 0; i < PAGES; i++) {
		grant_set(FIRST_REF + i, i & 1 ? GTF_permit_access : 0, self,
			  va_mfn(secret));
		given[i][0] = contents(i);
		check(!can_be_table(given[i]),
		      "page %u is a table, and the peer can write it", i);
	}
	given[0][TURN] = TAKEN_BACK;
	wait_turn(given[0], LET_GO);
	for (u32 i = 0; i < PAGES; i++) {
		expect_eq("what the peer wrote", given[i][ANSWER], 2 * i);
		while (!can_be_table(given[i])) {
			require(now_ns() < end, "page %u is not given back", i);
			nap(5 * MS);
		}
	}
	expect_eq("a page that nobody was given", secret[ANSWER], 0);
}

/* Keeps what it has mapped, whatever the entries say since, and no more. */
static void keeper(void)
{
	take();
	wait_turn(test_page(0), TAKEN_BACK);
	for (u32 i = 0; i < PAGES; i++) {
		volatile u64 *p = test_page(i);

		expect_eq("the page that was mapped", p[0], contents(i));
		p[ANSWER] = 2 * i;
	}
	((volatile u64 *)test_page(0))[TURN] = LET_GO;
	for (u32 i = 0; i < PAGES; i++)
		expect_eq("unmap",
			  (u64)grant_unmap(taken[i], (u64)test_page(i), 0), 0);
}

#define FILLED 0x1111111111111111

/*
 * What copies may reach of a peer's pages: the first is granted, the second for
 * reading only, the third not at all.
 */
static void copied(void)
{
	u64 end = now_ns() + 60 * SECOND;

	for (u32 i = 0; i < 3; i++) {
		given[i] = page_alloc();
		memset(given[i], (u8)FILLED, PAGE_SIZE);
	}
	grant_set(FIRST_REF + 1, GTF_permit_access | GTF_readonly, peer,
		  va_mfn(given[1]));
	grant_set(FIRST_REF, GTF_permit_access, peer, va_mfn(given[0]));
	while (((volatile u64 *)given[0])[PAGE_SIZE / 8 - 1] == FILLED) {
		require(now_ns() < end, "the peer copied nothing");
		nap(5 * MS);
	}
	for (u32 i = 0; i < 3; i++)
		for (u32 k = 0; k < PAGE_SIZE / 8 - (i == 0); k++)
			expect_eq("beside the copy", given[i][k], FILLED);
	expect_eq("the copy", given[0][PAGE_SIZE / 8 - 1], PATTERN);
}

static int copy_to(u32 ref, u64 *from, u32 offset, u32 len)
{
	struct gnttab_copy copy = {
		.source.u.gmfn = va_mfn(from),
		.source.domid = DOMID_SELF,
		.dest.u.ref = ref,
		.dest.domid = peer,
		.dest.offset = (u16)offset,
		.len = (u16)len,
		.flags = GNTCOPY_dest_gref,
	};

	return grant_copy(copy);
}

/* When the peer is there: all that must fail, then what ends its part. */
static void copier(void)
{
	static const struct {
		u32 ref, offset, len;
	} bad[] = {
		{FIRST_REF, 4096, 1},     {FIRST_REF, 4095, 2},
		{FIRST_REF, 1, 4096},     {FIRST_REF, 65535, 1},
		{FIRST_REF, 2, 65535},    {FIRST_REF + 1, 0, 8},
		{FIRST_REF + 2, 0, 8},    {FIRST_REF + 3, 0, 8},
		{FIRST_REF + 4096, 0, 8}, {~0u, 0, 8},
	};
	u64 end = now_ns() + 60 * SECOND;
	u64 *from = page_alloc();

	memset(from, (u8)FILLED, PAGE_SIZE);
	while (copy_to(FIRST_REF, from, 0, 8)) {
		require(now_ns() < end, "no grant to copy to");
		nap(5 * MS);
	}
	memset(from, 0xee, PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		refused("copy", i,
			copy_to(bad[i].ref, from, bad[i].offset, bad[i].len));
	from[0] = PATTERN;
	expect_rc("the last copy", copy_to(FIRST_REF, from, PAGE_SIZE - 8, 8),
		  0);
}

/* A crash in the most helpless way: no stack for the exception. */
static void crash(void)
{
	say("crashing");
	stack_switch(FLAT_KERNEL_SS, 8);
	asm volatile("xor %esp, %esp; ud2");
}

// ----------------------------------------------------------- killed at work

static u64 *table;

static void table_step(u32 n)
{
	u64 entry = (va_mfn(table) << 12) + 8 * (n % 512);

	switch (n % 5) {
	case 0:
		mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(table));
		break;
	case 1:
		mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(table));
		break;
	case 2:
		mmu_update1(entry, va_mfn(given[n % PAGES]) << 12 | PTE_PAGE);
		break;
	default:
		mmu_update1(entry, 0);
	}
}

static void grant_step(u32 n)
{
	struct gnttab_map_grant_ref op = {
		.dom = n & 1 ? peer : self,
		.ref = FIRST_REF + n % PAGES,
		.host_addr = (u64)test_page(8 + n % 8),
		.flags = GNTMAP_host_map,
	};
	struct gnttab_copy copy = {
		.source.u.ref = FIRST_REF + n % PAGES,
		.source.domid = peer,
		.dest.u.gmfn = va_mfn(given[n % PAGES]),
		.dest.domid = DOMID_SELF,
		.len = 4096,
		.flags = GNTCOPY_source_gref,
	};

	grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
	if (!op.status && n % 16)
		grant_unmap(op.handle, op.host_addr, 0);
	grant_table_op(GNTTABOP_copy, &copy, 1);
}

static void memory_step(void)
{
	u64 pfn = spare_pfn();
	struct xen_memory_reservation r = {
		.domid = DOMID_SELF,
		.nr_extents = 1,
	};
	u64 mfn = p2m()[pfn];

	set_xen_guest_handle(r.extent_start, &mfn);
	if (memory_op(XENMEM_decrease_reservation, &r) != 1)
		return;
	set_xen_guest_handle(r.extent_start, &pfn);
	if (memory_op(XENMEM_populate_physmap, &r) == 1)
		p2m()[pfn] = pfn; /* now a frame's number */
}

static void second_works(void)
{
	for (u32 n = 0;; n++) {
		table_step(any(1000000));
		if (n % 64 == 0)
			sched_op(SCHEDOP_yield, NULL);
	}
}

/* Until it is destroyed; its pages are the peer's to map, too. */
static void busy(void)
{
	u32 ipi = port_bind_ipi();

	table = table_alloc();
	give();
	say("busy");
	second_start(second_works);
	for (u32 n = 0;; n++) {
		table_step(any(1000000));
		grant_step(any(1000000));
		port_send(ipi);
		if (n < 1000)
			memory_step();
		if (n % 100 == 0)
			nap(MS);
	}
}

static void idle(void)
{
}

static const struct {
	const char *word;
	void (*fn)(void);
} roles[] = {
	{"busy", busy},
	{"copied", copied},
	{"copier", copier},
	{"crash", crash},
	{"dies-with-it", dies_with_it},
	{"exhaust", exhaust},
	{"flood-console", flood_console},
	{"flood-events", flood_events},
	{"flooded", flooded},
	{"frames", frames},
	{"giver", giver},
	{"grants", grants},
	{"hoard", hoard},
	{"idle", idle},
	{"keeper", keeper},
	{"lender", lender},
	{"ports", ports},
	{"privileged", privileged},
	{"revoker", revoker},
	{"spin", spin},
	{"taker", taker},
	{"victim", victim},
};

TEST("hostile")
{
	self = (domid_t)cmdline_number("self=", 1);
	peer = (domid_t)cmdline_number("peer=", 2);
	for (u32 i = 0; i < ARRAY_SIZE(roles); i++) {
		if (cmdline_has(roles[i].word)) {
			roles[i].fn();
			return;
		}
	}
	test_broken("no such part");
}
