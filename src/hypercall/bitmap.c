// SPDX-License-Identifier: MIT
//
// See bitmap.h. Words of ours are little-endian, so their bytes are the
// bitmap's bytes.
#include "hypercall/bitmap.h"

#include "abi/errno.h"
#include "cpu/percpu.h"
#include "cpu/uaccess.h"
#include "domain/domain.h"
#include "lib/string.h"

#define BYTES_OF(bits) (((bits) + 7) / 8)
#define BYTES_MAX BYTES_OF(BITMAP_BITS_MAX)

int bitmap_write(const struct xenctl_bitmap *to, const u64 *from, u32 bits)
{
	u8 bytes[BYTES_MAX] = {0};

	if (to->nr_bits > BITMAP_BITS_MAX)
		return -EINVAL;
	memcpy(bytes, from, BYTES_OF(min(bits, to->nr_bits)));
	return guest_write(GUEST_HANDLE_GVA(to->bitmap), bytes,
			   BYTES_OF(to->nr_bits));
}

int bitmap_read(u64 *to, u32 bits, const struct xenctl_bitmap *from)
{
	u32 n = min(bits, from->nr_bits);

	if (from->nr_bits > BITMAP_BITS_MAX)
		return -EINVAL;
	memset(to, 0, ALIGN_UP(bits, 64) / 8);
	if (guest_read(to, GUEST_HANDLE_GVA(from->bitmap), BYTES_OF(n)))
		return -EFAULT;
	if (n % 64)
		to[n / 64] &= BIT(n % 64) - 1;
	return 0;
}

void bitmap_online(u64 *map)
{
	memset(map, 0, CPU_WORDS * sizeof(*map));
	for (u32 i = 0; i < cpu_count(); i++)
		if (cpu_of(i)->online)
			map[i / 64] |= BIT(i % 64);
}
