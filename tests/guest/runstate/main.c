// SPDX-License-Identifier: MIT
//
// runstate: where a vCPU's time went.
//
// Linux takes stolen time from a record that the hypervisor keeps up to date in
// guest memory; the guest registers it by a virtual address that may not be
// mapped in whatever address space is loaded, which must be tolerated.
//
// Provoked by registering an area, blocking and running; asking for the same by
// call; the update flag of vm_assist; an address that gets unmapped; a second
// vCPU that takes the processor away as much as it can. Expected (abi.md 3.5,
// 4.6): state is running; entry time and the four sums agree with the call and
// only grow; blocked time grows over a block; with the assist, bit 63 of the
// entry time is clear when we look; an unmapped area harms nothing; what a vCPU
// had and what was stolen from it are together the time that went by, and what
// was stolen the other one had, within 0.5 %.

#include "guest.h"
#include "second.h"

static struct vcpu_runstate_info *area;

#define UPDATE (1UL << 63)

static long reg(void *va)
{
	struct vcpu_register_runstate_memory_area r = {.addr.v = va};

	return vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r);
}

static u64 sum(const struct vcpu_runstate_info *info)
{
	return info->time[0] + info->time[1] + info->time[2] + info->time[3];
}

/*
 * Until it really has blocked: on a busy host the timeout may be over before
 * the call is made.
 */
static void block_a_while(void)
{
	struct vcpu_runstate_info before, after;

	vcpu_op(VCPUOP_get_runstate_info, 0, &before);
	for (u32 i = 0; i < 100; i++) {
		sleep_until(now_ns() + 10 * MS);
		vcpu_op(VCPUOP_get_runstate_info, 0, &after);
		if (after.time[RUNSTATE_blocked] >
		    before.time[RUNSTATE_blocked])
			return;
	}
	check_failed("blocked time does not grow in 100 polls");
}

static void by_call(void)
{
	struct vcpu_runstate_info a, b;

	expect_rc("get", vcpu_op(VCPUOP_get_runstate_info, 0, &a), 0);
	expect_eq("state", (u64)a.state, RUNSTATE_running);
	expect_rc("get", vcpu_op(VCPUOP_get_runstate_info, 0, &b), 0);
	check(sum(&b) > sum(&a), "the sums stand still");
	check(b.time[RUNSTATE_running] > a.time[RUNSTATE_running],
	      "running time stands still");
}

static void by_area(void)
{
	struct vcpu_runstate_info before;

	area = page_alloc();
	expect_rc("register", reg(area), 0);
	expect_eq("state", (u64)area->state, RUNSTATE_running);
	before = *area;
	block_a_while();
	check(area->time[RUNSTATE_blocked] > before.time[RUNSTATE_blocked],
	      "blocked time stands still");
	check(area->state_entry_time > before.state_entry_time,
	      "the entry time stands still");
	expect_eq("state", (u64)area->state, RUNSTATE_running);
	expect_eq("update bit", area->state_entry_time & UPDATE, 0);
}

static void update_flag(void)
{
	long rc =
		vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag);

	expect_rc("vm_assist", rc, 0);
	u64 before = area->state_entry_time;
	block_a_while();
	check(area->state_entry_time > before, "no update with the flag");
	expect_eq("update bit", area->state_entry_time & UPDATE, 0);
}

static void unmapped(void)
{
	struct vcpu_runstate_info info;

	update_va_mapping(area, 0, UVMF_INVLPG);
	block_a_while();
	expect_rc("get", vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
	page_make_rw(area);
	u64 before = area->state_entry_time;
	block_a_while();
	check(area->state_entry_time > before, "no update when mapped again");
	page_make_ro(area);
	block_a_while();
	page_make_rw(area);
}

static void assists(void)
{
	static const u32 plain[] = {
		VMASST_TYPE_writable_pagetables,
	};

	for (u32 i = 0; i < ARRAY_SIZE(plain); i++)
		expect_rc("assist", vm_assist(VMASST_CMD_enable, plain[i]), 0);
	check(vm_assist(VMASST_CMD_enable, 60) < 0, "assist 60 is known");
	check(vm_assist(9, 0) < 0, "assist command 9 is known");
}

/* A vCPU's record at some time between two readings of the clock. */
struct look {
	struct vcpu_runstate_info info;
	u64 from, to;
};

static struct look look(u32 vcpu)
{
	struct look l = {.from = now_ns()};

	expect_rc("get", vcpu_op(VCPUOP_get_runstate_info, vcpu, &l.info), 0);
	l.to = now_ns();
	return l;
}

static u64 spent(const struct look *a, const struct look *b, u32 state)
{
	return b->info.time[state] - a->info.time[state];
}

static void adds_up(const struct look *a, const struct look *b)
{
	u64 all = sum(&b->info) - sum(&a->info);

	check(all >= b->from - a->to && all <= b->to - a->from,
	      "%lu ns in all, not %lu to %lu", all, b->from - a->to,
	      b->to - a->from);
	expect_eq("blocked", spent(a, b, RUNSTATE_blocked), 0);
	expect_eq("offline", spent(a, b, RUNSTATE_offline), 0);
}

static void spin(void)
{
	for (;;)
		asm volatile("pause");
}

/* Both at nearly the same time. */
static void look_at_both(struct look both[2])
{
	for (u32 i = 0; i < 1000; i++) {
		both[0] = look(0);
		both[1] = look(1);
		if (both[1].to - both[0].from < MS / 4)
			return;
	}
	test_broken("no two looks without a break");
}

/* Both want the only processor, and have it all between them. */
static void stolen(void)
{
	struct look before[2], after[2];
	u64 ran[2], taken;

	second_start(spin);
	look_at_both(before);
	while (now_ns() < before[1].to + 400 * MS)
		asm volatile("pause");
	look_at_both(after);
	for (u32 i = 0; i < 2; i++) {
		adds_up(&before[i], &after[i]);
		ran[i] = spent(&before[i], &after[i], RUNSTATE_running);
		check(ran[i] > 100 * MS, "vCPU %u ran %lu ns", i, ran[i]);
	}
	taken = spent(&before[0], &after[0], RUNSTATE_runnable);
	check(ran[1] <= taken + taken / 200 && ran[1] >= taken - taken / 200,
	      "%lu ns stolen, but the thief had %lu", taken, ran[1]);
}

TEST("runstate")
{
	by_call();
	by_area();
	update_flag();
	unmapped();
	assists();
	stolen();
}
