// SPDX-License-Identifier: MIT
//
// Domains and their virtual processors: the two structures everything hangs
// on. Fields are grouped by what guards them.
#pragma once

#include "abi/xen.h"
#include "config.h"
#include "cpu/counters.h"
#include "cpu/regs.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "mm/mm.h"
#include "sched/queue.h"
#include "sched/timer.h"

struct port;
struct cpu_policy;
struct rangeset;
struct grant_table;
struct dirty_log;

#define CPU_WORDS ((MAX_CPUS + 63) / 64) // of a bitmap of processors

// Where a guest kernel wants to be entered, and what it asked for.
struct callback {
	gva_t rip; // 0: none registered
	bool mask_events; // set the upcall mask on entry
};

enum vcpu_state {
	VCPU_DOWN, // not initialised, or taken down
	VCPU_BLOCKED, // waits for an event
	VCPU_RUNNABLE, // wants a processor
	VCPU_RUNNING, // has one
};

// A kernel and a user root that were compared (mm/root.c).
struct root_pair {
	mfn_t kernel, user;
	u64 version; // the domain's root_version at that time
	bool agree; // they map the lower half alike
};
#define ROOT_PAIRS 32

// A slot of a root that leads where no other one does (mm/fresh.c).
struct sole_slot {
	mfn_t root;
	u32 slot;
	u64 version; // root_version at that time
};

struct vcpu {
	struct domain *domain;
	u32 id;

	// Under the lock of its processor's run queue (sched/queue.h).
	enum vcpu_state state;
	u32 pause_count; // > 0: may not run
	u32 cpu; // whose queue it belongs to: where it runs or last ran
	struct run_place place; // in the queue when RUNNABLE
	u64 vt; // virtual time, while not in the queue
	u64 slice_start_ns, slice_vt; // when its turn began
	u64 charged_ns; // what it ran since is not in vt yet
	// How often it was woken when it had used more than who ran: then it
	// waits like others. How often otherwise, and of these how often it was
	// not given its processor within 1 ms: another was chosen first, or
	// could keep it for longer.
	u32 owing_wakes, wakes, late_wakes;
	bool woken; // and still waits
	bool owes; // had used more then
	bool must_wait; // for too long
	u32 picks_then; // of the queue, when it was woken
	bool yielded; // asked to let others run
	bool parked; // RUNNABLE, but its domain has reached its cap
	struct vcpu_runstate_info runstate;

	u64 affinity[CPU_WORDS]; // bit n: may run on processor n
	u64 affinity_soft[CPU_WORDS]; // and would rather run on these

	// See sched/switch.c.
	u32 on; // 1 + the processor whose registers hold its state, 0 saved
	struct cpu *last_on; // whose registers it was loaded into last

	// The processor state while not loaded; regs are on the stack of the
	// processor while the vCPU runs (guest_regs).
	struct regs regs;
	u16 ds, es, fs, gs;
	u64 fs_base;
	u64 gs_base_kernel; // GS base of the guest's kernel
	u64 gs_base_user; // and of its user mode
	bool initialised;
	bool in_kernel; // guest kernel mode: ring 3 or, open gate, 1
	bool one_root; // open gate, and on its kernel's root in either mode
	void *fpu; // XSAVE or FXSAVE image, page-aligned
	bool fpu_dirty; // this vCPU used the FPU since it was loaded
	struct cpu *fpu_cpu; // whose registers were last loaded from fpu
	u64 xcr0;
	u64 tsc_aux;

	// Roots: each holds a type reference of level 4, or is MFN_NONE.
	mfn_t kernel_root;
	mfn_t user_root;
	struct root_pair pair[ROOT_PAIRS]; // compared lately
	u64 users_version; // root_version for which users may run on the kernel
		// root as it is; 0: not known to (gate/fast.inc asks)
	struct sole_slot sole; // the last one looked for
	u64 undo_mfn[2]; // page tables still to be undone (mm/undo.c), 0: none

	// What the guest registered; changed by the vCPU itself or while down.
	struct trap_info *traps; // 256 entries; the NMI callback is entry 2
	gva_t kernel_sp;
	u64 kernel_ss;
	struct callback event, failsafe, syscall, syscall32, sysenter;
	mfn_t gdt[GDT_GUEST_PAGES]; // type references DESC, or MFN_NONE
	u32 gdt_entries;
	gva_t ldt_base;
	u32 ldt_entries;
	mfn_t ldt[16];
	u64 cr0; // guest's view; TS is real
	u64 cr4; // guest's view
	u64 dr[8];
	u32 iopl; // virtual IOPL set by physdev set_iopl
	gva_t iobitmap; // guest's I/O bitmap for its user mode
	u32 iobitmap_ports;

	// Shared with the guest.
	struct vcpu_info *info; // always valid memory; guest may write any time
	mfn_t info_mfn; // MFN_NONE while inside shared_info
	gva_t runstate_area; // 0: none
	gva_t time_area; // 0: none
	bool time_area_stale; // could not be written when it should have been

