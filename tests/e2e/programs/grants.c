// SPDX-License-Identifier: MIT
/*
 * Grants by Linux's own drivers: pages that dom0 grants to itself (gntalloc)
 * are mapped (gntdev), written to from both sides, copied by the hypervisor
 * and unmapped, in several rounds. Ends with "GRANTS fine", or says what was
 * not and ends with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#define PAGES 40
#define ROUNDS 20
#define PAGE 4096

static void give_up(const char *what)
{
	printf("GRANTS %s: %s\n", what, strerror(errno));
	exit(1);
}

static void must(int fine, const char *what)
{
	if (fine)
		return;
	printf("GRANTS wrong: %s\n", what);
	exit(1);
}

static uint32_t refs[PAGES];

/* The granted pages, as their owner sees them. */
static uint64_t *grant(int fd, uint64_t *index)
{
	static char space[sizeof(struct ioctl_gntalloc_alloc_gref) + PAGES * 4];
	struct ioctl_gntalloc_alloc_gref *a = (void *)space;
	uint64_t *p;

	memset(space, 0, sizeof(space));
	a->domid = 0;
	a->flags = GNTALLOC_FLAG_WRITABLE;
	a->count = PAGES;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, a))
		give_up("granting");
	memcpy(refs, a->gref_ids, sizeof(refs));
	*index = a->index;
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)a->index);
	if (p == MAP_FAILED)
		give_up("mapping one's own pages");
	return p;
}

static uint64_t *map(int fd, int prot, uint64_t *index)
{
	static char space[sizeof(struct ioctl_gntdev_map_grant_ref) +
			  PAGES * sizeof(struct ioctl_gntdev_grant_ref)];
	struct ioctl_gntdev_map_grant_ref *m = (void *)space;
	uint64_t *p;

	memset(space, 0, sizeof(space));
	m->count = PAGES;
	for (int i = 0; i < PAGES; i++)
		m->refs[i].ref = refs[i];
	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, m))
		give_up("naming grants");
	*index = m->index;
	p = mmap(NULL, PAGES * PAGE, prot, MAP_SHARED, fd, (off_t)m->index);
	if (p == MAP_FAILED)
		give_up("mapping grants");
	return p;
}

static void unmap(int fd, void *p, uint64_t index)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = index,
		.count = PAGES,
	};

	if (munmap(p, PAGES * PAGE) ||
	    ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u))
		give_up("unmapping grants");
}

static void copy(int fd, uint32_t ref, uint16_t at, void *mine, uint16_t n,
		 int to_grant)
{
	struct gntdev_grant_copy_segment s = {.len = n};
	struct ioctl_gntdev_grant_copy c = {.count = 1, .segments = &s};

	s.flags = to_grant ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	if (to_grant) {
		s.source.virt = mine;
		s.dest.foreign.ref = ref;
		s.dest.foreign.offset = at;
	} else {
		s.dest.virt = mine;
		s.source.foreign.ref = ref;
		s.source.foreign.offset = at;
	}
	if (ioctl(fd, IOCTL_GNTDEV_GRANT_COPY, &c))
		give_up("copying");
	must(s.status == 0, "the status of a copy");
}

static void one_round(int fd, uint64_t *own, int prot)
{
	uint64_t index, *p = map(fd, prot, &index);
	static uint64_t buffer[PAGE / 8];

	for (int i = 0; i < PAGES; i++) {
		uint64_t *theirs = own + i * PAGE / 8, *here = p + i * PAGE / 8;

		theirs[1] = (uint64_t)rand();
		must(here[1] == theirs[1], "a word read by a grant");
		if (prot & PROT_WRITE)
			here[2] = (uint64_t)rand();
		must(here[2] == theirs[2], "a word written by a grant");
		copy(fd, refs[i], 8, buffer, 16, 0);
		must(!memcmp(buffer, theirs + 1, 16), "bytes copied out");
		buffer[0] = ~theirs[3];
		copy(fd, refs[i], 24, buffer, 8, 1);
		must(theirs[3] == buffer[0], "bytes copied in");
	}
	unmap(fd, p, index);
}

int main(void)
{
	int alloc = open("/dev/xen/gntalloc", O_RDWR);
	int dev = open("/dev/xen/gntdev", O_RDWR);
	struct ioctl_gntalloc_dealloc_gref d = {.count = PAGES};
	uint64_t index, last, *own;

	if (alloc < 0 || dev < 0)
		give_up("devices");
	own = grant(alloc, &index);
	for (int i = 0; i < ROUNDS; i++)
		one_round(dev, own, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
	/* What is still mapped goes with the process. */
	map(dev, PROT_READ | PROT_WRITE, &last);
	d.index = index;
	if (ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &d))
		give_up("taking grants back");
	printf("GRANTS fine\n");
	return 0;
}
