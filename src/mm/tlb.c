// SPDX-License-Identifier: MIT
//
// Flushing translations. Every CR3 write flushes all (no global pages, no
// PCID), so that is how the clock in tlb.h advances. A processor on hv_root()
// holds no translation of any guest and is never disturbed.

#include "cpu/percpu.h"
#include "hw/cpu.h"
#include "irq/irq.h"
#include "mm/priv.h"
#include "mm/tlb.h"

hot_data u32 tlb_clock = 1;

static bool has_guest_root(const struct cpu *c)
{
	u64 cr3 = READ_ONCE(c->cr3);

	return c->online && cr3 != 0 && cr3 != mfn_maddr(hv_root());
}

// While an earlier request is open its interrupt is on the way, and the other
// looks again before it is done.
static void ask(struct cpu *c)
{
	u32 before = __atomic_fetch_add(&c->flush_wanted, 1, __ATOMIC_SEQ_CST);

	if (__atomic_load_n(&c->flush_done, __ATOMIC_SEQ_CST) == before)
		apic_send_ipi(c->apic_id, VEC_IPI_FLUSH);
}

// The other answers by interrupt, or from lock_spin() when it is in here too.
static void await(struct cpu *c)
{
	u32 wanted = __atomic_load_n(&c->flush_wanted, __ATOMIC_SEQ_CST);

	while ((i32)(__atomic_load_n(&c->flush_done, __ATOMIC_SEQ_CST) -
		     wanted) < 0)
		lock_spin();
}

// Flushes each processor for which pick(cpu, arg) holds; why is what to count.
// What made it necessary is seen by the others before we look what they have
// loaded.
static void flush_where(bool (*pick)(struct cpu *c, const void *arg),
			const void *arg, enum counter why)
{
	u64 asked[MAX_CPUS / 64] = {0};

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < cpu_count(); i++) {
		struct cpu *c = cpu_of(i);

		if (!pick(c, arg) || !has_guest_root(c))
			continue;
		if (c == cpu_this()) {
			tlb_flush_local();
		} else {
			asked[i / 64] |= BIT(i % 64);
			count(why);
			ask(c);
		}
	}
	for (u32 i = 0; i < cpu_count(); i++)
		if (asked[i / 64] >> (i % 64) & 1)
			await(cpu_of(i));
}

static bool is_other(struct cpu *c, const void *arg)
{
	(void)arg;
	return c != cpu_this();
}

// Another's, too: it notes the counts of before its flush, after it (mm/fresh.c).
static bool is_fresh_for(const struct cpu *c, const struct domain *d)
{
	return READ_ONCE(c->flush_due) != FLUSH_WITH_ROOT &&
	       READ_ONCE(c->fresh) == READ_ONCE(d->weakened);
}

bool tlb_is_fresh(void)
{
	const struct cpu *c = cpu_this();

	return c->loaded && is_fresh_for(c, c->loaded->domain);
}

// The guest d asks for a flush of c, where a vCPU of its is loaded.
static bool spares(struct cpu *c, const struct domain *d)
{
	if (!is_fresh_for(c, d))
		return false;
	if (READ_ONCE(c->fresh_widened) != READ_ONCE(d->widened))
		WRITE_ONCE(c->flush_owed, true);
	return true;
}

bool tlb_spares_flush(const struct domain *d)
{
	return spares(cpu_this(), d);
}

// Flushed as of clock value `now`.
static void flushed(struct cpu *c, u32 now)
{
	WRITE_ONCE(c->flush_stamp, now);
	c->flush_due = 0;
	count(CNT_CR3);
	if (unlikely((u16)now == 0))
		flush_where(is_other, NULL, CNT_FLUSH_ASKED_WRAP);
}

hot_code void tlb_load_root(mfn_t root)
{
	struct cpu *c = cpu_this();
	u32 now = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
	const struct domain *d = c->loaded ? c->loaded->domain : NULL;
	u64 fresh, widened;

	// All before the flush: what others do meanwhile it may have missed.
	WRITE_ONCE(c->flush_owed, false);
	fresh = d ? READ_ONCE(d->weakened) : 0;
	widened = d ? READ_ONCE(d->widened) : 0;
	c->cr3 = mfn_maddr(root);
	write_cr3(c->cr3);
	WRITE_ONCE(c->fresh, fresh);
	WRITE_ONCE(c->fresh_widened, widened);
	WRITE_ONCE(c->left_root, 0);
	flushed(c, now);
}

