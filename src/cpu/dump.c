// SPDX-License-Identifier: MIT
//
// What a fault leaves for its finder: registers, code bytes, the top of the
// stack and a back trace with names. Nothing here may fault: the hypervisor's
// own memory is read only inside its text and the stack that the frame is on,
// a guest's only through guest_read().
#include "boot/boot.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/uaccess.h"
#include "hw/cpu.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define TRACE_DEPTH 24
#define CODE_BYTES 16
#define CODE_BEFORE 8
#define STACK_WORDS 12

struct symbol {
	u32 offset; // from image_start
	u32 name; // in symbol_names
};

// Made by tools/symbols, sorted by offset.
extern const u32 symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

extern char early_stack[], early_stack_end[];

struct range {
	u64 start, end;
};

static const char *const vector_names[] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"device not available",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"reserved",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

// Entry code runs at its address in a processor's block: the same code in the
// image has the names.
static u64 image_address(u64 addr)
{
	u64 offset = addr % PERCPU_SIZE - PERCPU_STUB;

	if (addr >= PERCPU_BASE && addr < percpu_base(MAX_CPUS) &&
	    offset < (u64)(gate_text_end - gate_text_start))
		return (u64)gate_text_start + offset;
	return addr;
}

static bool in_text(u64 addr)
{
	addr = image_address(addr);
	return addr >= (u64)text_start && addr < (u64)text_end;
}

