# SPDX-License-Identifier: MIT
"""What each row means: its group, its words, and which way is better."""

import re

HIGHER = ("MB/s", "IOPS", "ops/s")

# group: (title, what it is, prefixes of its rows)
GROUPS = {
    "cpu": ("Computing", "programs that ask nothing of the system",
            ("cpu_",)),
    "apps": ("Small applications", "busybox packing, compressing, scripting",
             ("app_",)),
    "syscall": ("System calls", "", ("syscall_",)),
    "signal": ("Signals", "", ("signal_",)),
    "memory": ("Memory access", "bandwidth, latency, TLB misses",
               ("mem_",)),
    "paging": ("Page faults and mmap", "",
               ("fault_", "mmap_", "mprotect_")),
    "process": ("Processes", "fork, exec, threads, a shell",
                ("thread_", "fork_", "shell")),
    "ipc": ("Context switches and IPC", "",
            ("switch_", "futex_", "pipe_", "unix_", "tcp_")),
    "latency": ("Latency of events", "medians; the tails are below",
                ("lat_",)),
    "disk": ("Disk", "", ("disk_", "fio_")),
    "net": ("Network", "", ("net_", "iperf_")),
}

# The groups that "faster execution" is about; I/O has a claim of its own.
EXECUTION = ("cpu", "apps", "syscall", "signal", "memory", "paging",
             "process", "ipc", "latency")
# Those whose rows do nothing but operations, so that the processors' time
# divided by their number is the cost of one.
WORK = ("cpu", "syscall", "signal", "paging", "process", "ipc")
IO = ("disk", "net")

LABELS = {
    "cpu_int": "integers", "cpu_float": "floating point",
    "app_gzip": "gzip 400 kB", "app_tar": "tar and untar 60 files",
    "app_script": "shell script with pipes",
    "mem_copy": "copy 8 MiB", "mem_fill": "fill 8 MiB",
    "mem_latency_64K": "latency, 64 KiB", "mem_latency_32M":
    "latency, 32 MiB", "mem_tlb_48M": "a page a step, 48 MiB",
    "fault_anon": "fault on fresh memory", "fault_cow": "copy on write",
    "fault_file": "fault on a cached file", "mmap_64K":
    "mmap, touch, munmap 64 KiB", "mmap_8M": "mmap, touch, munmap 8 MiB",
    "mprotect_256K": "mprotect 256 KiB",
    "syscall_null": "getppid", "syscall_read": "read a byte",
    "syscall_write": "write a byte", "syscall_stat": "stat",
    "syscall_open": "open and close", "syscall_select": "select, 100 files",
    "syscall_clock": "clock_gettime",
    "signal_install": "install a handler", "signal_handle": "take a signal",
    "signal_fault": "take a protection fault",
    "thread_create": "create and join a thread", "fork_exit":
    "fork and exit", "fork_32M": "fork with 32 MiB", "fork_exec":
    "fork and exec", "shell": "sh -c with a program",
    "switch_2": "switch, 2 processes", "switch_8_16K":
    "switch, 8 processes of 16 KiB", "futex_turns": "futex, two threads",
    "pipe_latency": "pipe, round trip", "unix_latency":
    "Unix socket, round trip", "tcp_latency": "TCP on loopback, round trip",
    "pipe_bandwidth": "pipe, bandwidth", "tcp_bandwidth":
    "TCP on loopback, bandwidth",
    "lat_syscall": "system call", "lat_wakeup": "wake another thread",
    "lat_timer": "timer is late by", "lat_gaps": "kept from running",
    "disk_read": "sequential read, 128 KiB", "disk_write":
    "sequential write, 128 KiB", "disk_read_4K": "random read, 4 KiB",
    "disk_write_4K": "random write, 4 KiB", "disk_iops_8":
    "random reads, 8 at a time",
    "net_rtt": "round trip of a byte", "net_send": "TCP out",
    "net_receive": "TCP in",
    "fio_randread": "fio: random read, depth 16",
    "fio_randwrite": "fio: random write, depth 16",
    "fio_read": "fio: sequential read",
    "iperf_send": "iperf3: TCP out", "iperf_receive": "iperf3: TCP in",
}


def group(row):
    for name, (_, _, prefixes) in GROUPS.items():
        if row.startswith(prefixes):
            return name
    return None


def label(row):
    return LABELS.get(row, row.replace("_", " "))


def higher(unit):
    """Is more better?"""
    return unit in HIGHER


def times_slower(value, base, unit):
    """How many times worse a value is than the base's; above 1 is worse."""
    return base / value if higher(unit) else value / base


def order(names):
    """Row names in the order of the groups and of their tables."""
    known = list(LABELS)
    groups = list(GROUPS)
    return sorted(names, key=lambda n: (
        groups.index(group(n)) if group(n) else 99,
        known.index(n) if n in known else 999, n))


def short(number):
    """Three significant digits, and no more digits than a reader wants."""
    if number is None:
        return "–"
    if abs(number) >= 1000:
        return re.sub(r"(\d)(?=(\d{3})+$)", "\\1 ", "%.0f" % number)
    return "%.3g" % number
