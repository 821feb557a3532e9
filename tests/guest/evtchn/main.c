// SPDX-License-Identifier: MIT
//
// evtchn: event channel operations and their refusals.
//
// Ports are the guest's only names for interrupts, timers and neighbours, so a
// port number must never lead to something that is not the guest's own.
//
// Provoked by binding, closing and sending on ports of each kind, twice, with
// bad ports, vCPUs, VIRQs and domains. Expected (abi.md 5.3): ports are small
// numbers from 1; a VIRQ binds once (-EEXIST); closed, unused and huge ports
// are refused (-EINVAL); an unbound port can be bound by its own domain, and
// then each end raises the other; status tells each kind; a closed port is
// given out again.

#include "guest.h"

static long status(u32 port, struct evtchn_status *st)
{
	*st = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
	return event_channel_op(EVTCHNOP_status, st);
}

static void ipi_port(void)
{
	struct evtchn_status st;
	u32 port = port_bind_ipi();

	check(port > 0 && port < 64, "IPI port %u", port);
	expect_rc("status", status(port, &st), 0);
	expect_eq("kind", st.status, EVTCHNSTAT_ipi);
	expect_eq("vcpu", st.vcpu, 0);
	expect_rc("close", port_close(port), 0);
	expect_rc("status of a closed port", status(port, &st), 0);
	expect_eq("its kind", st.status, EVTCHNSTAT_closed);
	check(port_send(port) < 0, "send to a closed port");
	expect_rc("second close", port_close(port), -XEN_EINVAL);
	expect_eq("port is given out again", port_bind_ipi(), port);
	expect_rc("close", port_close(port), 0);
}

static void bad_ports(void)
{
	static const u32 ports[] = {0, 63, 4095, 4096, 100000, 0xffffffff};
	struct evtchn_bind_ipi ipi = {.vcpu = 99};

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		struct evtchn_unmask unmask = {.port = ports[i]};
		struct evtchn_bind_vcpu bind = {.port = ports[i]};
		expect_rc("send", port_send(ports[i]), -XEN_EINVAL);
		expect_rc("close", port_close(ports[i]), -XEN_EINVAL);
		check(event_channel_op(EVTCHNOP_bind_vcpu, &bind) < 0,
		      "bind_vcpu of port %u", ports[i]);
		long rc = event_channel_op(EVTCHNOP_unmask, &unmask);
		check(rc == -XEN_EINVAL || (rc == 0 && ports[i] < 64),
		      "unmask of port %u: %ld", ports[i], rc);
	}
	expect_rc("IPI of vCPU 99", event_channel_op(EVTCHNOP_bind_ipi, &ipi),
		  -XEN_ENOENT);
}

static void virqs(void)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_DEBUG};
	struct evtchn_status st;
	u32 port = port_bind_virq(VIRQ_DEBUG);

	expect_rc("status", status(port, &st), 0);
	expect_eq("kind", st.status, EVTCHNSTAT_virq);
	expect_eq("virq", st.u.virq, VIRQ_DEBUG);
	expect_rc("second bind", event_channel_op(EVTCHNOP_bind_virq, &bind),
		  -XEN_EEXIST);
	expect_rc("send to a VIRQ port", port_send(port), -XEN_EINVAL);
	expect_rc("close", port_close(port), 0);
	expect_rc("bind after close",
		  event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
	port_close(bind.port);
	bind.virq = 24;
	expect_rc("VIRQ 24", event_channel_op(EVTCHNOP_bind_virq, &bind),
		  -XEN_EINVAL);
	bind.virq = 0xffffffff;
	expect_rc("VIRQ -1", event_channel_op(EVTCHNOP_bind_virq, &bind),
		  -XEN_EINVAL);
	bind = (struct evtchn_bind_virq){.virq = VIRQ_DEBUG, .vcpu = 99};
	expect_rc("VIRQ of vCPU 99",
		  event_channel_op(EVTCHNOP_bind_virq, &bind), -XEN_ENOENT);
	bind = (struct evtchn_bind_virq){.virq = VIRQ_CONSOLE};
	expect_rc("console VIRQ", event_channel_op(EVTCHNOP_bind_virq, &bind),
		  0);
	port_close(bind.port);
}

/* Two ends in one domain, as xenstored in dom0 has them. */
static void loopback(void)
{
	struct evtchn_alloc_unbound un = {
		.dom = DOMID_SELF,
		.remote_dom = DOMID_SELF,
	};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
	struct evtchn_status st;

	expect_rc("alloc_unbound",
		  event_channel_op(EVTCHNOP_alloc_unbound, &un), 0);
	expect_rc("status", status(un.port, &st), 0);
	expect_eq("kind", st.status, EVTCHNSTAT_unbound);
	expect_eq("peer", st.u.unbound.dom, 0);
	bind.remote_port = un.port;
	expect_rc("bind_interdomain",
		  event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
	expect_rc("status", status(bind.local_port, &st), 0);
	expect_eq("kind", st.status, EVTCHNSTAT_interdomain);
	expect_eq("peer port", st.u.interdomain.port, un.port);
	check(port_pending(bind.local_port), "a fresh binding is not pending");
	port_clear(bind.local_port);
	port_clear(un.port);
	expect_rc("send", port_send(bind.local_port), 0);
	check(port_pending(un.port) && !port_pending(bind.local_port),
	      "the send raised the wrong end");
	port_clear(un.port);
	expect_rc("second bind",
		  event_channel_op(EVTCHNOP_bind_interdomain, &bind),
		  -XEN_EINVAL);
	expect_rc("close", port_close(un.port), 0);
	expect_rc("status", status(bind.local_port, &st), 0);
	expect_eq("kind of the left end", st.status, EVTCHNSTAT_unbound);
	expect_rc("close", port_close(bind.local_port), 0);
}

static void strangers(void)
{
	struct evtchn_alloc_unbound un = {
		.dom = 1234,
		.remote_dom = DOMID_SELF,
	};
	struct evtchn_bind_interdomain bind = {
		.remote_dom = 1234,
		.remote_port = 1,
	};

	expect_rc("alloc_unbound for nobody",
		  event_channel_op(EVTCHNOP_alloc_unbound, &un), -XEN_ESRCH);
	expect_rc("bind to nobody",
		  event_channel_op(EVTCHNOP_bind_interdomain, &bind),
		  -XEN_ESRCH);
}

/* As many ports as the 2-level bitmaps have at least in one word or two. */
static void many(void)
{
	static u32 ports[200];

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		struct evtchn_bind_ipi ipi = {.vcpu = 0};
		long rc = event_channel_op(EVTCHNOP_bind_ipi, &ipi);
		if (!check(rc == 0, "IPI port number %u: %ld", i, rc))
			return;
		ports[i] = ipi.port;
		for (u32 j = 0; j < i; j++)
			check(ports[j] != ipi.port, "port %u twice", ipi.port);
	}
	u32 last = ports[ARRAY_SIZE(ports) - 1];
	port_unmask_local(last);
	vcpu_info->evtchn_pending_sel = 0;
	port_send(last);
	check(port_pending(last), "port %u is not pending", last);
	expect_eq("selector", vcpu_info->evtchn_pending_sel, 1UL << last / 64);
	port_clear(last);
	for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
		expect_rc("close", port_close(ports[i]), 0);
}

TEST("evtchn")
{
	ipi_port();
	bad_ports();
	virqs();
	loopback();
	strangers();
	many();
}
