// SPDX-License-Identifier: MIT
// uses: src/domain/domain.c src/domain/destroy.c src/domain/vcpu.c
// uses: src/domain/shutdown.c src/domain/rangeset.c src/mm/grant_table.c
// uses: src/lib/fmt.c tests/fake/core.c
//
// Domains from creation to their last trace, on a machine of fakes that counts
// references: after a domain's end none may be left, however often the stages
// were interrupted and wherever memory ran out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "console/console.h"
#include "core.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/rangeset.h"
#include "events/events.h"
#include "hypercall/hypercall.h"
#include "irq/irq.h"
#include "mm/dirty.h"
#include "mm/grant_priv.h"
#include "sched/sched.h"

void dirty_stop(struct domain *d)
{
}

void dirty_free(struct domain *d)
{
}

void claim_drop(struct domain *d)
{
}

struct lock shutdown_lock;

static u32 references; // to roots, descriptor pages and vcpu_info frames
static u32 pages; // shared with guests
static u32 restarts; // what is preemptible stops that often first
static u32 dom_exc, suspend_told, marked, dumps;
static bool detachable, quiet;
static jmp_buf machine_end;
static enum { POWEROFF = 1, RESTART, STOP } ended;

static int preempted(void)
{
	if (!restarts)
		return 0;
	restarts--;
	return -ERESTART;
}

// ------------------------------------------------------------------- mm, cpu

void *page_alloc(void)
{
	void *p;

	if (fake_alloc_fails && --fake_alloc_fails == 0)
		return NULL;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(p, 0, PAGE_SIZE);
	pages++;
	return p;
}

void page_free(void *p)
{
	pages--;
	free(p);
}

static u8 info_page[4096] __attribute__((aligned(4096)));

int frame_get_type(mfn_t mfn, enum frame_type type, struct domain *d)
{
	if (!mfn_eq(mfn, virt_mfn(info_page)))
		return -EPERM;
	references++;
	return 0;
}

void frame_put_type(mfn_t mfn)
{
	references--;
}

#define GOOD_ROOT 0x100
#define USER_ROOT 0x101

int root_get(struct domain *d, mfn_t mfn)
{
	int err = preempted();

	if (err)
		return err;
	if (mfn.n != GOOD_ROOT && mfn.n != USER_ROOT)
		return -EPERM;
	references++;
	return 0;
}

int root_put(struct domain *d, mfn_t mfn)
{
	int err = preempted();

	if (!err)
		references--;
	return err;
}

int undo_finish(struct vcpu *v)
{
	return 0;
}

int descriptor_set_gdt(struct vcpu *v, const mfn_t *frames, u32 entries)
{
	if (frames[0].n == 0xbad)
		return -EINVAL;
	descriptor_clear_gdt(v);
	v->gdt[0] = frames[0];
	v->gdt_entries = entries;
	references++;
	return 0;
}

void descriptor_clear_gdt(struct vcpu *v)
{
	if (!mfn_is_none(v->gdt[0]))
		references--;
	v->gdt[0] = MFN_NONE;
}

int descriptor_set_ldt(struct vcpu *v, gva_t base, u32 entries)
{
	return 0;
}

void descriptor_clear_ldt(struct vcpu *v)
{
}

bool debugreg_check(u64 index, u64 *value, bool io_breakpoints)
{
	return *value < HV_START;
}

int fpu_alloc(struct vcpu *v)
{
	v->fpu = kalloc(4096);
	return v->fpu ? 0 : -ENOMEM;
}

void fpu_free(struct vcpu *v)
{
	kfree(v->fpu);
}

void fpu_reset(struct vcpu *v)
{
}

void fpu_import(struct vcpu *v, const void *image)
{
	memcpy(v->fpu, image, 512);
}

struct cpu_policy *policy_create(const struct domain *d)
{
	return kalloc(16);
}

int domain_relinquish_memory(struct domain *d)
{
	return preempted();
}

int grant_domain_release(struct domain *d)
{
	return preempted();
}

void counters_print(void)
{
}

void dump_regs(const struct regs *r)
{
	dumps++;
}

// ------------------------------------------------------- events, irq, sched

int events_domain_init(struct domain *d)
{
	d->port_buckets = kalloc(8);
	return d->port_buckets ? 0 : -ENOMEM;
}

