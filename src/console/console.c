// SPDX-License-Identifier: MIT
//
// The way of a line: log_at() formats it, puts the prefix in front, and hands
// it to the ring and to the sinks (serial lines, screen) that console= names.
// Lines printed before console_early_init() wait in the ring until then.
#include "console/console.h"

#include "boot/boot.h"
#include "console/priv.h"
#include "console/ring.h"
#include "console/vga.h"
#include "domain/domain.h"
#include "irq/watchdog.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_MAX 512
#define VGA_ADDR 0xb8000

struct uart console_uart[UART_COUNT];

static struct ring ring;
static struct lock lock = LOCK_INIT(LOCK_CONSOLE);
static bool forced; // panic: nobody waits for anybody
static bool ready; // console_early_init was called
static bool vga_on;
static bool at_line_start = true;
static int log_max = LOG_INFO;
int console_guest_max = LOG_WARN;

// Guards the ring, the sinks and the position on the line. Taken by nobody who
// holds it already (an exception in the middle of a line still gets out): then
// it answers false, and must not be unlocked.
static bool console_lock(void)
{
	if (forced || lock_mine(&lock))
		return false;
	lock_get(&lock);
	return true;
}

static void console_unlock(bool taken)
{
	if (taken)
		lock_put(&lock);
}

static void sinks_write(const char *text, size_t len)
{
	for (u32 i = 0; i < UART_COUNT; i++)
		if (console_uart[i].port)
			uart_write(&console_uart[i], text, len);
	if (vga_on)
		vga_write(text, len);
}

static void show(const char *text, size_t len)
{
	sinks_write(text, len);
	if (len)
		at_line_start = text[len - 1] == '\n';
}

static void emit(const char *text, size_t len)
{
	ring_put(&ring, text, len);
	show(text, len);
}

// Emits text line by line, the prefix in front of each.
static void emit_prefixed(const char *text, size_t len)
{
	static const char prefix[] = "ringfort: ";
	const char *end = text + len;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl + 1 - text) : (size_t)(end - text);

		if (at_line_start)
			emit(prefix, sizeof(prefix) - 1);
		emit(text, n);
		text += n;
	}
}

static bool log_shown(enum log_level level)
{
	return (int)level <= log_max || level == LOG_ERROR;
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX];
	va_list ap;
	size_t n;
	bool taken;

	if (!log_shown(level))
		return;
	va_start(ap, format);
	n = (size_t)fmt_vprint(line, sizeof(line), format, ap);
	va_end(ap);
	if (n >= sizeof(line)) { // cut: but the line still ends
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	taken = console_lock();
	emit_prefixed(line, n);
	console_unlock(taken);
	watchdog_touch();
}

void console_write_guest(const struct domain *d, const char *text, size_t len)
{
	bool taken;

	if (!d->privileged)
		return; // other domains have consoles of their own
	// Not to the ring: "xl dmesg" on this console would read its own words.
	taken = console_lock();
	show(text, len);
	console_unlock(taken);
}

static int parse_level(const char *name, int fallback)
{
	static const struct {
		const char *name;
		int max;
	} levels[] = {
		{"none", -1},       {"error", LOG_ERROR}, {"warning", LOG_WARN},
		{"info", LOG_INFO}, {"debug", LOG_DEBUG}, {"all", LOG_DEBUG},
	};

	for (u32 i = 0; i < ARRAY_SIZE(levels); i++) {
		size_t n = strlen(levels[i].name);

		// Xen's form is level/limited-level; the first part counts.
		if (!strncmp(name, levels[i].name, n) &&
		    (!name[n] || name[n] == '/'))
			return levels[i].max;
	}
	if (name[0])
		log_warn("log level '%s' is unknown (none, error, warning, "
			 "info, debug, all)\n",
			 name);
	return fallback;
}

static void sink_open(const char *name, size_t len)
{
	if (len >= 4 && !strncmp(name, "com", 3) &&
	    (name[3] == '1' || name[3] == '2')) {
		u32 i = (u32)(name[3] - '1');

		if (!uart_init(&console_uart[i], i, boot_options.com[i]))
			log_info("no serial port com%u\n", i + 1);
	} else if (len == 3 && !strncmp(name, "vga", 3)) {
		vga_init(maddr_virt(VGA_ADDR));
		vga_on = true;
	} else if (len && !(len == 4 && !strncmp(name, "none", 4))) {
		log_warn("unknown console in console=%s\n",
			 boot_options.console);
	}
}

static void replay(void)
{
	char text[128];
	u32 pos = ring.start;
	size_t n;

	while ((n = ring_read(&ring, &pos, text, sizeof(text))))
		sinks_write(text, n);
}

void console_early_init(void)
{
	const char *list = boot_options.console;

	if (!list[0])
		list = "com1,vga";
	while (list) {
		const char *comma = strchr(list, ',');

		sink_open(list, comma ? (size_t)(comma - list) : strlen(list));
		list = comma ? comma + 1 : NULL;
	}
	ready = true;
	replay();
	log_max = parse_level(boot_options.loglvl, LOG_INFO);
	console_guest_max = parse_level(boot_options.guest_loglvl, LOG_WARN);
}

void console_release_vga(void)
{
	vga_on = false;
}

u16 console_port(u32 i)
{
	return i < UART_COUNT ? console_uart[i].port : 0;
}

void console_force(void)
{
	forced = true;
	if (!ready)
		console_early_init();
	if (!at_line_start)
		emit("\n", 1);
}

size_t console_ring_read(u32 *pos, char *buf, size_t max)
{
	bool taken = console_lock();
	size_t n = ring_read(&ring, pos, buf, max);

	console_unlock(taken);
	return n;
}

u32 console_ring_start(void)
{
	return READ_ONCE(ring.start);
}

void console_ring_forget(u32 pos)
{
	bool taken = console_lock();

	ring_forget(&ring, pos);
	console_unlock(taken);
}
