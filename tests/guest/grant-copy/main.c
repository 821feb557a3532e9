// SPDX-License-Identifier: MIT
//
// grant-copy: GNTTABOP_copy between grants and pages of one's own.
//
// Network packets go this way. Nothing may be written outside of the bytes
// named, nor into a page that the caller may not write.
//
// Provoked by copies in all four combinations of grant and frame number, at the
// edges of a page, in a long list, and with every argument wrong in turn.
// Expected (abi.md 5.4): exactly the bytes named change; what crosses a page,
// frames that are not ours, page tables, read-only grants and other domains'
// frames are refused with the status that stock Xen gives; no entry stays
// marked as used.

#include "guest.h"
#include "grant.h"

#define PERMIT GTF_permit_access
#define BY_SOURCE GNTCOPY_source_gref
#define BY_DEST GNTCOPY_dest_gref
#define FROM 20
#define TO 21

static u8 *from, *to;

static struct gnttab_copy make(u16 flags, u16 from_at, u16 to_at, u16 len)
{
	struct gnttab_copy op = {
		.source.offset = from_at,
		.dest.offset = to_at,
		.len = len,
		.flags = flags,
	};

	op.source.domid = flags & BY_SOURCE ? SELF : DOMID_SELF;
	op.dest.domid = flags & BY_DEST ? SELF : DOMID_SELF;
	if (flags & BY_SOURCE)
		op.source.u.ref = FROM;
	else
		op.source.u.gmfn = va_mfn(from);
	if (flags & BY_DEST)
		op.dest.u.ref = TO;
	else
		op.dest.u.gmfn = va_mfn(to);
	return op;
}

static void fill(void)
{
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		from[i] = (u8)(i * 7 + 1);
		to[i] = 0xee;
	}
}

static void expect_copied(u32 from_at, u32 to_at, u32 len)
{
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		u8 want = i - to_at < len ? from[from_at + i - to_at] : 0xee;

		if (!check(to[i] == want, "byte %u is 0x%x, not 0x%x", i, to[i],
			   want))
			return;
	}
}

static void all_ways(void)
{
	static const struct {
		u16 from_at, to_at, len;
	} parts[] = {
		{0, 0, PAGE_SIZE}, {0, 4095, 1}, {4095, 0, 1},
		{100, 200, 300},   {5, 5, 0},    {1, 0, 4095},
	};

	grant_page(FROM, PERMIT | GTF_readonly, from);
	grant_page(TO, PERMIT, to);
	for (u16 flags = 0; flags < 4; flags++) {
		for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
			fill();
			expect_rc(
				"copy",
				grant_copy(make(flags, parts[i].from_at,
						parts[i].to_at, parts[i].len)),
				0);
			expect_copied(parts[i].from_at, parts[i].to_at,
				      parts[i].len);
		}
	}
	expect_eq("flags", grant_entry(FROM)->flags, PERMIT | GTF_readonly);
	expect_eq("flags", grant_entry(TO)->flags, PERMIT);
}

static void expect_status(const char *what, struct gnttab_copy op, int want)
{
	expect_rc(what, grant_copy(op), want);
}

static void refused(void)
{
	u16 both = BY_SOURCE | BY_DEST;
	struct gnttab_copy op;

	fill();
	expect_status("source crosses", make(both, 4095, 0, 2),
		      GNTST_bad_copy_arg);
	expect_status("destination crosses", make(both, 0, 1, 4096),
		      GNTST_bad_copy_arg);
	expect_status("far out", make(both, 0xffff, 0xffff, 0xffff),
		      GNTST_bad_copy_arg);
	op = make(both, 0, 0, 8);
	op.dest.u.ref = FROM;
	expect_status("write to read-only", op, GNTST_general_error);
	op.dest.u.ref = 22;
	expect_status("nothing granted", op, GNTST_general_error);
	op.dest.u.ref = 0x7fffffff;
	expect_status("no such entry", op, GNTST_bad_gntref);
	op = make(both, 0, 0, 8);
	op.source.domid = 1234;
	expect_status("nobody", op, GNTST_bad_domain);
	op = make(0, 0, 0, 8);
	op.source.domid = SELF;
	expect_status("frame by id", op, GNTST_permission_denied);
	op = make(0, 0, 0, 8);
	op.dest.u.gmfn = va_mfn((void *)start_info->pt_base);
	expect_status("into a table", op, GNTST_general_error);
	op.dest.u.gmfn = foreign_mfn(3);
	expect_status("into a foreign frame", op, GNTST_bad_page);
	op = make(0, 0, 0, 8);
	op.source.u.gmfn = foreign_mfn(3);
	expect_status("from a foreign frame", op, GNTST_bad_page);
	op.source.u.gmfn = ~0UL;
	expect_status("from nowhere", op, GNTST_bad_page);
	expect_copied(0, 0, 0);
	expect_eq("flags", grant_entry(FROM)->flags, PERMIT | GTF_readonly);
	expect_eq("flags", grant_entry(TO)->flags, PERMIT);
}

#define LIST 300

static void list(void)
{
	static struct gnttab_copy ops[LIST];

	fill();
	for (u32 i = 0; i < LIST; i++)
		ops[i] = make(i & 3, (u16)i, (u16)i, 1);
	ops[200].source.offset = 5000;
	expect_rc("list", grant_table_op(GNTTABOP_copy, ops, LIST), 0);
	for (u32 i = 0; i < LIST; i++)
		expect_rc("status", ops[i].status,
			  i == 200 ? GNTST_bad_copy_arg : 0);
	to[200] = from[200];
	expect_copied(0, 0, LIST);
	expect_rc("a bad list",
		  grant_table_op(GNTTABOP_copy, (void *)0x7000, 1),
		  -XEN_EFAULT);
}

TEST("grant-copy")
{
	from = page_alloc();
	to = page_alloc();
	test_l1();
	all_ways();
	refused();
	list();
}
