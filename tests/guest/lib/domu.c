// SPDX-License-Identifier: MIT
//
// See domu.h.

#include "guest.h"
#include "domu.h"
#include <xen/io/console.h>

bool is_domu(void)
{
	return !(start_info->flags & SIF_INITDOMAIN);
}

static u32 room(volatile struct xencons_interface *ring)
{
	return sizeof(ring->out) - (ring->out_prod - ring->out_cons);
}

static void wait_for_room(volatile struct xencons_interface *ring)
{
	for (u32 i = 0; i < 100000 && !room(ring); i++)
		sched_op(SCHEDOP_yield, NULL);
}

void domu_console_write(const char *text, size_t len)
{
	volatile struct xencons_interface *ring =
		mfn_va(start_info->console.domU.mfn);
	u32 port = start_info->console.domU.evtchn;

	for (size_t i = 0; i < len; i++) {
		wait_for_room(ring);
		if (!room(ring))
			return;
		ring->out[ring->out_prod % sizeof(ring->out)] = text[i];
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ring->out_prod++;
	}
	port_send(port);
}

u64 cmdline_number(const char *word, u64 otherwise)
{
	const char *at = (const char *)start_info->cmd_line;
	size_t len = strlen(word);
	u64 n = 0;

	while (*at && memcmp(at, word, len))
		at++;
	if (!*at)
		return otherwise;
	for (at += len; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (u64)(*at - '0');
	return n;
}