// What others conclude from the stamp too early does no harm: the hypervisor
// uses no guest's addresses until the write, and the guest does not run.
void tlb_flush_follows(void)
{
	WRITE_ONCE(cpu_this()->flush_owed, false);
	flushed(cpu_this(),
		__atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST));
}

void tlb_flush_local(void)
{
	struct cpu *c = cpu_this();

	count(CNT_FLUSH);
	c->flush_due = 0;
	if (c->cr3)
		tlb_load_root(maddr_mfn(c->cr3));
}

void tlb_flush_later(u32 before)
{
	struct cpu *c = cpu_this();

	if (c->flush_due == FLUSH_WITH_ROOT) {
		tlb_flush_local();
		return;
	}
	if (!c->flush_due)
		cpu_pend(c, PENDING_FLUSH);
	c->flush_due = max(c->flush_due, before);
}

static bool has_left(struct cpu *c, const void *arg)
{
	const mfn_t *root = arg;

	return READ_ONCE(c->left_root) == mfn_maddr(*root);
}

void tlb_root_ends(mfn_t root)
{
	flush_where(has_left, &root, CNT_FLUSH_ASKED);
}

struct moment {
	u32 now; // the whole clock
	u16 stamp;
};

static struct moment moment_of(u16 stamp)
{
	return (struct moment){
		.now = __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST),
		.stamp = stamp,
	};
}

// A last flush in an earlier round of the clock proves nothing. One in this
// round is younger than all stamps of earlier ones, which are those that seem
// to lie in the future.
static bool is_stale(struct cpu *c, const void *arg)
{
	const struct moment *m = arg;
	u32 last = READ_ONCE(c->flush_stamp);

	if ((last ^ m->now) >> 16)
		return true;
	return m->stamp <= (u16)m->now && (u16)last <= m->stamp;
}

void tlb_flush_stale(u16 stamp)
{
	struct moment m = moment_of(stamp);

	if (stamp != TLB_CLEAN)
		flush_where(is_stale, &m, CNT_FLUSH_ASKED);
}

static bool is_stale_elsewhere(struct cpu *c, const void *arg)
{
	return c != cpu_this() && is_stale(c, arg);
}

void tlb_flush_stale_elsewhere(u16 stamp)
{
	struct moment m = moment_of(stamp);

	flush_where(is_stale_elsewhere, &m, CNT_FLUSH_ASKED);
}

void tlb_flush_stale_later(u16 stamp)
{
	struct cpu *c = cpu_this();
	struct moment m = moment_of(stamp);

	flush_where(is_stale_elsewhere, &m, CNT_FLUSH_ASKED);
	if (has_guest_root(c) && is_stale(c, &m))
		tlb_flush_later(FLUSH_BEFORE_WRITE);
}

// What guests ask for concerns only what they do themselves, so an idle
// processor that has kept a vCPU loaded can do it when that runs on
// (sched_pick). Not so stale translations of frames that get another use: the
// processor may follow those, unasked, at any time.
static bool at_once(struct cpu *c)
{
	if (c == cpu_this() || __atomic_load_n(&c->curr, __ATOMIC_SEQ_CST))
		return true;
	__atomic_store_n(&c->flush_late, true, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&c->curr, __ATOMIC_SEQ_CST);
}

static bool runs_domain(struct cpu *c, const void *arg)
{
	const struct vcpu *v = READ_ONCE(c->loaded);

	return v && v->domain == arg && at_once(c);
}

void tlb_flush_domain(struct domain *d)
{
	flush_where(runs_domain, d, CNT_FLUSH_ASKED_GUEST);
}

struct vcpu_set {
	const struct domain *domain;
	const u64 *mask;
};

static bool runs_member(struct cpu *c, const void *arg)
{
	const struct vcpu_set *s = arg;
	const struct vcpu *v = READ_ONCE(c->loaded);

	return v && v->domain == s->domain &&
	       (s->mask[v->id / 64] >> (v->id % 64) & 1) &&
	       !spares(c, v->domain) && at_once(c);
}

void tlb_flush_mask(struct domain *d, const u64 *vcpu_mask)
{
	struct vcpu_set s = {d, vcpu_mask};

	flush_where(runs_member, &s, CNT_FLUSH_ASKED_GUEST);
}

void tlb_invlpg_local(gva_t va)
{
	if (cpu_this()->flush_due == FLUSH_BEFORE_READ)
		return; // of all, and soon enough
	count(CNT_INVLPG);
	invlpg(va);
}
