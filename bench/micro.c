// SPDX-License-Identifier: MIT
/*
 * micro [-t MS] [ROW...]: what the kernel's commonest services cost a program.
 *
 * Says "MICRO READY", then for each row (those whose names begin with one of
 * the words, or all) "ready NAME" when it is about to begin, and at its end
 *
 *	row NAME GROUP LOW MEAN OPS
 *
 * LOW and MEAN are nanoseconds for each operation: a row is many rounds of
 * at least a millisecond, for MS milliseconds in all, and LOW is the lower
 * quartile of the rounds, which a busy host disturbs least. OPS is how many
 * operations ran between the two lines. After each of these it waits for a line
 * of input, so that the harness can read its meters. "row NAME failed" is a row
 * that could not run. At the end comes "MICRO DONE".
 *
 * Each row has a process and a session of its own, with nothing left of it
 * when it ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MIB (1L << 20)
#define ROUND_NS 2e6
#define MIN_ROUND_NS 1e6
#define ROW_SECONDS 60
#define MOST_ROUNDS 1024
#define BLOCK 65536 /* bytes of a read or write of the bandwidth rows */

static double budget_ns = 300e6;
static const char *file_name = "/micro.tmp";
static char self[256];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Ends the row with all the processes that it started. */
static void give_up(int sig)
{
	(void)sig;
	kill(0, SIGKILL);
}

static void fail(const char *what)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(errno));
	give_up(0);
}

static long must(const char *what, long result)
{
	if (result < 0)
		fail(what);
	return result;
}

