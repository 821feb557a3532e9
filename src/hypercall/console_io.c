// SPDX-License-Identifier: MIT
//
// console_io: dom0's hvc0 is the hypervisor's own console. Writes go to it in
// chunks; reads take what was typed for dom0, which VIRQ_CONSOLE announced.
#include "hypercall/hypercall.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "console/console.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"

#define CHUNK 128
#define CHUNK_WORK 1024 // a slow serial line is waited for
#define COUNT_MAX 0x7fffffffu // the result must stay positive as an int

// arg: cmd, bytes, buffer; the latter two advance when restarted.
static i64 write_chunks(struct vcpu *v, struct hcall *h)
{
	char text[CHUNK];

	while (h->arg[1]) {
		size_t n = min(h->arg[1], (u64)CHUNK);

		if (guest_read(text, h->arg[2], n))
			return -EFAULT;
		console_write_guest(v->domain, text, n);
		h->arg[1] -= n;
		h->arg[2] += n;
		if (h->arg[1] && preempt_due(CHUNK_WORK))
			return hypercall_restart(h);
	}
	return 0;
}

static i64 read_chunks(struct hcall *h)
{
	char text[CHUNK];
	u64 done = 0;

	while (done < h->arg[1]) {
		size_t n =
			console_read(text, min(h->arg[1] - done, (u64)CHUNK));

		if (!n)
			break;
		if (guest_write(h->arg[2] + done, text, n))
			return -EFAULT;
		done += n;
	}
	return (i64)done;
}

// console_io(cmd, count, buffer): 0 after a write, the number of bytes after a
// read. -EPERM not dom0, -EINVAL count, -EFAULT buffer, -ENOSYS cmd.
i64 hc_console_io(struct vcpu *v, struct hcall *h)
{
	if (!v->domain->privileged)
		return -EPERM;
	h->arg[1] = (u32)h->arg[1];
	if (h->arg[1] > COUNT_MAX)
		return -EINVAL;
	switch ((u32)h->arg[0]) {
	case CONSOLEIO_write:
		return write_chunks(v, h);
	case CONSOLEIO_read:
		return read_chunks(h);
	default:
		return -ENOSYS;
	}
}
