// SPDX-License-Identifier: MIT
//
// Watches over the hypervisor's own processors. Each has a timer that says it
// is alive; a timer is taken while a guest runs or nobody does, so a processor
// that is silent for `watchdog_timeout=` has been inside the hypervisor that
// long. The others notice and have it tell by NMI where it is; then the machine
// stops. A machine of one processor has nobody who could notice.
#pragma once

#include "lib/types.h"

struct cpu;
struct regs;

// Reads the options; after that no processor is watched yet.
void watchdog_init(void);
// This processor lives and looks after the others from now on, if the watchdog
// is on. Its timers work.
void watchdog_init_cpu(struct cpu *c);
// This processor is alive: for work that rightly takes long and cannot stop,
// such as printing.
void watchdog_touch(void);
// Looks after the others. For loops that wait for them.
void watchdog_look(void);
// The machine is about to stop: silence is no news any more.
void watchdog_off(void);
// An NMI with frame r came. True: it was to tell where this processor is.
bool watchdog_nmi(const struct regs *r);
// Debug key 'd': all processors tell where they are.
void watchdog_show_all(void);