u32 events_close_all(struct domain *d, u32 first)
{
	assert_int_not_equal(d->dying, DOMAIN_ALIVE);
	return 0;
}

void events_domain_free(struct domain *d)
{
	kfree(d->port_buckets);
}

void event_mark_pending(struct vcpu *v)
{
	marked++;
}

void virq_raise_global(u32 virq)
{
	assert_int_equal(virq, VIRQ_DOM_EXC);
	dom_exc++;
}

void virq_drop_handler(const struct domain *d)
{
	assert_int_not_equal(d->dying, DOMAIN_ALIVE);
}

#define SUSPEND_PORT 7

int port_send(struct domain *d, u32 port)
{
	if (port != SUSPEND_PORT)
		return -EINVAL;
	suspend_told++;
	return 0;
}

void pirqs_domain_destroy(struct domain *d)
{
}

void sched_vcpu_init(struct vcpu *v)
{
}

void sched_domain_init(struct domain *d)
{
}

void sched_domain_stop(struct domain *d)
{
}

void vcpu_up(struct vcpu *v)
{
	v->state = VCPU_RUNNABLE;
}

void vcpu_down(struct vcpu *v)
{
	v->state = VCPU_DOWN;
}

void vcpu_timers_init(struct vcpu *v)
{
}

void vcpu_timers_stop(struct vcpu *v)
{
}

void watchdogs_init(struct domain *d)
{
}

void watchdogs_stop(struct domain *d)
{
}

void clock_update(struct vcpu *v)
{
}

void clock_update_wall(struct domain *d)
{
}

void domain_pause(struct domain *d)
{
	d->pause_count++;
}

bool sched_detach(struct vcpu *v)
{
	return detachable;
}

u32 sched_quiesce_begin(void)
{
	return 1;
}

bool sched_quiesced(u32 epoch)
{
	return quiet;
}

bool domain_is_still(const struct domain *d)
{
	return detachable;
}

bool sched_shutdown_domain(struct domain *d, u32 code)
{
	bool first = !d->is_shutting_down;

	d->is_shutting_down = true;
	d->shutdown_code = code;
	return first;
}

u16 console_port(u32 i)
{
	return i == 0 ? 0x3f8 : 0;
}

_Noreturn static void end(int how)
{
	ended = how;
	longjmp(machine_end, 1);
}

_Noreturn void machine_poweroff(void)
{
	end(POWEROFF);
}

_Noreturn void machine_restart(void)
{
	end(RESTART);
}

_Noreturn void machine_stop(void)
{
	end(STOP);
}

// --------------------------------------------------------------------- tests

static int set_up(void **state)
{
	detachable = quiet = true;
	restarts = references = 0;
	dom_exc = marked = dumps = 0;
	ended = 0;
	fake_alloc_fails = 0;
	cpu_this()->curr = NULL;
	return 0;
}

static struct domain *create(domid_t id)
{
	int err;
	struct domain *d = domain_create(id, 2, id == 0, &err);

	assert_non_null(d);
	assert_int_equal(vcpu_create(d, 0), 0);
	assert_int_equal(vcpu_create(d, 1), 0);
	return d;
}

static void destroy(struct domain *d)
{
	while (domain_destroy(d))
		;
	domains_reap();
	domains_reap();
}

static int tear_down(void **state)
{
	if (dom0) {
		struct domain *d = dom0;

		dom0 = NULL;
		restarts = 0;
		detachable = quiet = true;
		destroy(d);
	}
	return fake_allocated || pages || references ? -1 : 0;
}

static void domains_are_found_by_their_id(void **state)
{
	struct domain *a = create(3), *b = create(3 + 256), *c = create(4);

	assert_ptr_equal(domain_find(3), a);
	assert_ptr_equal(domain_find(3 + 256), b);
	assert_ptr_equal(domain_find(4), c);
	assert_null(domain_find(3 + 512));
	assert_string_equal(b->name, "d259");
	destroy(a);
	assert_null(domain_find(3));
	assert_ptr_equal(domain_find(3 + 256), b);
	destroy(b);
	destroy(c);
}