// Index of the last symbol at or below offset, or symbol_count.
static u32 symbol_find(u32 offset)
{
	u32 low = 0, high = symbol_count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (symbol_table[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : symbol_count;
}

void symbol_name(u64 addr, char *buf, size_t size)
{
	u32 offset = (u32)(image_address(addr) - (u64)image_start), i, next;

	i = in_text(addr) ? symbol_find(offset) : symbol_count;
	if (i == symbol_count) {
		fmt_print(buf, size, "0x%lx", addr);
		return;
	}
	next = i + 1 < symbol_count ? symbol_table[i + 1].offset
				    : (u32)(text_end - image_start);
	fmt_print(
		buf, size, "%s+0x%x/0x%x", symbol_names + symbol_table[i].name,
		offset - symbol_table[i].offset, next - symbol_table[i].offset);
}

// The stack of a processor's block that offset lies in.
static struct range percpu_stack(u64 block, u64 offset)
{
	static const u32 ist[] = {PERCPU_IST_NMI, PERCPU_IST_MC, PERCPU_IST_DF,
				  PERCPU_IST_DB};

	if (offset - PERCPU_STACK <= PERCPU_STACK_SIZE)
		return (struct range){block + PERCPU_STACK,
				      block + PERCPU_STACK + PERCPU_STACK_SIZE};
	for (u32 i = 0; i < ARRAY_SIZE(ist); i++)
		if (offset - ist[i] <= PAGE_SIZE)
			return (struct range){block + ist[i],
					      block + ist[i] + PAGE_SIZE};
	return (struct range){0, 0};
}

// The whole stack that sp is on: empty when sp is not on a stack of ours.
static struct range stack_of(u64 sp)
{
	if (sp >= (u64)early_stack && sp <= (u64)early_stack_end)
		return (struct range){(u64)early_stack, (u64)early_stack_end};
	if (sp >= PERCPU_BASE && sp < percpu_base(MAX_CPUS) &&
	    (sp - PERCPU_BASE) / PERCPU_SIZE == cpu_this()->id)
		return percpu_stack(ALIGN_DOWN(sp, PERCPU_SIZE),
				    sp % PERCPU_SIZE);
	return (struct range){0, 0};
}

static bool holds(const struct range *r, u64 addr, u64 bytes)
{
	return addr % 8 == 0 && addr >= r->start && addr <= r->end &&
	       bytes <= r->end - addr;
}

static void trace_line(u64 addr)
{
	char name[80];

	symbol_name(addr, name, sizeof(name));
	log_error("  [%016lx] %s\n", addr, name);
}

void dump_backtrace(const struct regs *r)
{
	struct range stack = stack_of(r->rsp);
	u64 frame = r->rbp;

	log_error("back trace:\n");
	trace_line(r->rip);
	// After a jump to nowhere the caller is on top of the stack.
	if (!in_text(r->rip) && holds(&stack, r->rsp, 8))
		trace_line(*(const u64 *)r->rsp);
	for (u32 i = 0; i < TRACE_DEPTH && holds(&stack, frame, 16); i++) {
		const u64 *f = (const u64 *)frame;

		if (!in_text(f[1]))
			break;
		trace_line(f[1]);
		if (f[0] <= frame) // the outermost has 0
			break;
		frame = f[0];
	}
}

static bool read_code(const struct regs *r, u8 *code, size_t n)
{
	u64 start = r->rip - CODE_BEFORE;

	if (regs_from_guest(r))
		return cpu_this()->curr && !guest_read(code, start, n);
	if (!in_text(start) || !in_text(start + n - 1))
		return false;
	memcpy(code, (const void *)start, n);
	return true;
}

static void dump_code(const struct regs *r)
{
	u8 code[CODE_BYTES];
	char line[CODE_BYTES * 4 + 4];
	size_t at = 0;

	if (!read_code(r, code, sizeof(code))) {
		log_error("code: not readable\n");
		return;
	}
	for (u32 i = 0; i < CODE_BYTES; i++)
		at += (size_t)fmt_print(line + at, sizeof(line) - at,
					i == CODE_BEFORE ? " <%02x>" : " %02x",
					code[i]);
	log_error("code:%s\n", line);
}

static u32 read_stack(const struct regs *r, u64 *words)
{
	struct range stack = stack_of(r->rsp);
	u32 n = 0;

	for (; n < STACK_WORDS; n++) {
		u64 addr = r->rsp + n * 8;

		if (regs_from_guest(r)) {
			if (!cpu_this()->curr || guest_read(&words[n], addr, 8))
				break;
		} else if (holds(&stack, addr, 8)) {
			words[n] = *(const u64 *)addr;
		} else {
			break;
		}
	}
	return n;
}

static void dump_stack(const struct regs *r)
{
	u64 words[STACK_WORDS];
	u32 n = read_stack(r, words);

	for (u32 i = 0; i < n; i++)
		log_error("%s%016lx%s", i % 4 ? " " : "stack: ", words[i],
			  i % 4 == 3 || i + 1 == n ? "\n" : "");
}

void dump_regs(const struct regs *r)
{
	const char *what = r->vector < ARRAY_SIZE(vector_names)
				   ? vector_names[r->vector]
				   : "interrupt or system call";

	log_error("cpu %u, %s, vector 0x%x (%s), error 0x%x\n", cpu_this()->id,
		  regs_from_guest(r) ? "guest" : "hypervisor", r->vector, what,
		  r->error);
	log_error("rip %04lx:%016lx  rsp %04lx:%016lx  flags %08lx\n", r->cs,
		  r->rip, r->ss, r->rsp, r->rflags);
	log_error("rax %016lx  rbx %016lx  rcx %016lx\n", r->rax, r->rbx,
		  r->rcx);
	log_error("rdx %016lx  rsi %016lx  rdi %016lx\n", r->rdx, r->rsi,
		  r->rdi);
	log_error("rbp %016lx  r8  %016lx  r9  %016lx\n", r->rbp, r->r8, r->r9);
	log_error("r10 %016lx  r11 %016lx  r12 %016lx\n", r->r10, r->r11,
		  r->r12);
	log_error("r13 %016lx  r14 %016lx  r15 %016lx\n", r->r13, r->r14,
		  r->r15);
	log_error("cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %lx\n", read_cr0(),
		  read_cr2(), read_cr3(), read_cr4());
	dump_code(r);
	dump_stack(r);
	if (!regs_from_guest(r))
		dump_backtrace(r);
}
