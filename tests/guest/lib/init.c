// SPDX-License-Identifier: MIT
//
// What TEST() has set up before the body runs: the shared page, a handler for
// each exception, callbacks, and a kernel stack for entries from user mode.
// User mode itself is set up by user_init() where a test wants it.

#include "guest.h"

void guest_init(void)
{
	event_init();
	trap_init();
	stack_switch(FLAT_KERNEL_SS, kernel_stack_top());
}