static void creation_errors(void **state)
{
	struct domain *d = create(3);
	int err;

	assert_null(domain_create(3, 1, false, &err));
	assert_int_equal(err, -EEXIST);
	assert_null(domain_create(5, 0, false, &err));
	assert_int_equal(err, -EINVAL);
	assert_null(domain_create(5, MAX_VCPUS + 1, false, &err));
	assert_int_equal(err, -EINVAL);
	assert_null(domain_create(DOMID_SELF, 1, false, &err));
	assert_int_equal(err, -EINVAL);
	assert_int_equal(vcpu_create(d, 0), -EEXIST);
	assert_int_equal(vcpu_create(d, 2), -EINVAL);
	destroy(d);
}

static void creation_without_memory_leaves_nothing(void **state)
{
	struct domain *d = NULL;
	int err;

	for (u32 n = 1; !d; n++) {
		fake_alloc_fails = n;
		d = domain_create(7, 1, true, &err);
		if (!d) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(fake_allocated, 0);
			assert_int_equal(pages, 0);
			assert_null(domain_find(7));
		}
	}
	fake_alloc_fails = 0;
	for (u32 n = 1; n <= 3; n++) {
		fake_alloc_fails = n;
		assert_int_equal(vcpu_create(d, 0), -ENOMEM);
	}
	destroy(d);
}

static void all_vcpu_infos_start_masked(void **state)
{
	struct domain *d = create(3);

	for (u32 i = 0; i < 32; i++)
		assert_int_equal(d->shared->vcpu_info[i].evtchn_upcall_mask, 1);
	destroy(d);
}

static void dom0_has_the_ports_but_ours(void **state)
{
	static const u16 ours[] = {0x20, 0x21,  0x40,  0x43,  0x61, 0xa0,
				   0xa1, 0xcf8, 0xcff, 0x3f8, 0x3ff};
	static const u16 its[] = {0,     0x22,  0x44,  0x60,  0x64,
				  0x70,  0xcf7, 0xd00, 0x2f8, 0x3f7,
				  0x400, 0x608, 0xffff};
	struct domain *d = create(0), *other = create(3);

	for (u32 i = 0; i < ARRAY_SIZE(ours); i++)
		assert_false(rangeset_has(d->ioports, ours[i], ours[i]));
	for (u32 i = 0; i < ARRAY_SIZE(its); i++)
		assert_true(rangeset_has(d->ioports, its[i], its[i]));
	assert_true(rangeset_has(d->iomem, 0, ~0ull));
	assert_false(rangeset_has(other->ioports, 0, 0));
	assert_ptr_equal(dom0, d);
	destroy(other);
}

static void a_domain_names_itself_and_dom0_anyone(void **state)
{
	struct domain *d = create(0), *a = create(3), *b = create(4);
	int err;

	assert_ptr_equal(domain_target(a, DOMID_SELF, &err), a);
	assert_ptr_equal(domain_target(a, 3, &err), a);
	assert_null(domain_target(a, 4, &err));
	assert_int_equal(err, -EPERM);
	assert_null(domain_target(a, 9, &err));
	assert_int_equal(err, -ESRCH);
	assert_ptr_equal(domain_target(d, 4, &err), b);
	assert_null(domain_target(d, 9, &err));
	assert_int_equal(err, -ESRCH);
	destroy(a);
	destroy(b);
}

// ------------------------------------------------------------------- context

static struct vcpu_guest_context context(void)
{
	struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.ctrlreg[3] = xen_pfn_to_cr3(GOOD_ROOT);
	c.ctrlreg[1] = xen_pfn_to_cr3(USER_ROOT);
	c.gdt_frames[0] = 0x55;
	c.gdt_ents = 16;
	c.user_regs.rip = 0xffffffff81000000;
	c.user_regs.rsp = 0xffffc90000004000;
	c.user_regs.rdi = 42;
	c.user_regs.rflags = 0x1000;
	c.user_regs.cs = 0x10;
	c.user_regs.ds = 0x2b;
	c.kernel_sp = 0xffffc90000008000;
	c.gs_base_kernel = 0xffff888000000000;
	c.event_callback_eip = 0xffffffff81001000;
	c.syscall_callback_eip = 0xffffffff81002000;
	c.trap_ctxt[14].address = 0xffffffff81003000;
	c.debugreg[0] = 0x1000;
	c.debugreg[1] = HV_START;
	return c;
}

