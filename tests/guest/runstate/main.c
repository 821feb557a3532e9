// SPDX-License-Identifier: MIT
//
// runstate: where a vCPU's time went.
//
// Linux takes stolen time from a record that the hypervisor keeps up to date in
// guest memory; the guest registers it by a virtual address that may not be
// mapped in whatever address space is loaded, which must be tolerated.
//
// Provoked by registering an area, blocking and running; asking for the same by
// call; the update flag of vm_assist; an address that gets unmapped. Expected
// (abi.md 3.5, 4.6): state is running; entry time and the four sums agree with
// the call and only grow; blocked time grows over a block; with the assist, bit
// 63 of the entry time is clear when we look; an unmapped area harms nothing.

#include "guest.h"

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

TEST("runstate")
{
	by_call();
	by_area();
	update_flag();
	unmapped();
	assists();
}
