// SPDX-License-Identifier: MIT
//
// Debug registers. They are the guest's while it runs, and stay armed while the
// hypervisor works for it, so no breakpoint may lie on the hypervisor's own
// addresses (gate.md S10). Registers are only written when a breakpoint is
// enabled.
#include "cpu/cpu.h"
#include "cpu/priv.h"

#include "abi/errno.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "hypercall/hypercall.h"

#define DR6_ALWAYS_ZERO (0x1000 | ~0xffffffffull)
#define DR7_ALWAYS_ZERO (0xd800 | ~0xffffffffull)
#define DR7_ENABLE_BITS 3u // of breakpoint i at bit 2i
#define DR7_TYPE_BITS 3u // at bit 16+4i
#define DR7_TYPE_IO 2u
#define BREAKPOINT_MAX_BYTES 8

static bool has_io_breakpoint(u64 dr7)
{
	for (u32 i = 0; i < 4; i++)
		if ((dr7 >> (2 * i) & DR7_ENABLE_BITS) &&
		    (dr7 >> (16 + 4 * i) & DR7_TYPE_BITS) == DR7_TYPE_IO)
			return true;
	return false;
}

bool debugreg_check(u64 index, u64 *value, bool io_breakpoints)
{
	if (index < 4)
		return is_canonical(*value) &&
		       guest_range_ok(*value, BREAKPOINT_MAX_BYTES);
	if (index == 6) {
		*value = (*value & ~DR6_ALWAYS_ZERO) | DR6_DEFAULT;
		return true;
	}
	if (*value & DR7_GD)
		return false;
	*value = (*value & ~DR7_ALWAYS_ZERO) | DR7_DEFAULT;
	return io_breakpoints || !has_io_breakpoint(*value);
}

static bool armed(const struct vcpu *v)
{
	return v->dr[7] & DR7_ENABLED;
}

void debugreg_unload(void)
{
	struct cpu *c = cpu_this();

	if (!c->breakpoints)
		return;
	c->breakpoints = false;
	write_dr7(DR7_DEFAULT);
}

void debugreg_load(struct vcpu *v)
{
	if (!armed(v)) {
		debugreg_unload();
		return;
	}
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	write_dr7(v->dr[7]);
	cpu_this()->breakpoints = true;
}

void debugreg_note(struct vcpu *v, bool stepped)
{
	u64 seen = read_dr6();

	write_dr6(DR6_DEFAULT);
	if (!stepped)
		seen &= ~(u64)DR6_BS;
	if (v)
		v->dr[6] |= seen & ~(u64)DR6_DEFAULT;
}

void debugreg_single_step(struct vcpu *v)
{
	v->dr[6] |= DR6_BS;
}

// DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE forbids them.
static int real_index(const struct vcpu *v, u64 index)
{
	if (index > 7)
		return -EINVAL;
	if (index != 4 && index != 5)
		return (int)index;
	return v->cr4 & CR4_DE ? -ENODEV : (int)index + 2;
}

int debugreg_set(struct vcpu *v, u64 index, u64 value)
{
	int i = real_index(v, index);

	if (i < 0)
		return i;
	if (!debugreg_check((u64)i, &value, v->cr4 & CR4_DE))
		return -EPERM;
	v->dr[i] = value;
	debugreg_load(v);
	return 0;
}

// Bits that read as one do so even before anything was written.
int debugreg_get(const struct vcpu *v, u64 index, u64 *value)
{
	int i = real_index(v, index);

	if (i < 0)
		return i;
	*value = v->dr[i];
	if (i == 6)
		*value |= DR6_DEFAULT;
	if (i == 7)
		*value |= DR7_DEFAULT;
	return 0;
}

// set_debugreg (8): arg 0 = number, arg 1 = value. 0, -EINVAL no such register,
// -ENODEV DR4 or DR5 with CR4.DE set, -EPERM an address of the hypervisor's or
// one that is not canonical, general detect, an I/O breakpoint without CR4.DE.
i64 hc_set_debugreg(struct vcpu *v, struct hcall *h)
{
	return debugreg_set(v, h->arg[0], h->arg[1]);
}

// get_debugreg (9): arg 0 = number. The value, or -EINVAL, -ENODEV.
i64 hc_get_debugreg(struct vcpu *v, struct hcall *h)
{
	u64 value;
	int err = debugreg_get(v, h->arg[0], &value);

	return err ? err : (i64)value;
}
