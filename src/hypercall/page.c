// SPDX-License-Identifier: MIT
//
// The hypercall page: 128 slots of 32 bytes that old kernels call instead of
// using `syscall` themselves. A slot saves the two registers that the
// instruction destroys. iret's does not come back: it leaves RCX, R11 and RAX
// on the stack, where the hypervisor expects them.
#include "hypercall/hypercall.h"

#include "abi/xen.h"
#include "lib/string.h"

#define SLOT_BYTES 32
#define OPCODE_INT3 0xcc

static const u8 call_code[] = {
	0x51, // push %rcx
	0x41, 0x53, // push %r11
	0xb8, 0,    0, 0, 0, // mov $number, %eax
	0x0f, 0x05, // syscall
	0x41, 0x5b, // pop %r11
	0x59, // pop %rcx
	0xc3, // ret
};
#define CALL_NUMBER_AT 4

static const u8 iret_code[] = {
	0x51, // push %rcx
	0x41, 0x53, // push %r11
	0x50, // push %rax
	0xb8, 0,    0, 0, 0, // mov $number, %eax
	0x0f, 0x05, // syscall
};
#define IRET_NUMBER_AT 5

static void fill_slot(u8 *slot, u32 number)
{
	bool is_iret = number == __HYPERVISOR_iret;

	if (is_iret)
		memcpy(slot, iret_code, sizeof(iret_code));
	else
		memcpy(slot, call_code, sizeof(call_code));
	memcpy(slot + (is_iret ? IRET_NUMBER_AT : CALL_NUMBER_AT), &number,
	       sizeof(number));
}

void hypercall_page_fill(void *page)
{
	memset(page, OPCODE_INT3, PAGE_SIZE);
	for (u32 nr = 0; nr < PAGE_SIZE / SLOT_BYTES; nr++)
		fill_slot((u8 *)page + nr * SLOT_BYTES, nr);
}
