// SPDX-License-Identifier: MIT
//
// The auditor. It counts all over again who holds which frame as what, from the
// page tables, the vCPUs and whoever registered, and compares that with the
// counts in the frame table. Any difference is a bug of ours. Guests must not
// run on other processors meanwhile.

#include "console/console.h"
#include "irq/watchdog.h"
#include "mm/priv.h"

#define MAX_LINES 16
#define MAX_HOOKS 8
#define TOUCH_FRAMES 0x10000

struct tally {
	u32 ref;
	u32 type; // references of any type
};

static struct tally *tallies; // by frame number, during an audit
static u64 differences;
static void (*hooks[MAX_HOOKS])(void);
static u32 hook_count;

void mm_audit_register(void (*fn)(void))
{
	bug_on(hook_count == MAX_HOOKS);
	hooks[hook_count++] = fn;
}

void audit_differs(mfn_t mfn, const char *what, u64 is, u64 should)
{
	const struct frame *f = mfn_frame(mfn);

	if (differences++ < MAX_LINES)
		log_error("audit: frame 0x%lx owner %u ref 0x%x type 0x%x: "
			  "%s is %lu, should be %lu\n",
			  mfn.n, f->owner, f->ref, f->type, what, is, should);
}

void audit_holds(mfn_t mfn, enum frame_type type)
{
	const struct frame *f;

	if (!mfn_is_ram(mfn))
		return;
	f = mfn_frame(mfn);
	tallies[mfn.n].ref++;
	if (type == TYPE_NONE)
		return;
	tallies[mfn.n].type++;
	if (frame_type_of(f) != type)
		audit_differs(mfn, "type", frame_type_of(f), type);
}

static void count_entry(u32 level, mfn_t table, u64 e)
{
	mfn_t to = entry_mfn(e);

	if (level == 1)
		audit_holds(to, e & PTE_RW ? TYPE_WRITABLE : TYPE_NONE);
	else if (!(level == 4 && mfn_eq(to, table)))
		audit_holds(to, (enum frame_type)(level - 1));
}

// How many entries from 0 up hold something.
static u32 entries_held(const struct frame *f)
{
	if (!kind_is_table(frame_type_of(f)))
		return 0;
	if (f->type & FT_VALID)
		return ENTRIES;
	return f->type & FT_PARTIAL ? f->aux & ~AUX_FAILED : 0;
}

static void count_table(mfn_t mfn, const struct frame *f)
{
	u32 level = (u32)frame_type_of(f);
	u32 n = entries_held(f);
	const u64 *t = n ? mfn_virt(mfn) : NULL;

	for (u32 i = 0; i < n; i++)
		if ((t[i] & PTE_P) && !entry_is_ours(level, i))
			count_entry(level, mfn, t[i]);
}

// What a frame's own state says about its counts.
static void count_frame(mfn_t mfn)
{
	const struct frame *f = mfn_frame(mfn);

	if (f->owner == OWNER_FREE)
		return;
	if (f->ref & REF_ALLOCATED)
		audit_holds(mfn, TYPE_NONE);
	if (f->type & FT_PINNED)
		audit_holds(mfn, frame_type_of(f));
	if ((f->type & FT_PARTIAL) && type_count(f->type) == 0)
		audit_holds(mfn, TYPE_NONE);
	count_table(mfn, f);
}

static void count_if(mfn_t mfn, enum frame_type type)
{
	if (!mfn_is_none(mfn) && mfn.n != 0)
		audit_holds(mfn, type);
}

static void count_undo(mfn_t mfn)
{
	audit_holds(mfn, frame_type_of(mfn_frame(mfn)));
}

static void count_vcpu(const struct vcpu *v)
{
	count_if(v->kernel_root, TYPE_L4);
	count_if(v->user_root, TYPE_L4);
	for (u32 i = 0; i < ARRAY_SIZE(v->gdt); i++)
		count_if(v->gdt[i], TYPE_DESC);
	for (u32 i = 0; i < ARRAY_SIZE(v->ldt); i++)
		count_if(v->ldt[i], TYPE_DESC);
	count_if(v->info_mfn, TYPE_WRITABLE);
	for (u32 i = 0; i < ARRAY_SIZE(v->undo_mfn); i++)
		if (v->undo_mfn[i])
			count_undo(MFN(v->undo_mfn[i]));
}

static void count_domains(void)
{
	struct list *at;
	struct vcpu *v;

	list_for_each (at, &domain_list) {
		struct domain *d = list_entry(at, struct domain, link);

		for_each_vcpu (d, v)
			count_vcpu(v);
	}
}

static void compare_frame(mfn_t mfn)
{
	const struct frame *f = mfn_frame(mfn);
	const struct tally *t = &tallies[mfn.n];

	if ((f->ref & REF_COUNT_MASK) != t->ref)
		audit_differs(mfn, "references", f->ref & REF_COUNT_MASK,
			      t->ref);
	if (f->owner != OWNER_FREE && type_count(f->type) != t->type)
		audit_differs(mfn, "type count", type_count(f->type), t->type);
}

static u64 for_each_frame(void (*fn)(mfn_t mfn))
{
	u64 unused = 0;

	for (u64 n = 0; n < frame_limit(); n++) {
		if (n % TOUCH_FRAMES == 0)
			watchdog_touch();
		if (!mfn_is_ram(MFN(n)))
			continue;
		unused += mfn_frame(MFN(n))->owner == OWNER_FREE;
		fn(MFN(n));
	}
	return unused;
}

static void audit(void)
{
	u64 unused = for_each_frame(count_frame);

	count_domains();
	for (u32 i = 0; i < hook_count; i++)
		hooks[i]();
	for_each_frame(compare_frame);
	if (unused != heap_free_frames() && differences++ < MAX_LINES)
		log_error("audit: %lu frames are free, the heap says %lu\n",
			  unused, heap_free_frames());
}

u64 mm_audit(void)
{
	tallies = kalloc(frame_limit() * sizeof(*tallies));
	if (!tallies) {
		log_warn("audit: not enough memory to count in\n");
		return 0;
	}
	differences = 0;
	audit();
	kfree(tallies);
	tallies = NULL;
	log_info("audit: %lu differences in %lu frames\n", differences,
		 heap_total_frames());
	return differences;
}