static char *map_pages(long bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

static void touch(char *p, long bytes, long step)
{
	for (long at = 0; at < bytes; at += step)
		*(volatile char *)(p + at) = 1;
}

/*
 * A round does n operations and returns the nanoseconds that they took. Most
 * time all they do; the others leave preparations out.
 */
#define TIMED(name, body)                      \
	static double name(long n)             \
	{                                      \
		double start = now();          \
                                               \
		for (long i = 0; i < n; i++) { \
			body;                  \
		}                              \
		return now() - start;          \
	}

/* ----------------------------------------------------------- system calls */

static int fd;

static void open_zero(void)
{
	fd = must("/dev/zero", open("/dev/zero", O_RDONLY));
}

static void open_null(void)
{
	fd = must("/dev/null", open("/dev/null", O_WRONLY));
}

static void make_file(void)
{
	fd = must("create", open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	must("write", write(fd, "x", 1));
}

static char byte;
static struct stat status;

TIMED(null_call, syscall(SYS_getppid))
TIMED(read_byte, must("read", read(fd, &byte, 1)))
TIMED(write_byte, must("write", write(fd, &byte, 1)))
TIMED(stat_file, must("stat", stat(file_name, &status)))
TIMED(open_close, close(must("open", open(file_name, O_RDONLY))))

static fd_set watched;
static int watched_end;

static void watch(int count)
{
	int ends[2];

	must("pipe", pipe(ends));
	FD_ZERO(&watched);
	for (int i = 0; i < count; i++) {
		int copy = must("dup", dup(ends[0]));

		FD_SET(copy, &watched);
		watched_end = copy + 1;
	}
}

static void watch_10(void)
{
	watch(10);
}

static void watch_100(void)
{
	watch(100);
}

static void poll_once(void)
{
	fd_set set = watched;
	struct timeval none = {0, 0};

	must("select", select(watched_end, &set, NULL, NULL, &none));
}

TIMED(select_files, poll_once())

/* ---------------------------------------------------------------- signals */

static volatile long handled, handled_goal;
static sigjmp_buf enough;
static char *guarded;

static void note(int sig)
{
	(void)sig;
	handled++;
}

static void install(void)
{
	struct sigaction action = {.sa_handler = note};

	must("sigaction", sigaction(SIGUSR1, &action, NULL));
}

TIMED(install_handler, install())
TIMED(raise_signal, must("kill", kill(getpid(), SIGUSR1)))

/* The write faults again after each return of the handler. */
static void note_fault(int sig)
{
	(void)sig;
	if (++handled >= handled_goal)
		siglongjmp(enough, 1);
}

static void guard_page(void)
{
	struct sigaction action = {.sa_handler = note_fault};

	guarded =
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must("sigaction", sigaction(SIGSEGV, &action, NULL));
}

static double fault_handled(long n)
{
	double start = now();

	handled = 0;
	handled_goal = n;
	if (sigsetjmp(enough, 1) == 0)
		*(volatile char *)guarded = 1;
	return now() - start;
}

/* ------------------------------------------------------ memory management */

/* The first touch of n pages. */
static double fault_fresh(long n)
{
	char *p = map_pages(n * PAGE);
	double start = now(), took;

	touch(p, n * PAGE, PAGE);
	took = now() - start;
	munmap(p, n * PAGE);
	return took;
}

/* Writing to n pages that are shared with the parent since fork. */
static double fault_copied(long n)
{
	char *p = map_pages(n * PAGE);
	double took = 0;
	int ends[2];
	pid_t child;

	touch(p, n * PAGE, PAGE);
	must("pipe", pipe(ends));
	child = must("fork", fork());
	if (child == 0) {
		double start = now();

		touch(p, n * PAGE, PAGE);
		took = now() - start;
		_exit(write(ends[1], &took, sizeof(took)) < 0);
	}
	if (read(ends[0], &took, sizeof(took)) != sizeof(took))
		fail("the child's result");
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	munmap(p, n * PAGE);
	return took;
}

#define WINDOW 65536 /* the kernel maps that much around a fault */
#define FILE_BYTES (4 * MIB)

static void fill_file(void)
{
	static char block[WINDOW];

	make_file();
	for (long at = 0; at < FILE_BYTES; at += WINDOW)
		if (pwrite(fd, block, WINDOW, at) != WINDOW)
			fail("filling the file");
}

/* n read faults in a mapped file; each lets the kernel map a window. */
static double fault_file(long n)
{
	const long most = FILE_BYTES / WINDOW;
	double took = 0;

	for (long left = n; left > 0; left -= most) {
		long count = left < most ? left : most;
		char *p = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
		double start = now();

		for (long i = 0; i < count; i++)
			(void)*(volatile char *)(p + i * WINDOW + 5 * PAGE);
		took += now() - start;
		munmap(p, FILE_BYTES);
	}
	return took;
}

static char *arena;

static void touched_arena(void)
{
	arena = map_pages(256 * PAGE);
	touch(arena, 256 * PAGE, PAGE);
}

static void protect(void)
{
	static int rights = PROT_READ;

	must("mprotect", mprotect(arena, 64 * PAGE, rights));
	rights ^= PROT_WRITE;
}

TIMED(protect_pages, protect())

static void map_touch_unmap(long bytes, bool huge)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	if (!huge)
		madvise(p, bytes, MADV_NOHUGEPAGE);
	touch(p, bytes, PAGE);
	munmap(p, bytes);
}

TIMED(map_1m, map_touch_unmap(MIB, false))
TIMED(map_16m, map_touch_unmap(16 * MIB, false))
TIMED(map_16m_huge, map_touch_unmap(16 * MIB, true))

/* -------------------------------------------------------------- processes */

static void await(pid_t child)
{
	int how = 0;

	if (waitpid(child, &how, 0) != child || how)
		fail("a child");
}

static void fork_exit(void)
{
	pid_t child = must("fork", fork());

	if (child == 0)
		_exit(0);
	await(child);
}

static void grow_32m(void)
{
	touch(map_pages(32 * MIB), 32 * MIB, PAGE);
}

static void fork_exec(const char *path, char *const argv[])
{
	static char *const env[] = {"PATH=/bin:/usr/bin", NULL};
	pid_t child = must("fork", fork());

	if (child == 0) {
		execve(path, argv, env);
		_exit(1);
	}
	await(child);
}

static void exec_self(void)
{
	fork_exec(self, (char *[]){self, "--nothing", NULL});
}

/* Two commands, so that the shell must fork. */
static void exec_shell(void)
{
	char command[300];

	snprintf(command, sizeof(command), "%s --nothing; :", self);
	fork_exec("/bin/sh", (char *[]){"sh", "-c", command, NULL});
}

TIMED(forks, fork_exit())
TIMED(execs, exec_self())
TIMED(shells, exec_shell())

/* ------------------------------------------------ context switches and IPC */

static void pass(int to)
{
	if (write(to, &byte, 1) != 1)
		_exit(1);
}

static void take(int from)
{
	if (read(from, &byte, 1) != 1)
		_exit(1);
}

/*
 * A byte goes round a ring of processes, each of which then reads memory of
 * its own. What all of it costs a single process is taken off: what is left
 * is the switch.
 */
#define RING_MOST 8
static int ring_size, ring[RING_MOST][2];
static long ring_words;
static volatile long *ring_data;
static double ring_overhead; /* of one hop */

static void use_memory(void)
{
	for (long i = 0; i < ring_words; i++)
		(void)ring_data[i];
}

static double hop_alone(long n)
{
	double start = now();

	for (long i = 0; i < n; i++) {
		pass(ring[0][1]);
		take(ring[0][0]);
		use_memory();
	}
	return now() - start;
}

static void hop_for_ever(int from, int to)
{
	for (;;) {
		take(from);
		use_memory();
		pass(to);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Taken as a row's LOW is, for it will be subtracted from that. */
static double hop_cost_alone(void)
{
	double cost[64];

	for (int i = 0; i < 64; i++)
		cost[i] = hop_alone(200) / 200;
	qsort(cost, 64, sizeof(cost[0]), compare);
	return cost[16];
}

static void make_ring(int size, long bytes)
{
	ring_size = size;
	ring_words = bytes / 8;
	ring_data = (long *)map_pages(bytes + PAGE);
	touch((char *)ring_data, bytes + PAGE, PAGE);
	for (int i = 0; i < size; i++)
		must("pipe", pipe(ring[i]));
	ring_overhead = hop_cost_alone();
	for (int i = 1; i < size; i++)
		if (must("fork", fork()) == 0) {
			touch((char *)ring_data, bytes + PAGE, PAGE);
			hop_for_ever(ring[i - 1][0], ring[i][1]);
		}
}

static void ring_2(void)
{
	make_ring(2, 0);
}

static void ring_8(void)
{
	make_ring(8, 16384);
}

/* n hops: whole rounds of the ring, at least one. */
static double hops(long n)
{
	long rounds = (n + ring_size - 1) / ring_size;
	double start = now();

	for (long i = 0; i < rounds; i++) {
		pass(ring[0][1]);
		take(ring[ring_size - 1][0]);
		use_memory();
	}
	return (now() - start) * n / (rounds * ring_size) - n * ring_overhead;
}

static volatile int turn __attribute__((aligned(64)));

static void futex_wait(int while_it_is)
{
	syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, while_it_is, NULL, NULL,
		0);
}

static void futex_give(int value)
{
	turn = value;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_partner(void *unused)
{
	for (;;) {
		while (turn != 1)
			futex_wait(0);
		futex_give(0);
	}
	return unused;
}

static void start_partner(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, futex_partner, NULL))
		fail("pthread_create");
}

static void futex_turn(void)
{
	futex_give(1);
	while (turn != 0)
		futex_wait(1);
}

TIMED(futex_turns, futex_turn())

static int in, out; /* of the process that measures */

static void echo(int from, int to)
{
	for (;;) {
		take(from);
		pass(to);
	}
}

static void pour(int to)
{
	static char block[BLOCK];

	while (write(to, block, BLOCK) > 0)
		;
	_exit(1);
}

static void pipe_echo(void)
{
	int there[2], back[2];

	must("pipe", pipe(there));
	must("pipe", pipe(back));
	if (must("fork", fork()) == 0)
		echo(there[0], back[1]);
	out = there[1];
	in = back[0];
}

static void pipe_pour(void)
{
	int ends[2];

	must("pipe", pipe(ends));
	if (must("fork", fork()) == 0)
		pour(ends[1]);
	in = ends[0];
}

static void unix_echo(void)
{
	int ends[2];

	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	if (must("fork", fork()) == 0)
		echo(ends[1], ends[1]);
	in = out = ends[0];
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int s = must("socket", socket(AF_INET, SOCK_DGRAM, 0));

	must("flags", ioctl(s, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	must("up", ioctl(s, SIOCSIFFLAGS, &request));
	close(s);
}

static void no_delay(int s)
{
	int on = 1;

	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Buffers of a bounded size, or a round could read what is there already. */
static void tcp_pair(void (*other)(int s))
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int room = 4 * BLOCK;
	int listener;

	loopback_up();
	listener = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	must("bind", bind(listener, (struct sockaddr *)&at, size));
	must("listen", listen(listener, 1));
	getsockname(listener, (struct sockaddr *)&at, &size);
	if (must("fork", fork()) == 0) {
		int s = must("accept", accept(listener, NULL, NULL));

		setsockopt(s, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		no_delay(s);
		other(s);
	}
	in = out = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	must("connect", connect(in, (struct sockaddr *)&at, sizeof(at)));
	no_delay(in);
}

static void echo_both(int s)
{
	echo(s, s);
}

static void tcp_echo(void)
{
	tcp_pair(echo_both);
}

static void tcp_pour(void)
{
	tcp_pair(pour);
}

TIMED(round_trips, (pass(out), take(in)))

static void drain(long bytes)
{
	static char block[BLOCK];

	while (bytes > 0)
		bytes -= must("read",
			      read(in, block, bytes < BLOCK ? bytes : BLOCK));
}

TIMED(blocks, drain(BLOCK))
/* Longer than what may be on its way, or it would be read in no time. */
TIMED(floods, drain(4 * MIB))

/* --------------------------------------------------- nothing of the kernel */

static void compute(void)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	byte = (char)x;
}

TIMED(computing, compute())

/* -------------------------------------------------------------------- rows */

static const struct row {
	const char *name, *group;
	double (*round)(long n);
	void (*prepare)(void);
	long fixed; /* operations of a round, 0: as many as fit the time */
} rows[] = {
	{"compute", "user", computing, NULL, 0},
	{"null_call", "syscall", null_call, NULL, 0},
	{"read_1", "syscall", read_byte, open_zero, 0},
	{"write_1", "syscall", write_byte, open_null, 0},
	{"stat", "syscall", stat_file, make_file, 0},
	{"open_close", "syscall", open_close, make_file, 0},
	{"select_10", "syscall", select_files, watch_10, 0},
	{"select_100", "syscall", select_files, watch_100, 0},
	{"sig_install", "signal", install_handler, NULL, 0},
	{"sig_handle", "signal", raise_signal, install, 0},
	{"fault_signal", "fault", fault_handled, guard_page, 0},
	{"fault_fresh", "fault", fault_fresh, NULL, 256},
	{"fault_copied", "fault", fault_copied, NULL, 256},
	{"fault_file", "fault", fault_file, fill_file, 64},
	{"mprotect_64", "fault", protect_pages, touched_arena, 0},
	{"mmap_1m", "fault", map_1m, NULL, 0},
	{"mmap_16m", "fault", map_16m, NULL, 0},
	{"mmap_16m_huge", "fault", map_16m_huge, NULL, 0},
	{"fork_exit", "process", forks, NULL, 0},
	{"fork_32m", "process", forks, grow_32m, 0},
	{"fork_exec", "process", execs, NULL, 0},
	{"sh_c", "process", shells, NULL, 0},
	{"ctx_2_0k", "switch", hops, ring_2, 0},
	{"ctx_8_16k", "switch", hops, ring_8, 0},
	{"futex", "switch", futex_turns, start_partner, 0},
	{"pipe", "switch", round_trips, pipe_echo, 0},
	{"pipe_64k", "switch", blocks, pipe_pour, 0},
	{"unix", "switch", round_trips, unix_echo, 0},
	{"tcp", "switch", round_trips, tcp_echo, 0},
	{"tcp_4m", "switch", floods, tcp_pour, 0},
};

struct result {
	double low, mean;
	long ops;
};

/* How many operations make a round long enough, when nothing disturbs it. */
static long round_length(const struct row *row)
{
	long n = 1;

	if (row->fixed)
		return row->fixed;
	for (;;) {
		double took = row->round(n), again = row->round(n);

		if (again < took)
			took = again;
		if (took >= MIN_ROUND_NS)
			return n;
		n = took * 16 > ROUND_NS ? n * (ROUND_NS / took) + 1 : n * 16;
	}
}

static struct result measure(const struct row *row, long n)
{
	static double round[MOST_ROUNDS];
	struct result r = {0};
	double end = now() + budget_ns, sum = 0;
	int rounds = 0;

	while (rounds < 3 || (rounds < MOST_ROUNDS && now() < end)) {
		round[rounds] = row->round(n) / n;
		sum += round[rounds++];
		r.ops += n;
	}
	qsort(round, rounds, sizeof(round[0]), compare);
	r.low = round[rounds / 4];
	r.mean = sum / rounds;
	return r;
}

/* Up and down are pipes between the row and who asked for it. */
static void row_process(const struct row *row, int up, int down)
{
	struct result r;
	long n;

	setsid();
	signal(SIGALRM, give_up);
	alarm(ROW_SECONDS);
	if (row->prepare)
		row->prepare();
	row->round(1);
	n = round_length(row);
	alarm(0); // the harness may take its time
	pass(up);
	take(down);
	alarm(ROW_SECONDS);
	r = measure(row, n);
	_exit(write(up, &r, sizeof(r)) != sizeof(r));
}

static void await_harness(void)
{
	char line[80];

	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static bool start(const struct row *row, int up, int down)
{
	if (read(up, &byte, 1) != 1)
		return false;
	printf("ready %s\n", row->name);
	await_harness();
	pass(down);
	return true;
}

static void run(const struct row *row)
{
	struct result r;
	int up[2], down[2];
	pid_t child;

	must("pipe", pipe2(up, O_CLOEXEC));
	must("pipe", pipe2(down, O_CLOEXEC));
	child = must("fork", fork());
	if (child == 0) {
		close(up[0]);
		row_process(row, up[1], down[0]);
	}
	close(up[1]);
	if (start(row, up[0], down[1]) &&
	    read(up[0], &r, sizeof(r)) == sizeof(r))
		printf("row %s %s %.1f %.1f %ld\n", row->name, row->group,
		       r.low, r.mean, r.ops);
	else
		printf("row %s failed\n", row->name);
	await_harness();
	kill(-child, SIGKILL); /* whom the row started */
	waitpid(child, NULL, 0);
	close(up[0]);
	close(down[0]);
	close(down[1]);
	unlink(file_name);
}

static bool wanted(const struct row *row, char **words)
{
	if (!*words)
		return true;
	for (; *words; words++)
		if (strncmp(row->name, *words, strlen(*words)) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--nothing") == 0)
		return 0;
	if (argc > 2 && strcmp(argv[1], "-t") == 0) {
		budget_ns = atof(argv[2]) * 1e6;
		argv += 2;
	}
	must("self", readlink("/proc/self/exe", self, sizeof(self) - 1));
	puts("MICRO READY");
	fflush(stdout);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wanted(&rows[i], argv + 1))
			run(&rows[i]);
	puts("MICRO DONE");
	return 0;
}
