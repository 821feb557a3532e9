// SPDX-License-Identifier: MIT
//
// domctl: what the control domain does to domains. This is the dispatcher; a
// line of the table says for each command who carries it out, whether it needs
// a target, and whether the argument is written back. A command without a line
// is answered -ENOSYS.
#include "domain/domctl.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hypercall/hypercall.h"

#define TARGET 0x1u // op.domain names a domain that exists
#define OTHER 0x2u // and that is not the caller's own
#define BACK 0x4u // the argument is written back on success
#define BACK_ALWAYS 0x8u // and on failure

struct command {
	domctl_fn *fn;
	u32 flags;
};

#define CMD(name) [XEN_DOMCTL_##name]

static const struct command commands[] = {
	CMD(createdomain) = {domctl_create, BACK},
	CMD(destroydomain) = {domctl_destroy, TARGET | OTHER},
	CMD(pausedomain) = {domctl_pause, TARGET | OTHER},
	CMD(unpausedomain) = {domctl_unpause, TARGET},
	CMD(getdomaininfo) = {domctl_get_info, BACK},
	CMD(setvcpuaffinity) = {domctl_set_affinity, TARGET},
	CMD(shadow_op) = {domctl_shadow, TARGET | OTHER | BACK},
	CMD(max_mem) = {domctl_max_mem, TARGET},
	CMD(setvcpucontext) = {domctl_set_context, TARGET | OTHER},
	CMD(getvcpucontext) = {domctl_get_context, TARGET | OTHER},
	CMD(getvcpuinfo) = {domctl_get_vcpu_info, TARGET | BACK},
	CMD(max_vcpus) = {domctl_max_vcpus, TARGET | OTHER},
	CMD(scheduler_op) = {domctl_scheduler, TARGET | BACK},
	CMD(setdomainhandle) = {domctl_set_handle, TARGET},
	CMD(iomem_permission) = {domctl_iomem, TARGET},
	CMD(ioport_permission) = {domctl_ioports, TARGET},
	CMD(hypercall_init) = {domctl_hypercall_page, TARGET},
	CMD(setdebugging) = {domctl_set_debugging, TARGET | OTHER},
	CMD(irq_permission) = {domctl_irq, TARGET | OTHER},
	CMD(subscribe) = {domctl_subscribe, TARGET},
	CMD(set_virq_handler) = {domctl_set_virq_handler, TARGET},
	CMD(settimeoffset) = {domctl_set_time_offset, TARGET},
	CMD(getvcpuaffinity) = {domctl_get_affinity, TARGET},
	CMD(resumedomain) = {domctl_resume, TARGET | OTHER},
	CMD(sendtrigger) = {domctl_send_trigger, TARGET},
	CMD(set_address_size) = {domctl_set_address_size, TARGET},
	CMD(get_address_size) = {domctl_get_address_size, TARGET | BACK},
	CMD(set_ext_vcpucontext) = {domctl_set_callbacks, TARGET | OTHER},
	CMD(get_ext_vcpucontext) = {domctl_get_callbacks, TARGET | BACK},
	CMD(assign_device) = {domctl_no_device, 0},
	CMD(test_assign_device) = {domctl_no_device, 0},
	CMD(deassign_device) = {domctl_no_device, 0},
	CMD(get_device_group) = {domctl_no_device, 0},
	CMD(gettscinfo) = {domctl_get_tsc, TARGET | BACK},
	CMD(settscinfo) = {domctl_set_tsc, TARGET | OTHER},
	CMD(getpageframeinfo3) = {domctl_page_types, TARGET},
	CMD(setvcpuextstate) = {domctl_set_xstate, TARGET | OTHER},
	CMD(getvcpuextstate) = {domctl_get_xstate, TARGET | OTHER | BACK},
	CMD(setnodeaffinity) = {domctl_set_nodes, TARGET},
	CMD(getnodeaffinity) = {domctl_get_nodes, TARGET},
	CMD(get_vcpu_msrs) = {domctl_get_msrs, TARGET | OTHER | BACK},
	CMD(set_vcpu_msrs) = {domctl_set_msrs, TARGET | OTHER | BACK_ALWAYS},
	CMD(get_cpu_policy) = {domctl_get_policy, TARGET | BACK},
	CMD(set_cpu_policy) = {domctl_set_policy, TARGET | OTHER | BACK_ALWAYS},
};

struct vcpu *domctl_vcpu(const struct domain *d, u32 id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static int find_target(struct domctl *c, u32 flags)
{
	if (!(flags & TARGET))
		return 0;
	c->d = domain_find(c->op->domain);
	if (!c->d)
		return -ESRCH;
	if ((flags & OTHER) && c->d == c->caller->domain)
		return -EINVAL;
	return 0;
}

static int carry_out(struct domctl *c, gva_t arg)
{
	const struct command *cmd = &commands[c->op->cmd];
	u32 back = cmd->flags & BACK_ALWAYS;
	int err = find_target(c, cmd->flags);

	if (err)
		return err;
	err = cmd->fn(c);
	if (!err)
		back |= cmd->flags & BACK;
	if (back && err != -ERESTART && guest_write(arg, c->op, sizeof(*c->op)))
		return -EFAULT;
	return err;
}

// domctl(arg): the command's result. -EPERM not the control domain, -EFAULT
// arg, -EACCES interface version, -ENOSYS command, -ESRCH domain, -EINVAL not
// to oneself.
i64 hc_domctl(struct vcpu *v, struct hcall *h)
{
	static struct lock lock = LOCK_INIT(LOCK_CONTROL);
	struct xen_domctl op;
	struct domctl c = {.caller = v, .op = &op};
	int err;

	if (!v->domain->privileged)
		return -EPERM;
	if (guest_read(&op, h->arg[0], sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(commands) || !commands[op.cmd].fn)
		return -ENOSYS;
	// Another processor may be busy for long: interrupts come first.
	if (!lock_try(&lock))
		return hypercall_restart(h);
	err = carry_out(&c, h->arg[0]);
	lock_put(&lock);
	return err == -ERESTART ? hypercall_restart(h) : err;
}