	// Events.
	bool nmi_pending, nmi_masked;
	bool polling; // in SCHEDOP_poll
	u32 poll_port; // the one port polled for, 0: several
	u16 virq_port[24]; // port bound to each virq of this vCPU, 0 none

	struct timer singleshot, periodic, poll;
	u64 period_ns; // of the periodic timer, 0: off
	u64 period_last_ns; // when it last was due

	u64 traps_seen, hypercalls; // per-vCPU crossings (gate.md T and H)

	// The closed gate (gate/closed.c).
	bool closed; // it runs, or last ran, behind it
	bool task_switch; // its kernel has just loaded a program's roots
	u8 help_score; // how often its kernel has needed us lately, 0 to 3
	u64 traps_learnt, help_learnt; // what that was made of already
	u64 count[CNT_MAX]; // cpu/counters.h; by the processor it runs on
};

enum domain_dying { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
	domid_t id;
	bool privileged; // the control domain
	bool open_gate; // its kernel runs in ring 1 (docs/gate.md); never changes
	u8 gate; // enum gate_policy of the closed one (gate/closed.h)
	bool gate_told; // why it was classic has been logged
	u8 handle[16]; // uuid
	char name[16]; // "d0" for log lines

	struct vcpu *vcpu[MAX_VCPUS];
	u32 max_vcpus; // entries of vcpu[] that exist

	// Under lock: page tables, types of its frames, descriptor tables.
	struct lock lock;
	u64 root_version; // counts roots made and written; read by all
	u64 weakened; // counts entries that lost something (mm/fresh.c);
		// read by all, at least 2
	u64 widened; // counts entries that only became writable
	const u64 *weakened_entry; // the last one
	gva_t weakened_va; // of the last one by update_va_mapping
	u64 tot_pages; // atomic
	u64 max_pages;
	u64 claim; // frames set aside for it (mm/claim.c)
	u64 relinquish_at; // progress of domain_relinquish_memory
	void *memory_map; // e820 entries for the guest (mm/memory_map.c), or 0
	u32 memory_map_count;

	struct dirty_log *dirty; // log of written pages (mm/dirty.h), or 0

	struct shared_info *shared; // one HV-owned page the guest may map
	mfn_t shared_mfn;

	// Held while one of its vCPUs is given a context or a vcpu_info, since
	// several vCPUs may try at the same time.
	struct lock setup_lock;

	// Under event_lock.
	struct lock event_lock;
	struct port **port_buckets; // see events/events.c
	u32 max_port; // ports are below this
	u32 pollers; // atomic: vCPUs in SCHEDOP_poll

	u32 pause_count; // atomic

	// Shutdown and death, under shutdown_lock.
	bool is_shutting_down, is_shut_down;
	u32 shutdown_code; // SHUTDOWN_*, or SHUTDOWN_CODE_NONE
	enum domain_dying dying;
	u32 destroy_stage; // how far domain_destroy has come
	u32 dead_epoch; // sched_quiesce_begin() of its end

	struct timer watchdog[2]; // SCHEDOP_watchdog
	u32 watchdog_used; // bit n: watchdog[n] belongs to somebody

	struct cpu_policy *policy; // what CPUID shows
	struct rangeset *ioports; // allowed port ranges
	struct rangeset *iomem; // allowed device frames
	struct grant_table *grants;
	u64 vm_assist; // bit n: VMASST_TYPE n is on
	u64 pirq_count;
	struct pirq_table *pirqs; // irq/pirq.c; 0 before the first
	u32 pci_address; // latched 0xcf8
	u8 rtc_index; // latched 0x70

	// What the control domain decided (domain/domctl.c), under its lock.
	u32 controller_pauses; // of pause_count, its share
	bool started; // was unpaused once
	u32 suspend_port; // its port that tells of its suspension; 0: none
	bool msr_relaxed; // unknown MSRs read 0 and take writes
	u32 tsc_mode, tsc_incarnation;
	u16 sched_weight; // share of processor time, 256 is usual
	u16 sched_cap; // most of it, in percent of a processor; 0: no limit

	// What is left of this period's share (sched/cap.c).
	i64 sched_budget_ns; // atomic
	u64 sched_refilled_ns;
	struct timer sched_refill;

	i64 time_offset_s;
	u32 log_budget; // atomic: lines it may still print (log_guest)
	u64 log_refill_ns; // atomic

	struct list link; // in the list of all domains
	struct domain *hash_next; // for domain_find
};

#define SHUTDOWN_CODE_NONE (~0u)

#define SCHED_WEIGHT_DEFAULT 256

extern struct domain *dom0;
extern struct list domain_list;
extern struct lock domain_list_lock; // guards the list; domain_find needs none
#define for_each_vcpu(d, v)                         \
	for (u32 i_ = 0; i_ < (d)->max_vcpus; i_++) \
		if (((v) = (d)->vcpu[i_]) != NULL)

// The running vCPU. Only where a guest entered us.
#define vcpu_this() (cpu_this()->curr)

