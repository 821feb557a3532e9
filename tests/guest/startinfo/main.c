// SPDX-License-Identifier: MIT
//
// startinfo: what a dom0 kernel finds at its first instruction.
//
// A PV kernel has no firmware to ask. Registers, the start_info page, the P2M
// list and the shared page are its whole knowledge of the machine, and Linux
// relies on each of the facts below before it can print anything.
//
// Provoked by being booted without INIT_P2M and without an initrd. Expected
// (abi.md 2.2, 2.4): RSI = start_info, RSP = end of the boot stack, RFLAGS =
// 0x202, flat selectors, everything else 0; start_info filled, with nr_pages of
// dom0_mem=64M; the areas in ascending order; each PFN has an MFN of its own,
// whose M2P entry leads back; all upcall masks set; time and wallclock running.

#include "guest.h"

static void registers(void)
{
	const struct entry_state *e = &entry_state;
	const u64 *gpr = &e->rax;

	for (u32 i = 0; i < 16; i++)
		if (&gpr[i] != &e->rsi && &gpr[i] != &e->rsp)
			check(gpr[i] == 0, "GPR %u is 0x%lx", i, gpr[i]);
	expect_eq("rflags", e->rflags, FL_IF | FL_ONE);
	check(is_kernel_cs(e->cs), "cs is 0x%lx", e->cs);
	check(is_kernel_ss(e->ss), "ss is 0x%lx", e->ss);
	expect_eq("ds", e->ds & 0xffff, 0);
	expect_eq("es", e->es & 0xffff, 0);
	expect_eq("fs", e->fs & 0xffff, 0);
	expect_eq("gs", e->gs & 0xffff, 0);
	expect_eq("rsi", e->rsi & ~PAGE_MASK, 0);
	expect_eq("rsp", e->rsp & ~PAGE_MASK, 0);
}

static void fields(void)
{
	const struct start_info *s = start_info;

	check(!memcmp(s->magic, "xen-3.0-x86_64", 14), "magic");
	expect_eq("nr_pages", s->nr_pages, 64UL << 20 >> 12);
	expect_eq("flags", s->flags & ~(u32)SIF_PM_MASK,
		  SIF_PRIVILEGED | SIF_INITDOMAIN);
	expect_eq("shared_info offset", s->shared_info & ~PAGE_MASK, 0);
	check(s->shared_info != 0, "no shared_info");
	expect_eq("store_mfn", s->store_mfn, 0);
	expect_eq("store_evtchn", s->store_evtchn, 0);
	expect_eq("mod_start", s->mod_start, 0);
	expect_eq("mod_len", s->mod_len, 0);
	expect_eq("nr_p2m_frames", s->nr_p2m_frames, 0);
	check(s->console.dom0.info_off + s->console.dom0.info_size <= PAGE_SIZE,
	      "console info outside of the page");
	check(cmdline_has("alpha") && cmdline_has("beta=2"), "command line: %s",
	      (const char *)s->cmd_line);
}

/* Image, P2M, start_info, page tables, stack, spare space: in this order. */
static void layout(void)
{
	const struct start_info *s = start_info;
	u64 p2m_end = s->mfn_list + s->nr_pages * 8;
	u64 pt_end = s->pt_base + s->nr_pt_frames * PAGE_SIZE;
	u64 stack = entry_state.rsp - PAGE_SIZE;

	check((u64)image_end <= s->mfn_list, "P2M before the image's end");
	expect_eq("P2M alignment", s->mfn_list & ~PAGE_MASK, 0);
	check(p2m_end <= (u64)s, "start_info before the P2M's end");
	check((u64)s + PAGE_SIZE <= s->pt_base, "tables before start_info");
	check(pt_end <= stack, "stack before the page tables");
	check(mapped_end() - entry_state.rsp >= 512 << 10,
	      "only 0x%lx bytes of spare space",
	      mapped_end() - entry_state.rsp);
	expect_eq("end alignment", mapped_end() & ((4UL << 20) - 1), 0);
}

static void p2m_and_m2p(void)
{
	for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++) {
		u64 mfn = p2m()[pfn], back = ~0UL;
		if (!check(mfn != 0 && mfn < 1UL << 40, "P2M[0x%lx] = 0x%lx",
			   pfn, mfn))
			return;
		if (!try_read((void *)&m2p()[mfn], &back) || back != pfn) {
			check_failed("M2P[0x%lx] = 0x%lx, want 0x%lx", mfn,
				     back, pfn);
			return;
		}
	}
}

static void shared_page(void)
{
	const volatile struct shared_info *s = &shared_info;

	for (u32 i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		expect_eq("upcall mask", s->vcpu_info[i].evtchn_upcall_mask, 1);
		expect_eq("upcall pending",
			  s->vcpu_info[i].evtchn_upcall_pending, 0);
	}
	check(s->vcpu_info[0].time.version != 0, "no time");
	check(s->vcpu_info[0].time.tsc_to_system_mul != 0, "no TSC scale");
	check(s->wc_version != 0, "no wallclock");
	check(s->wc_sec != 0 || s->wc_sec_hi != 0, "wallclock is 1970");
	expect_eq("wallclock version", s->wc_version & 1, 0);
	u64 back = 0;
	if (try_read((void *)&m2p()[start_info->shared_info >> 12], &back))
		check(back >= start_info->nr_pages ||
			      p2m()[back] != start_info->shared_info >> 12,
		      "shared_info looks like RAM: M2P says 0x%lx", back);
}

TEST("startinfo")
{
	registers();
	fields();
	layout();
	p2m_and_m2p();
	shared_page();
}
