// SPDX-License-Identifier: MIT
//
// System time in nanoseconds since the machine's boot, as guests compute it.

#pragma once

#include "abi.h"

#define MS 1000000UL

/* A difference of TSC values in nanoseconds. */
u64 tsc_to_ns(u64 delta, u32 mul, int8_t shift);

/* By any clock page; now_ns() takes the vCPU's own. */
u64 clock_ns(const volatile struct vcpu_time_info *t);
u64 now_ns(void);

/* How far a processor's clock may be behind another's: not at all, but for stock
 * Xen, whose clocks are 30 us apart in QEMU, and some ms on a busy host. */
u64 clock_slack_ns(void);

/* Sleeps in a poll of no port until a system time. */
void sleep_until(u64 when_ns);