static void a_context_is_taken_over(void **state)
{
	struct domain *d = create(3);
	struct vcpu *v = d->vcpu[1];
	struct vcpu_guest_context c = context();

	c.flags |= VGCF_syscall_disables_events;
	assert_int_equal(vcpu_set_context(v, &c), 0);
	assert_true(v->initialised && v->in_kernel);
	assert_int_equal(v->state, VCPU_DOWN);
	assert_int_equal(v->regs.rip, 0xffffffff81000000);
	assert_int_equal(v->regs.rdi, 42);
	assert_int_equal(v->iopl, 1);
	assert_int_equal(v->ds, 0x2b);
	assert_int_equal(v->gs_base_kernel, 0xffff888000000000);
	assert_int_equal(v->kernel_sp, 0xffffc90000008000);
	assert_true(v->event.mask_events && v->syscall.mask_events);
	assert_false(v->failsafe.mask_events);
	assert_int_equal(v->traps[14].address, 0xffffffff81003000);
	assert_int_equal(v->kernel_root.n, GOOD_ROOT);
	assert_int_equal(v->user_root.n, USER_ROOT);
	assert_int_equal(v->dr[0], 0x1000);
	assert_int_equal(v->dr[1], 0); // refused
	assert_int_equal(references, 3);
	assert_int_equal(vcpu_set_context(v, &c), -EEXIST);
	destroy(d);
}

static void an_online_context_starts_the_vcpu(void **state)
{
	struct domain *d = create(3);
	struct vcpu_guest_context c = context();

	c.flags |= VGCF_online;
	assert_int_equal(vcpu_set_context(d->vcpu[0], &c), 0);
	assert_int_equal(d->vcpu[0]->state, VCPU_RUNNABLE);
	destroy(d);
}

static void bad_contexts_are_refused(void **state)
{
	struct domain *d = create(3);
	struct vcpu *v = d->vcpu[0];
	struct vcpu_guest_context c;

#define REFUSED(change)                                             \
	do {                                                        \
		c = context();                                      \
		change;                                             \
		assert_int_equal(vcpu_set_context(v, &c), -EINVAL); \
		assert_false(v->initialised);                       \
	} while (0)
	REFUSED(c.user_regs.rip = 1ull << 47);
	REFUSED(c.kernel_sp = 1ull << 62);
	REFUSED(c.gs_base_kernel = 0x0000ffffffffffff);
	REFUSED(c.fs_base = 1ull << 63);
	REFUSED(c.trap_ctxt[255].address = 1ull << 48);
	REFUSED(c.event_callback_eip = 1ull << 48);
	REFUSED(c.gdt_ents = 7169);
	REFUSED(c.ldt_ents = 8193);
	REFUSED(c.ctrlreg[3] = 0);
	REFUSED(c.ctrlreg[1] = xen_pfn_to_cr3(7));
	REFUSED(c.gdt_frames[0] = 0xbad);
	REFUSED(c.flags = 0; c.ctrlreg[1] = 0); // user mode without a root
	destroy(d);
}

static void a_context_may_take_several_calls(void **state)
{
	struct domain *d = create(3);
	struct vcpu_guest_context c = context();
	u32 calls = 1;

	restarts = 5;
	while (vcpu_set_context(d->vcpu[0], &c) == -ERESTART)
		calls++;
	assert_int_equal(calls, 6);
	assert_int_equal(references, 3);
	destroy(d);
}

static void a_reset_vcpu_can_be_set_anew(void **state)
{
	struct domain *d = create(3);
	struct vcpu *v = d->vcpu[0];
	struct vcpu_guest_context c = context();

	assert_int_equal(vcpu_set_context(v, &c), 0);
	restarts = 2;
	assert_int_equal(vcpu_reset(v), -ERESTART);
	assert_int_equal(vcpu_reset(v), -ERESTART);
	assert_int_equal(vcpu_reset(v), 0);
	assert_int_equal(references, 0);
	assert_int_equal(v->traps[14].address, 0);
	assert_int_equal(v->event.rip, 0);
	assert_int_equal(vcpu_set_context(v, &c), 0);
	destroy(d);
}

// ----------------------------------------------------------------- vcpu_info