// Creates an empty domain with room for max_vcpus vCPUs (vcpu_create). Returns
// it, or 0 and *err = -ENOMEM, -EEXIST, -EINVAL.
struct domain *must_check domain_create(domid_t id, u32 max_vcpus,
					bool privileged, int *err);
// The same for domains that the control domain makes.
struct domain_config {
	u32 max_vcpus;
	bool privileged;
	u32 max_ports; // event channels; 0: as many as there can be
	u32 grant_frames; // most frames of its grant table
	u32 maptrack_frames; // most pages of records of what it maps
};
struct domain *must_check domain_create_as(domid_t id,
					   const struct domain_config *c,
					   int *err);
// The domain of that id, dying or not, or 0. Good until this hypercall (or this
// turn of the processor) ends, see sched_quiesce_begin.
struct domain *domain_find(domid_t id);
// The domain with the lowest id from `id` on, or 0.
struct domain *domain_next(domid_t id);
// All domains, by id, without a lock: others may come and go meanwhile.
#define for_each_domain(d)              \
	for ((d) = domain_next(0); (d); \
	     (d) = domain_next((domid_t)((d)->id + 1)))
// The domain that `caller` names by id (its own or DOMID_SELF; others for dom0
// only), or 0 with *err = -ESRCH there is none, -EPERM not allowed.
struct domain *must_check domain_target(struct domain *caller, domid_t id,
					int *err);
// Makes vCPU id of d, down. -EINVAL id too large, -EEXIST, -ENOMEM.
int must_check vcpu_create(struct domain *d, u32 id);
// Frees a vCPU's structure after vcpu_reset.
void vcpu_free(struct vcpu *v);
// Fills a vCPU from the ABI's structure (VCPUOP_initialise, the builder,
// setvcpucontext). Takes all references. 0, -EINVAL, -ERESTART (call again
// with the same context), -EEXIST (initialised already; vcpu_reset first).
// Starts the vCPU when VGCF_online is set.
int must_check vcpu_set_context(struct vcpu *v,
				const struct vcpu_guest_context *c);
// The reverse: what vcpu_set_context would have to be given. v's registers must
// be on no processor (sched_detach).
void vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c);
// Resets all that vcpu_set_context gave (drops references); a registered
// vcpu_info stays. The vCPU must be off all processors, see sched_detach.
// -ERESTART: call again.
int must_check vcpu_reset(struct vcpu *v);
// True when v's vcpu_info is in memory of the guest's: in shared_info, or
// registered. vCPUs from 32 on have no place before they register.
bool vcpu_info_present(const struct vcpu *v);
// Moves it out of the guest's frame again. The frame must be let go (result, or
// MFN_NONE) after a quiet point only: others may be raising events in it.
mfn_t must_check vcpu_unregister_info(struct vcpu *v);
// VCPUOP_register_vcpu_info: moves v's vcpu_info into a frame of its domain.
// -ENXIO bad offset, -EINVAL moved before, v runs elsewhere, or bad frame.
int must_check vcpu_register_info(struct vcpu *v, mfn_t mfn, u32 offset);

// Ends domain d for good: stops it, drops all it holds, frees its memory.
// -ERESTART: call again. -EINVAL for dom0. The structure itself goes when the
// last frame is let go by others (domains_reap).
int must_check domain_destroy(struct domain *d);
// Frees the structures of dead domains nobody can hold a pointer to any more.
// For the scheduler's quiet point only.
void domains_reap(void);
// True for a frame of the hypervisor's that d may map writable: shared_info,
// grant table.
bool domain_shares_frame(const struct domain *d, mfn_t mfn);

// The guest broke its contract: logs one line with the reason and a register
// dump of the current vCPU if it is d's, stops the domain (reason crash). dom0
// crashing stops the machine as configured (noreboot). Returns; the caller
// unwinds, and the domain does not run again.
void domain_crash(struct domain *d, const char *format, ...) printf_like(2, 3);
// The domain asks to stop: SHUTDOWN_* code. dom0: acts on the machine.
void domain_shutdown(struct domain *d, u32 code);
// After a vCPU of a stopping domain left its processor: completes the shutdown
// and tells dom0 when it was the last.
void domain_shutdown_check(struct domain *d);

// Machine control. Does not return.
no_return void machine_restart(void); // all ways, one after the other
no_return void machine_poweroff(void); // by ACPI; else halts with a line
// After a fatal error: halt or restart as `noreboot` says.
no_return void machine_stop(void);
// What went wrong and a back trace; for what nobody outside can put right.
no_return void panic(const char *format, ...) printf_like(1, 2);
// Like panic, for what the user can put right: one line that says what is wrong
// and what to do, without a back trace.
no_return void give_up(const char *format, ...) printf_like(1, 2);
// For an exception in the hypervisor: dumps r in full, with a back trace.
no_return void panic_regs(const struct regs *r, const char *what);

struct boot_info;
// Builds dom0 from the first module and starts vCPU 0. Panics with one clear
// line that says what to do when the image or the memory will not do.
void dom0_build(const struct boot_info *bi);
