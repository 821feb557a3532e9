// SPDX-License-Identifier: MIT
//
// mmuext: the smaller page-table operations, and batches of them.
//
// Provoked by CLEAR_PAGE, COPY_PAGE, cache flushes, super-page marks, unknown
// operations, and batches with a bad operation in the middle. Expected (abi.md
// 4.3): clear and copy act on frames of ours that are not tables; cache flushes
// succeed for dom0; super pages are not supported; a batch stops at the first
// failure, the count says how many were done; bad arrays are -EFAULT.

#include "guest.h"

static void pages(void)
{
	u64 *a = page_alloc(), *b = page_alloc();
	struct mmuext_op op = {
		.cmd = MMUEXT_COPY_PAGE,
		.arg1.mfn = va_mfn(b),
		.arg2.src_mfn = va_mfn(a),
	};

	a[0] = 0x11;
	a[511] = 0x22;
	expect_rc("copy", mmuext_op_dom(&op, 1, NULL, DOMID_SELF), 0);
	check(b[0] == 0x11 && b[511] == 0x22, "the copy differs");
	expect_rc("clear", mmuext1(MMUEXT_CLEAR_PAGE, va_mfn(b)), 0);
	check(b[0] == 0 && b[511] == 0, "the page is not clear");
	expect_refused("clear of a table",
		       mmuext1(MMUEXT_CLEAR_PAGE,
			       va_mfn((void *)start_info->pt_base)));
	expect_refused("clear of a foreign frame",
		       mmuext1(MMUEXT_CLEAR_PAGE, foreign_mfn(5)));
	op.arg2.src_mfn = foreign_mfn(5);
	expect_refused("copy of a foreign frame",
		       mmuext_op_dom(&op, 1, NULL, DOMID_SELF));
	page_make_ro(b);
	expect_rc("clear of an unmapped-for-writing page",
		  mmuext1(MMUEXT_CLEAR_PAGE, va_mfn(b)), 0);
	page_make_rw(b);
}

static void caches(void)
{
	expect_rc("FLUSH_CACHE", mmuext1(MMUEXT_FLUSH_CACHE, 0), 0);
	expect_rc("FLUSH_CACHE_GLOBAL", mmuext1(MMUEXT_FLUSH_CACHE_GLOBAL, 0),
		  0);
	expect_refused("MARK_SUPER", mmuext1(MMUEXT_MARK_SUPER, 0));
	expect_refused("UNMARK_SUPER", mmuext1(MMUEXT_UNMARK_SUPER, 0));
	expect_rc("unknown", mmuext1(1000, 0), -XEN_ENOSYS);
}

static void batches(void)
{
	u64 *t[4];
	struct mmuext_op ops[4];
	u32 done = 0;

	for (u32 i = 0; i < 4; i++) {
		t[i] = table_alloc();
		ops[i] = (struct mmuext_op){
			.cmd = MMUEXT_PIN_L1_TABLE,
			.arg1.mfn = va_mfn(t[i]),
		};
	}
	ops[2].arg1.mfn = foreign_mfn(8);
	expect_refused("batch", mmuext_op_dom(ops, 4, &done, DOMID_SELF));
	expect_eq("done", done, 2);
	expect_rc("unpin", unpin(t[0]), 0);
	expect_rc("unpin", unpin(t[1]), 0);
	expect_refused("unpin behind the bad one", unpin(t[3]));
	expect_rc("empty batch", mmuext_op_dom(ops, 0, &done, DOMID_SELF), 0);
	expect_eq("done", done, 0);
	expect_rc("bad array",
		  mmuext_op_dom((void *)0x7000, 1, NULL, DOMID_SELF),
		  -XEN_EFAULT);
	long rc = mmuext_op_dom(ops, 1, (void *)0x7000, DOMID_SELF);
	check(rc == 0 || rc == -XEN_EFAULT, "bad count pointer: %ld", rc);
	if (unpin(t[0]) < 0)
		check(rc < 0, "the operation was not done");
}

TEST("mmuext")
{
	pages();
	caches();
	batches();
}