static void a_registered_info_keeps_its_contents(void **state)
{
	struct domain *d = create(3);
	struct vcpu *v = d->vcpu[1];
	mfn_t mfn = virt_mfn(info_page);

	assert_true(vcpu_info_present(v));
	v->info->evtchn_pending_sel = 0x10;
	v->info->arch.cr2 = 0x1234;
	assert_int_equal(vcpu_register_info(v, mfn, 4096), -ENXIO);
	assert_int_equal(vcpu_register_info(v, mfn, 4033), -ENXIO);
	assert_int_equal(vcpu_register_info(v, mfn, 4), -ENXIO);
	assert_int_equal(vcpu_register_info(v, MFN(9), 64), -EINVAL);
	v->state = VCPU_BLOCKED;
	assert_int_equal(vcpu_register_info(v, mfn, 64), -EINVAL);
	cpu_this()->curr = v;
	assert_int_equal(vcpu_register_info(v, mfn, 64), 0);
	assert_ptr_equal(v->info, info_page + 64);
	assert_int_equal(v->info->arch.cr2, 0x1234);
	assert_int_equal(v->info->evtchn_upcall_mask, 1);
	assert_int_equal(marked, 1);
	assert_int_equal(vcpu_register_info(v, mfn, 128), -EINVAL);
	cpu_this()->curr = NULL;
	destroy(d);
}

static void vcpus_from_32_on_have_no_info_before_they_register(void **state)
{
	int err;
	struct domain *d = domain_create(3, 40, false, &err);

	assert_int_equal(vcpu_create(d, 31), 0);
	assert_int_equal(vcpu_create(d, 32), 0);
	assert_true(vcpu_info_present(d->vcpu[31]));
	assert_false(vcpu_info_present(d->vcpu[32]));
	memset(info_page, 0xff, sizeof(info_page));
	assert_int_equal(
		vcpu_register_info(d->vcpu[32], virt_mfn(info_page), 4032), 0);
	assert_true(vcpu_info_present(d->vcpu[32]));
	assert_int_equal(d->vcpu[32]->info->evtchn_upcall_mask, 1);
	assert_int_equal(d->vcpu[32]->info->evtchn_pending_sel, 0);
	destroy(d);
}

// ------------------------------------------------------------------- the end

static void a_domain_ends_in_stages(void **state)
{
	struct domain *d = create(3);
	struct vcpu_guest_context c = context();

	assert_int_equal(vcpu_set_context(d->vcpu[0], &c), 0);
	assert_int_equal(vcpu_register_info(d->vcpu[1], virt_mfn(info_page), 0),
			 0);
	detachable = false;
	assert_int_equal(domain_destroy(d), -ERESTART);
	assert_int_equal(d->pause_count, 1);
	assert_int_equal(d->dying, DOMAIN_DYING);
	assert_int_equal(dom_exc, 1);
	detachable = true;
	quiet = false;
	assert_int_equal(domain_destroy(d), -ERESTART);
	assert_int_equal(references, 4); // somebody may still write vcpu_info
	assert_ptr_not_equal(d->vcpu[1]->info, NULL);
	quiet = true;
	restarts = 3;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(domain_destroy(d), -ERESTART);
	d->tot_pages = 1; // dom0 has one of its frames
	assert_int_equal(domain_destroy(d), 0);
	assert_int_equal(references, 0);
	assert_int_equal(d->pause_count, 1);
	domains_reap();
	assert_ptr_equal(domain_find(3), d);
	d->tot_pages = 0;
	quiet = false;
	domains_reap();
	assert_null(domain_find(3));
	domains_reap();
	assert_int_equal(dom_exc, 2);
	quiet = true;
	domains_reap();
	assert_int_equal(dom_exc, 3);
}

static void dom0_cannot_be_destroyed(void **state)
{
	assert_int_equal(domain_destroy(create(0)), -EINVAL);
}

static void shutdown_completes_when_the_last_vcpu_is_off(void **state)
{
	struct domain *d = create(3);

	detachable = false;
	domain_shutdown(d, SHUTDOWN_reboot);
	assert_false(d->is_shut_down);
	assert_int_equal(dom_exc, 0);
	detachable = true;
	domain_shutdown_check(d);
	assert_true(d->is_shut_down);
	domain_shutdown_check(d);
	domain_shutdown(d, SHUTDOWN_crash);
	assert_int_equal(dom_exc, 1);
	destroy(d);
}

