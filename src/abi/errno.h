// SPDX-License-Identifier: MIT
//
// Error numbers of the guest ABI under their plain names. The values are
// those of xen/errno.h, which are Linux's.
#pragma once

enum {
#define XEN_ERRNO(name, value) name = (value),
#include <xen/errno.h>
#undef XEN_ERRNO
	ERESTART = 85, // ours: preempted, call again; no guest ever sees it
};
