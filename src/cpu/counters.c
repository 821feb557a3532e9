// SPDX-License-Identifier: MIT
//
// Names of the counters, and their sums. Each number has one writer, the
// processor that counts, and is read here without a lock: sums may miss what is
// being counted just now, and nothing else.
#include "cpu/counters.h"

#include "abi/xen.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/priv.h"
#include "hypercall/hypercall.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "sched/sched.h"

#define LINE_WIDTH 100u

static u64 gone[CNT_MAX]; // of vCPUs that are no more; atomic
static u64 base[CNT_MAX]; // what counter_total() leaves out

// --------------------------------------------------------------------- names

#define NAMED(call, name) [__HYPERVISOR_##call] = (name)
#define CALL(name) NAMED(name, #name)
static const char *const call_names[HYPERCALL_MAX] = {
	CALL(set_trap_table),
	CALL(mmu_update),
	CALL(set_gdt),
	CALL(stack_switch),
	CALL(set_callbacks),
	CALL(fpu_taskswitch),
	CALL(sched_op_compat),
	CALL(platform_op),
	CALL(set_debugreg),
	CALL(get_debugreg),
	CALL(update_descriptor),
	CALL(memory_op),
	CALL(multicall),
	CALL(update_va_mapping),
	CALL(set_timer_op),
	CALL(xen_version),
	CALL(console_io),
	CALL(grant_table_op),
	CALL(vm_assist),
	CALL(iret),
	CALL(vcpu_op),
	CALL(set_segment_base),
	CALL(mmuext_op),
	CALL(xsm_op),
	CALL(nmi_op),
	CALL(sched_op),
	CALL(callback_op),
	CALL(event_channel_op),
	CALL(physdev_op),
	CALL(hvm_op),
	CALL(sysctl),
	CALL(domctl),
	CALL(kexec_op),
	CALL(argo_op),
	CALL(xenpmu_op),
	NAMED(arch_0, "mca"),
};

static const char *const trap_names[COUNTER_TRAPS] = {
	"DE", "DB", "NMI", "BP", "OF", "BR", "UD", "NM", "DF", "CSO", "TS",
	"NP", "SS", "GP",  "PF", NULL, "MF", "AC", "MC", "XM", "VE",  "CP",
};

static const char *const emul_names[COUNTER_EMULATED] = {
	[OP_IN] = "in",
	[OP_OUT] = "out",
	[OP_INS] = "ins",
	[OP_OUTS] = "outs",
	[OP_CLI] = "cli",
	[OP_STI] = "sti",
	[OP_HLT] = "hlt",
	[OP_CLTS] = "clts",
	[OP_WBINVD] = "wbinvd",
	[OP_READ_CR] = "read_cr",
	[OP_WRITE_CR] = "write_cr",
	[OP_READ_DR] = "read_dr",
	[OP_WRITE_DR] = "write_dr",
	[OP_RDMSR] = "rdmsr",
	[OP_WRMSR] = "wrmsr",
	[OP_RDTSC] = "rdtsc",
	[OP_RDTSCP] = "rdtscp",
	[OP_XSETBV] = "xsetbv",
	[OP_CPUID] = "cpuid",
};

#define ONE(name, counter)             \
	{                              \
		name, counter, 1, NULL \
	}

const struct counter_group counter_groups[] = {
	ONE("syscall", CNT_SYSCALL),
	{"hypercall", CNT_HYPERCALL, COUNTER_HYPERCALLS, call_names},
	{"trap", CNT_TRAP, COUNTER_TRAPS, trap_names},
	ONE("soft_int", CNT_SOFT_INT),
	{"emul", CNT_EMUL, COUNTER_EMULATED, emul_names},
	ONE("io", CNT_IO),
	ONE("ptwr", CNT_PTWR),
	ONE("pf_spurious", CNT_PF_SPURIOUS),
	ONE("fpu", CNT_FPU),
	ONE("irq_device", CNT_IRQ_DEVICE),
	ONE("irq_timer", CNT_IRQ_TIMER),
	ONE("irq_flush", CNT_IRQ_FLUSH),
	ONE("irq_kick", CNT_IRQ_KICK),
	ONE("irq_other", CNT_IRQ_OTHER),
	ONE("event", CNT_EVENT),
	ONE("nmi", CNT_NMI),
	ONE("event_send", CNT_EVENT_SEND),
	ONE("event_raise", CNT_EVENT_RAISE),
	ONE("cr3", CNT_CR3),
	ONE("cr3_mode", CNT_CR3_MODE),
	ONE("cr3_gate", CNT_CR3_GATE),
	ONE("cr3_root", CNT_CR3_ROOT),
	ONE("cr4", CNT_CR4),
	ONE("flush", CNT_FLUSH),
	ONE("flush_asked", CNT_FLUSH_ASKED),
	ONE("flush_asked_guest", CNT_FLUSH_ASKED_GUEST),
	ONE("flush_asked_wrap", CNT_FLUSH_ASKED_WRAP),
	ONE("invlpg", CNT_INVLPG),
	ONE("mmu_update", CNT_MMU_UPDATE),
	ONE("switch", CNT_SWITCH),
};
const u32 counter_group_count = ARRAY_SIZE(counter_groups);

