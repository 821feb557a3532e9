// SPDX-License-Identifier: MIT
/*
 * domains [-c CYCLES] [-d MS] [-k KERNEL] [-m MIB] [-n COPIES] [-t SECONDS]
 *         [-v VCPUS] WORDS...
 *
 * Makes paravirtual guests without xl, through the toolstack's own libraries:
 * one for each argument, which is its command line; " self=ID peer=ID" is
 * added, the peer being the next one; -n makes so many of all. All exist before
 * any runs. What they print is shown as "dN: text"; one that ends is destroyed
 * at once, its end shown as "ENDED N how"; -d destroys those that still run after
 * a random time below MS, -t those that run after so many seconds. Before that
 * comes the line "RAN N from A to B ms": how many, and the least and the most
 * processor time of one. -c does the whole so often.
 *
 * The first round is not counted: it fills caches. Then comes the line
 * "DOMAINS left A lost B pages C ms/cycle": domains that are still there, pages
 * that are free no more.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xenguest.h>
#include <xen/io/console.h>

#define MOST 80
#define PAGE 4096
#define PATIENCE_MS 60000
#define SETTLE_MS 5000

static xc_interface *xc;
static const char *kernel = "/guest/hostile";
static unsigned int mib = 16, vcpus = 1;
static long destroy_ms, limit_s = 60;

struct guest {
	uint32_t id;
	char words[256];
	volatile struct xencons_interface *console;
	char line[256];
	size_t used;
	int ended;
};

static struct guest guests[MOST];
static int count;

static void give_up(const char *what)
{
	perror(what);
	for (int i = 0; i < count; i++)
		if (guests[i].id)
			xc_domain_destroy(xc, guests[i].id);
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc)
		give_up(what);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ making */

static void create(struct guest *g)
{
	struct xen_domctl_createdomain config = {
		.max_vcpus = vcpus,
		.max_evtchn_port = -1,
		.max_grant_frames = 4,
		.max_maptrack_frames = 8,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
	};

	g->id = 0;
	must(xc_domain_create(xc, &g->id, &config), "creating a domain");
	must(xc_domain_max_vcpus(xc, g->id, vcpus), "its vCPUs");
	must(xc_domain_setmaxmem(xc, g->id, mib * 1024 + 256), "its memory");
}

static void map_console(struct guest *g, struct xc_dom_image *dom)
{
	xen_pfn_t mfn = xc_dom_p2m(dom, dom->console_pfn);

	g->console = xc_map_foreign_range(xc, g->id, PAGE,
					  PROT_READ | PROT_WRITE, mfn);
	if (!g->console)
		give_up("mapping a console");
}

static void build(struct guest *g)
{
	struct xc_dom_image *dom = xc_dom_allocate(xc, g->words, NULL);

	if (!dom)
		give_up("memory");
	dom->container_type = XC_DOM_PV_CONTAINER;
	dom->console_evtchn = xc_evtchn_alloc_unbound(xc, g->id, 0);
	dom->xenstore_evtchn = xc_evtchn_alloc_unbound(xc, g->id, 0);
	must(xc_dom_kernel_file(dom, kernel), "reading the kernel");
	must(xc_dom_boot_xen_init(dom, xc, g->id), "xc_dom_boot_xen_init");
	must(xc_dom_parse_image(dom), "not a kernel");
	must(xc_dom_mem_init(dom, mib), "xc_dom_mem_init");
	must(xc_dom_boot_mem_init(dom), "getting memory");
	must(xc_dom_build_image(dom), "building");
	must(xc_dom_boot_image(dom), "starting");
	must(xc_dom_gnttab_init(dom), "its grant table");
	map_console(g, dom);
	xc_dom_release(dom);
}

static void make_all(char **words, int different)
{
	for (int i = 0; i < count; i++) {
		memset(&guests[i], 0, sizeof(guests[i]));
		create(&guests[i]);
	}
	for (int i = 0; i < count; i++) {
		struct guest *g = &guests[i];

		snprintf(g->words, sizeof(g->words), "%s self=%u peer=%u",
			 words[i % different], g->id,
			 guests[(i + 1) % count].id);
		build(g);
	}
	for (int i = 0; i < count; i++)
		must(xc_domain_unpause(xc, guests[i].id), "starting");
}

/* ---------------------------------------------------------------- watching */

static void put(struct guest *g, char c)
{
	if (c != '\n' && g->used < sizeof(g->line) - 1) {
		g->line[g->used++] = c;
		return;
	}
	g->line[g->used] = 0;
	g->used = 0;
	if (strstr(g->line, "flood flood"))
		return;
	printf("d%u: %s\n", g->id, g->line);
	fflush(stdout);
}

