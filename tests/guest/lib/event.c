// SPDX-License-Identifier: MIT
//
// Events; see event.h.

#include "guest.h"

#define BITS 64

struct shared_info shared_info __attribute__((aligned(4096)));
volatile struct vcpu_info *vcpu_info = &shared_info.vcpu_info[0];
volatile u32 event_upcalls;
volatile u32 event_count[64];

/* Our own page at that address is replaced by the hypervisor's frame. */
void event_init(void)
{
	long rc = update_va_mapping(
		&shared_info, start_info->shared_info | PTE_PAGE, UVMF_INVLPG);

	require(rc == 0, "mapping shared_info: error %ld", rc);
	memset(shared_info.evtchn_mask, 0xff, sizeof(shared_info.evtchn_mask));
}

static void take_word(u32 word)
{
	u64 ports = shared_info.evtchn_pending[word] &
		    ~shared_info.evtchn_mask[word];

	for (u32 b = 0; b < BITS; b++) {
		u32 port = word * BITS + b;
		if (!(ports >> b & 1))
			continue;
		port_clear(port);
		if (port < ARRAY_SIZE(event_count))
			event_count[port]++;
	}
}

void event_handle(void)
{
	event_upcalls++;
	vcpu_info->evtchn_upcall_pending = 0;
	u64 sel = __atomic_exchange_n(&vcpu_info->evtchn_pending_sel, 0,
				      __ATOMIC_SEQ_CST);
	for (u32 w = 0; w < BITS; w++)
		if (sel >> w & 1)
			take_word(w);
}

void port_mask(u32 port)
{
	__atomic_fetch_or(&shared_info.evtchn_mask[port / BITS],
			  1UL << port % BITS, __ATOMIC_SEQ_CST);
}

void port_unmask_local(u32 port)
{
	__atomic_fetch_and(&shared_info.evtchn_mask[port / BITS],
			   ~(1UL << port % BITS), __ATOMIC_SEQ_CST);
}

/*
 * What a sender has raised while the port was masked is announced now: with a
 * store alone it would not be, and neither would anything that comes after it.
 */
void port_unmask(u32 port)
{
	struct evtchn_unmask unmask = {.port = port};
	long rc = event_channel_op(EVTCHNOP_unmask, &unmask);

	require(rc == 0, "unmask: error %ld", rc);
}

bool port_pending(u32 port)
{
	volatile u64 *word = &shared_info.evtchn_pending[port / BITS];

	return *word >> port % BITS & 1;
}

void port_clear(u32 port)
{
	__atomic_fetch_and(&shared_info.evtchn_pending[port / BITS],
			   ~(1UL << port % BITS), __ATOMIC_SEQ_CST);
}

u32 port_bind_ipi(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};
	long rc = event_channel_op(EVTCHNOP_bind_ipi, &bind);

	require(rc == 0, "bind_ipi: error %ld", rc);
	port_unmask_local(bind.port);
	return bind.port;
}

u32 port_bind_virq(u32 virq)
{
	struct evtchn_bind_virq bind = {.virq = virq, .vcpu = 0};
	long rc = event_channel_op(EVTCHNOP_bind_virq, &bind);

	require(rc == 0, "bind_virq %u: error %ld", virq, rc);
	port_unmask(bind.port);
	return bind.port;
}

long port_send(u32 port)
{
	struct evtchn_send send = {.port = port};

	return event_channel_op(EVTCHNOP_send, &send);
}

long port_close(u32 port)
{
	struct evtchn_close close = {.port = port};

	return event_channel_op(EVTCHNOP_close, &close);
}