// ---------------------------------------------------------------------- sums

void counters_leave(const struct vcpu *v)
{
	for (u32 i = 0; i < CNT_MAX; i++)
		__atomic_fetch_add(&gone[i], v->count[i], __ATOMIC_RELAXED);
}

static u64 sum_now(u32 which)
{
	u64 sum = __atomic_load_n(&gone[which], __ATOMIC_RELAXED);
	struct domain *d;
	struct vcpu *v;

	for (u32 i = 0; i < cpu_count(); i++)
		sum += READ_ONCE(cpu_of(i)->count[which]);
	for_each_domain (d)
		for_each_vcpu (d, v)
			sum += READ_ONCE(v->count[which]);
	return sum;
}

u64 counter_total(u32 which)
{
	return sum_now(which) - READ_ONCE(base[which]);
}

void counters_reset(void)
{
	for (u32 i = 0; i < CNT_MAX; i++)
		WRITE_ONCE(base[i], sum_now(i));
}

static u64 total_of(u32 first, u32 n)
{
	u64 sum = 0;

	for (u32 i = first; i < first + n; i++)
		sum += sum_now(i);
	return sum;
}

// ------------------------------------------------------------------- printing

#define HYPERCALL_IRET (CNT_HYPERCALL + __HYPERVISOR_iret)
#define TRAP_PF (CNT_TRAP + VEC_PF)

void counters_print(void)
{
	static const struct {
		const char *name;
		u32 first, n;
	} sums[] = {
		{"syscall", CNT_SYSCALL, 1},
		{"hypercall", CNT_HYPERCALL, COUNTER_HYPERCALLS},
		{"iret", HYPERCALL_IRET, 1},
		{"cr3", CNT_CR3, 1},
		{"cr3_mode", CNT_CR3_MODE, 1},
		{"cr3_gate", CNT_CR3_GATE, 1},
		{"flush", CNT_FLUSH, 1},
		{"invlpg", CNT_INVLPG, 1},
		{"pf_guest", TRAP_PF, 1},
		{"ptwr", CNT_PTWR, 1},
		{"emul", CNT_EMUL, COUNTER_EMULATED},
		{"io", CNT_IO, 1},
		{"event", CNT_EVENT, 1},
		{"irq", CNT_IRQ_DEVICE, CNT_IRQ_OTHER - CNT_IRQ_DEVICE + 1},
		{"switch", CNT_SWITCH, 1},
	};
	char line[512];
	size_t used = 0;

	for (u32 i = 0; i < ARRAY_SIZE(sums) && used < sizeof(line); i++)
		used += (size_t)fmt_print(line + used, sizeof(line) - used,
					  " %s=%lu", sums[i].name,
					  total_of(sums[i].first, sums[i].n));
	log_error("counters:%s\n", line);
}

// Lines "counters of <who>: name=value ..." under construction.
struct listing {
	const char *who;
	char text[LINE_WIDTH + 64];
	size_t used;
};

static void listing_end_line(struct listing *l)
{
	if (l->used)
		log_error("counters of %s:%s\n", l->who, l->text);
	l->used = 0;
}

static void list_one(struct listing *l, const char *group, const char *name,
		     u32 i, u64 value)
{
	char item[64];
	size_t n;

	if (name)
		n = (size_t)fmt_print(item, sizeof(item), " %s.%s=%lu", group,
				      name, value);
	else if (i)
		n = (size_t)fmt_print(item, sizeof(item), " %s.%u=%lu", group,
				      i, value);
	else
		n = (size_t)fmt_print(item, sizeof(item), " %s=%lu", group,
				      value);
	if (l->used + n > LINE_WIDTH)
		listing_end_line(l);
	l->used += str_copy(l->text + l->used, item, sizeof(l->text) - l->used);
}

static void list_counters(const char *who, const u64 *count)
{
	struct listing l = {.who = who};

	for (u32 g = 0; g < counter_group_count; g++) {
		const struct counter_group *group = &counter_groups[g];

		for (u32 i = 0; i < group->n; i++) {
			u64 value = READ_ONCE(count[group->first + i]);

			if (value)
				list_one(&l, group->name,
					 group->names ? group->names[i] : NULL,
					 i, value);
		}
	}
	listing_end_line(&l);
}

void counters_print_all(void)
{
	char who[32];
	struct domain *d;
	struct vcpu *v;

	log_error("counters at %lu ms\n", now_ns() / 1000000);
	for (u32 i = 0; i < cpu_count(); i++) {
		fmt_print(who, sizeof(who), "cpu%u", i);
		list_counters(who, cpu_of(i)->count);
	}
	for_each_domain (d)
		for_each_vcpu (d, v) {
			fmt_print(who, sizeof(who), "%sv%u", d->name, v->id);
			list_counters(who, v->count);
		}
	list_counters("gone", gone);
	log_error("counters end\n");
}
