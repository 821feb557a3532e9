// SPDX-License-Identifier: MIT
//
// The start-of-day page: what dom0's kernel finds behind RSI when it starts.
#include "abi/xen.h"
#include "domain/build.h"
#include "lib/string.h"

_Static_assert(sizeof(struct start_info) <= PAGE_SIZE, "start_info is a page");

void build_start_info(struct start_info *si, const struct layout *l,
		      const struct info_ask *ask)
{
	str_copy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
	str_copy((char *)si->cmd_line, ask->cmdline, sizeof(si->cmd_line));
	si->nr_pages = ask->nr_pages;
	si->shared_info = ask->shared_info;
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->pt_base = l->tables_va;
	si->nr_pt_frames = l->tables_pages;
	si->mfn_list = l->p2m_va;
	if (l->p2m_tables_pages) {
		si->first_p2m_pfn = l->p2m_pfn;
		si->nr_p2m_frames = l->p2m_pages + l->p2m_tables_pages;
	}
	if (!l->initrd_pages)
		return;
	si->mod_len = ask->initrd_bytes;
	si->mod_start = l->initrd_va;
	if (!l->initrd_va) {
		si->mod_start = l->initrd_pfn;
		si->flags |= SIF_MOD_START_PFN;
	}
}
