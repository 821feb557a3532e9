// SPDX-License-Identifier: MIT
//
// The vector table: which function each interrupt vector of the machine calls.
// The hardware serves higher vectors first, in classes of sixteen: devices
// have the low classes, the serial line, the timer and messages between
// processors the high ones.
#include "console/console.h"
#include "irq/priv.h"

struct lock irq_lock = LOCK_INIT(LOCK_IRQ);

struct vector {
	void (*fn)(void *arg);
	void *arg;
	bool taken; // by irq_alloc_vector
	bool warned;
};
static struct vector vectors[256] = {
	[VEC_INT80] = {.taken = true}, // system calls of 32-bit programs
};

#define CLASS 16
#define DEVICE_CLASSES ((VEC_LAST_DEVICE + 1 - VEC_FIRST_DEVICE) / CLASS)

void irq_register(u8 vector, void (*fn)(void *arg), void *arg)
{
	vectors[vector].arg = arg;
	__atomic_store_n(&vectors[vector].fn, fn, __ATOMIC_RELEASE);
}

// Goes through the classes before it takes the second of one: a local APIC
// holds back interrupts of a class while one of it is in service.
u8 irq_alloc_vector(void)
{
	for (u32 i = 0; i < DEVICE_CLASSES * CLASS; i++) {
		u32 vector = VEC_FIRST_DEVICE + i % DEVICE_CLASSES * CLASS +
			     i / DEVICE_CLASSES;

		if (vectors[vector].taken)
			continue;
		vectors[vector].taken = true;
		return (u8)vector;
	}
	return 0;
}

// Another processor may have read fn already, and reads arg now: it stays.
void irq_free_vector(u8 vector)
{
	irq_register(vector, NULL, vectors[vector].arg);
	vectors[vector].taken = false;
}

static void unexpected(u8 vector)
{
	if (vectors[vector].warned)
		return;
	vectors[vector].warned = true;
	log_warn("interrupt %#x that nobody asked for, ignored\n", vector);
}

void irq_dispatch(u8 vector)
{
	// Neither kind is in service at the local APIC: an EOI for it would
	// end another one.
	if (vector == VEC_SPURIOUS ||
	    (vector >= VEC_FIRST_PIC && vector <= VEC_LAST_PIC))
		return;

	void (*fn)(void *arg) =
		__atomic_load_n(&vectors[vector].fn, __ATOMIC_ACQUIRE);

	if (fn)
		fn(vectors[vector].arg);
	else
		unexpected(vector);
	apic_eoi();
}