/* The ring is the guest's to write: any index is possible. */
static void show(struct guest *g)
{
	uint32_t from = g->console->out_cons, to = g->console->out_prod;

	__sync_synchronize();
	if (to - from > sizeof(g->console->out))
		from = to - sizeof(g->console->out);
	for (; from != to; from++)
		put(g, g->console->out[from % sizeof(g->console->out)]);
	__sync_synchronize();
	g->console->out_cons = to;
}

static void end(struct guest *g, const char *how)
{
	show(g);
	printf("ENDED %u %s\n", g->id, how);
	fflush(stdout);
	munmap((void *)g->console, PAGE);
	must(xc_domain_destroy(xc, g->id), "destroying");
	g->ended = 1;
}

static int running(void)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n += !guests[i].ended;
	return n;
}

static void look(struct guest *g)
{
	static const char *const how[] = {"poweroff", "reboot", "suspend",
					  "crash", "watchdog"};
	xc_dominfo_t info;

	if (g->ended)
		return;
	show(g);
	if (xc_domain_getinfo(xc, g->id, 1, &info) != 1 || info.domid != g->id)
		give_up("a domain that is gone");
	if (info.crashed)
		end(g, "crash");
	else if (info.shutdown)
		end(g, info.shutdown_reason < 5 ? how[info.shutdown_reason]
						: "strangely");
}

/* Those that still run: the least and the most processor time of one. */
static void compare(void)
{
	xc_dominfo_t info[2 * MOST];
	int n = xc_domain_getinfo(xc, guests[0].id, 2 * MOST, info);
	uint64_t least = UINT64_MAX, most = 0;

	for (int i = 0; i < n; i++) {
		if (info[i].cpu_time < least)
			least = info[i].cpu_time;
		if (info[i].cpu_time > most)
			most = info[i].cpu_time;
	}
	printf("RAN %d from %llu to %llu ms\n", n,
	       (unsigned long long)least / 1000000,
	       (unsigned long long)most / 1000000);
}

static void watch(void)
{
	long start = now_ms();
	long last = start + (destroy_ms ? rand() % destroy_ms : limit_s * 1000);

	while (running() && now_ms() < last) {
		for (int i = 0; i < count; i++)
			look(&guests[i]);
		usleep(1000);
	}
	if (running())
		compare();
	for (int i = 0; i < count; i++)
		if (!guests[i].ended)
			end(&guests[i], "destroyed");
}

/* ----------------------------------------------------------------- what left */

static uint64_t free_pages(void)
{
	xc_physinfo_t info;

	must(xc_physinfo(xc, &info), "physinfo");
	return info.free_pages;
}

static int others(void)
{
	xc_dominfo_t info[2 * MOST];
	int n = xc_domain_getinfo(xc, 0, 2 * MOST, info);

	return n < 0 ? n : n - 1;
}

static void wait_gone(int before)
{
	long last = now_ms() + PATIENCE_MS;

	while (others() > before && now_ms() < last)
		usleep(1000);
}

/* A domain's last pages come back a moment after it has left the list. */
static long long lost_since(uint64_t before)
{
	long last = now_ms() + SETTLE_MS;
	long long lost;

	do {
		lost = (long long)(before - free_pages());
		usleep(10000);
	} while (lost > 0 && now_ms() < last);
	return lost;
}

int main(int argc, char **argv)
{
	long cycles = 1, start = 0;
	uint64_t before = 0;
	int was, c, copies = 1;

	while ((c = getopt(argc, argv, "c:d:k:m:n:t:v:")) != -1) {
		switch (c) {
		case 'c':
			cycles = atol(optarg);
			break;
		case 'd':
			destroy_ms = atol(optarg);
			break;
		case 'k':
			kernel = optarg;
			break;
		case 'm':
			mib = (unsigned int)atoi(optarg);
			break;
		case 'n':
			copies = atoi(optarg);
			break;
		case 't':
			limit_s = atol(optarg);
			break;
		case 'v':
			vcpus = (unsigned int)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	count = (argc - optind) * copies;
	if (count < 1 || count > MOST)
		return 2;
	xc = xc_interface_open(NULL, NULL, 0);
	if (!xc)
		give_up("opening the control interface");
	was = others();
	for (long i = 0; i <= cycles; i++) {
		if (i == 1) {
			before = free_pages();
			start = now_ms();
		}
		make_all(argv + optind, argc - optind);
		watch();
		wait_gone(was);
	}
	start = now_ms() - start;
	printf("DOMAINS left %d lost %lld pages %ld ms/cycle\n", others() - was,
	       lost_since(before), start / cycles);
	return 0;
}
