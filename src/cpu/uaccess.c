// SPDX-License-Identifier: MIT
//
// Copies between the hypervisor and the current guest. Most are a few words
// long, so a plain loop of 8-byte steps beats a string instruction. A guest
// page may vanish or change between two words; callers copy each value once.
#include "cpu/uaccess.h"

#include "abi/errno.h"
#include "config.h"
#include "hw/uaccess.h"
#include "mm/tlb.h"

// Compilers turn these into single moves; dst need not be aligned.
static void put_word(u8 *dst, u64 value)
{
	__builtin_memcpy(dst, &value, sizeof(value));
}

static u64 get_word(const u8 *src)
{
	u64 value;

	__builtin_memcpy(&value, src, sizeof(value));
	return value;
}

bool guest_range_ok(gva_t va, u64 bytes)
{
	u64 end = va + bytes;

	return end >= va && (end <= HV_START || va >= HV_END);
}

static bool get_four(u8 *to, gva_t src)
{
	u64 a, b, c, d;

	if (!uaccess_loadq(&a, src) || !uaccess_loadq(&b, src + 8) ||
	    !uaccess_loadq(&c, src + 16) || !uaccess_loadq(&d, src + 24))
		return false;
	put_word(to, a);
	put_word(to + 8, b);
	put_word(to + 16, c);
	put_word(to + 24, d);
	return true;
}

hot_code int guest_read(void *dst, gva_t src, size_t bytes)
{
	u8 *to = dst;
	u64 value;

	if (!guest_range_ok(src, bytes))
		return -EFAULT;
	tlb_settle_at(FLUSH_BEFORE_READ, src, bytes);
	for (; bytes >= 32; bytes -= 32, src += 32, to += 32)
		if (!get_four(to, src))
			return -EFAULT;
	for (; bytes >= 8; bytes -= 8, src += 8, to += 8) {
		if (!uaccess_loadq(&value, src))
			return -EFAULT;
		put_word(to, value);
	}
	for (; bytes > 0; bytes--, src++, to++)
		if (!uaccess_loadb(to, src))
			return -EFAULT;
	return 0;
}

int guest_read_word(u64 *dst, gva_t src)
{
	if (!guest_range_ok(src, sizeof(*dst)))
		return -EFAULT;
	tlb_settle_at(FLUSH_BEFORE_READ, src, sizeof(*dst));
	return uaccess_loadq(dst, src) ? 0 : -EFAULT;
}

int guest_read_pair(u64 dst[2], gva_t src)
{
	if (!guest_range_ok(src, 2 * sizeof(*dst)))
		return -EFAULT;
	tlb_settle_at(FLUSH_BEFORE_READ, src, 2 * sizeof(*dst));
	return uaccess_loadq(&dst[0], src) && uaccess_loadq(&dst[1], src + 8)
		       ? 0
		       : -EFAULT;
}

static bool put_all(gva_t dst, const u8 *from, size_t bytes)
{
	for (; bytes >= 8; bytes -= 8, dst += 8, from += 8)
		if (!uaccess_storeq(dst, get_word(from)))
			return false;
	for (; bytes > 0; bytes--, dst++, from++)
		if (!uaccess_storeb(dst, *from))
			return false;
	return true;
}

// The fault may be for want of a flush that the guest asked for (mm/fresh.c).
int guest_write(gva_t dst, const void *src, size_t bytes)
{
	if (!guest_range_ok(dst, bytes))
		return -EFAULT;
	tlb_settle_at(FLUSH_BEFORE_WRITE, dst, bytes);
	if (put_all(dst, src, bytes))
		return 0;
	if (!tlb_owes_flush(PFEC_P | PFEC_W))
		return -EFAULT;
	tlb_flush_local();
	return put_all(dst, src, bytes) ? 0 : -EFAULT;
}