static void
who_subscribed_is_told_of_a_suspension_and_of_nothing_else(void **state)
{
	static const struct {
		u32 port, reason, exceptions, told;
	} c[] = {
		{SUSPEND_PORT, SHUTDOWN_suspend, 0, 1},
		{SUSPEND_PORT, SHUTDOWN_reboot, 1, 0},
		{SUSPEND_PORT + 1, SHUTDOWN_suspend, 1, 0},
		{0, SHUTDOWN_suspend, 1, 0},
	};

	for (u32 i = 0; i < ARRAY_SIZE(c); i++) {
		struct domain *d = create(3);

		dom_exc = suspend_told = 0;
		d->suspend_port = c[i].port;
		domain_shutdown(d, c[i].reason);
		assert_int_equal(dom_exc, c[i].exceptions);
		assert_int_equal(suspend_told, c[i].told);
		destroy(d);
	}
}

static void a_crash_is_told_once_with_registers(void **state)
{
	struct domain *d = create(3);

	cpu_this()->curr = d->vcpu[0];
	domain_crash(d, "it did %s", "something");
	domain_crash(d, "and again");
	assert_int_equal(dumps, 1);
	assert_true(d->is_shut_down);
	assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
	cpu_this()->curr = NULL;
	destroy(d);
}

static void dom0s_end_is_the_machines(void **state)
{
	static const struct {
		u32 code, how;
	} ends[] = {
		{SHUTDOWN_poweroff, POWEROFF},
		{SHUTDOWN_reboot, RESTART},
		{SHUTDOWN_crash, STOP},
		{SHUTDOWN_watchdog, STOP},
	};
	struct domain *d = create(0);

	cpu_this()->curr = d->vcpu[0];
	for (volatile u32 i = 0; i < ARRAY_SIZE(ends); i++) {
		d->is_shutting_down = false;
		if (!setjmp(machine_end))
			domain_shutdown(d, ends[i].code);
		assert_int_equal(ended, ends[i].how);
	}
	assert_int_equal(dumps, 1);
	d->is_shutting_down = false;
	if (!setjmp(machine_end))
		domain_crash(d, "no more");
	assert_int_equal(ended, STOP);
	assert_int_equal(dumps, 2);
	cpu_this()->curr = NULL;
}

// -------------------------------------------------------------------- grants

static void a_dead_domains_table_is_nobodys(void **state)
{
	struct domain *d = create(3);
	mfn_t mfn = d->grants->frame[0];

	assert_int_equal(grant_grow(d, 64), 0);
	assert_int_equal(grant_grow(d, 65), -EINVAL);
	assert_true(domain_shares_frame(d, mfn));
	assert_true(domain_shares_frame(d, d->grants->frame[63]));
	assert_true(domain_shares_frame(d, d->shared_mfn));
	assert_false(domain_shares_frame(d, MFN(1)));
	grant_domain_destroy(d);
	assert_false(domain_shares_frame(d, mfn));
	assert_int_equal(grant_grow(d, 1), -EINVAL);
	destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(domains_are_found_by_their_id),
		TEST(creation_errors),
		TEST(creation_without_memory_leaves_nothing),
		TEST(all_vcpu_infos_start_masked),
		TEST(dom0_has_the_ports_but_ours),
		TEST(a_domain_names_itself_and_dom0_anyone),
		TEST(a_context_is_taken_over),
		TEST(an_online_context_starts_the_vcpu),
		TEST(bad_contexts_are_refused),
		TEST(a_context_may_take_several_calls),
		TEST(a_reset_vcpu_can_be_set_anew),
		TEST(a_registered_info_keeps_its_contents),
		TEST(vcpus_from_32_on_have_no_info_before_they_register),
		TEST(a_domain_ends_in_stages),
		TEST(dom0_cannot_be_destroyed),
		TEST(shutdown_completes_when_the_last_vcpu_is_off),
		TEST(who_subscribed_is_told_of_a_suspension_and_of_nothing_else),
		TEST(a_crash_is_told_once_with_registers),
		TEST(dom0s_end_is_the_machines),
		TEST(a_dead_domains_table_is_nobodys),
	};

	fake_cpus_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
