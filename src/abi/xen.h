// SPDX-License-Identifier: MIT
//
// The guest ABI: Debian's libxen-dev headers, taken as they are published.
// The tools' half (domctl, sysctl, platform) is asked for too. Structures that
// assembly or the frame table rely on are pinned down here by assertions.
#pragma once

#include <stdint.h>

#define __XEN_TOOLS__ 1

#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

#define GUEST_HANDLE_GVA(handle) ((uint64_t)(uintptr_t)(handle).p)

_Static_assert(sizeof(struct vcpu_info) == 64, "vcpu_info is one cache line");
_Static_assert(sizeof(struct shared_info) <= 4096, "shared_info is a page");
_Static_assert(sizeof(struct trap_info) == 16, "trap_info");
_Static_assert(sizeof(struct mmu_update) == 16, "mmu_update");
_Static_assert(sizeof(struct multicall_entry) == 64, "multicall_entry");
