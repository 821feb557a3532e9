# SPDX-License-Identifier: MIT
"""Guests beside dom0, made and ended by Xen's stock tools.

The stories share one machine, whose dom0 has the tools running; it boots in
the first of them. Each story leaves it as it was: no domain but dom0, the
same free memory, nothing of a guest in the store.
"""

import re

import pytest

import machine
from toolstack import (KERNEL, attached, alive, config, fine, free_memory,
                       guest_initramfs, guest_up, nothing_left, states,
                       toolstack, until)

pytestmark = pytest.mark.xdist_group("guests")


def corrupt_kernel():
    """The kernel's image with a page of its packed part turned over."""
    with open(machine.kernel(KERNEL), "rb") as f:
        image = bytearray(f.read())
    middle = len(image) // 2
    image[middle:middle + 4096] = bytes(
        b ^ 0xff for b in image[middle:middle + 4096])
    return bytes(image)


# Why it fails: (how its file differs, what xl has to say about it).
BAD = {
    "hvm": ({"type": "hvm"}, r"error:.*(hap nor shadow paging|hvmloader)"),
    "pvh": ({"type": "pvh"}, r"error:.*hap nor shadow paging"),
    "text": ({"kernel": "/guest/text"}, r"no loader found|invalid kernel"),
    "corrupt": ({"kernel": "/guest/corrupt"}, r"(?i)xz|unpack|decompress"),
    "missing": ({"kernel": "/guest/none"}, r"/guest/none"),
    "too-big": ({"memory": 4096}, r"(?i)memory"),
    "apic": ({"iomem": ["fee00,1"]}, r"iomem range.*not permitted"),
}


@pytest.fixture(scope="module")
def dom0():
    """A machine at dom0's shell, with xl's daemons up."""
    files = {
        "/guest/vmlinuz": machine.kernel(KERNEL),
        "/guest/initramfs": guest_initramfs(),
        "/guest/text": b"This is not a kernel.\n" * 1000,
        "/guest/corrupt": corrupt_kernel(),
        "/etc/xen/one": config("one"),
        "/etc/xen/two": config("two", "crash", on_crash="preserve"),
    }
    for name, (changes, _) in BAD.items():
        files["/etc/xen/" + name] = config(name, **changes)
    with toolstack("guests", "dom0_mem=512M", kernel=KERNEL, files=files,
                   mem="1024") as m:
        yield m


@pytest.mark.parametrize("command, says", [
    ("xl info", r"xen_version +: 4\.17"),
    ("xl info -n", r"numa_info|node:"),
    ("xl list", r"^Domain-0 +0 +51[12] "),
    ("xl list -v", r"^Domain-0 "),
    ("xl vcpu-list", r"^Domain-0 +0 +0 +\d"),
    ("xl cpupool-list", r"^Pool-0 "),
    ("xl sched-credit2", r"^Domain-0 +0 +256"),
    ("xl uptime", r"^Domain-0 +0 +0:00:\d\d"),
    ("xenstore-ls", r'name = "Domain-0"'),
    ("xenstore-read /local/domain/0/name", "^Domain-0$"),
])
def test_tools_look(tools, command, says):
    assert re.search(says, fine(tools, command), re.M)


@pytest.mark.ours
def test_counters(tools):
    """What docs/counters.md says how to read, and that it counts."""
    fine(tools, "counters -i 1 >/tmp/counters")
    rows = dict(line.split()[::2] for line in fine(
        tools, "grep -E '^(counter|hypercall.iret|irq_timer) ' "
        "/tmp/counters").splitlines())
    assert rows["counter"] == "d0" and int(rows["hypercall.iret"]) > 100
    assert int(rows["irq_timer"]) > 0
    sums = fine(tools, "xenperf -r; xenperf")
    assert int(re.search(r"^hypercalls +T= +(\d+)", sums, re.M)[1]) > 10
    assert re.search(r"^ *mmu_update +\d+", fine(tools, "xenperf -p"), re.M)


@pytest.mark.ours
def test_log(tools):
    """The log has what the serial port had, dom0's words included: only
    some of it is shown here."""
    fine(tools, "xl dmesg >/tmp/dmesg")
    said = fine(tools, "grep '^ringfort: ' /tmp/dmesg | head -n 3")
    assert said.startswith("ringfort: Ringfort ")


def test_guest(tools):
    """A whole life: made, seen, used, paused, shut down by its own kernel."""
    m = tools

    def use():
        guest_up(m)
        with open(machine.kernel(KERNEL, "version")) as f:
            assert fine(m, "uname -r").strip() == f.read().strip()
        kind = "cat /sys/hypervisor/type /sys/hypervisor/guest_type"
        assert fine(m, kind).split() == ["xen", "PV"]
        memory = fine(m, "grep MemTotal /proc/meminfo").split()
        assert 60 * 1024 < int(memory[1]) < 128 * 1024

    attached(m, "xl create -c /etc/xen/one", use)
    row = re.search(r"^one +(\d+) +(\d+) +(\d+) ", fine(m, "xl list"), re.M)
    assert row.groups()[1:] == ("128", "1")
    assert 127 <= m.free - free_memory(m) <= 130
    assert re.search(r"^one +\d+ +0 ", fine(m, "xl vcpu-list"), re.M)
    fine(m, "xl pause one")
    assert "p" in states(m)["one"]
    fine(m, "xl unpause one")
    assert "p" not in states(m)["one"]
    alive(m)
    fine(m, "xl shutdown -F -w one")
    nothing_left(m)


def test_guest_destroyed_while_paused(tools):
    """One that never ran, and so can help with nothing."""
    fine(tools, "xl create -p /etc/xen/one")
    assert "p" in states(tools)["one"]
    fine(tools, "xl destroy one")
    nothing_left(tools)


def test_guest_that_crashes(tools):
    """It takes nobody along: not the other guest, not dom0."""
    m = tools
    attached(m, "xl create -c /etc/xen/one", lambda: guest_up(m))
    fine(m, "xl create /etc/xen/two")
    until(m, "xl list two | grep -q 'c[d-] '")
    assert "c" in states(m)["two"]
    alive(m)
    fine(m, "xl destroy two")
    until(m, "! xl list two >/dev/null 2>&1")
    alive(m)
    fine(m, "xl destroy one")
    nothing_left(m)


@pytest.mark.parametrize("name", BAD)
def test_bad_config(tools, name):
    """xl says what is wrong, and leaves nothing behind."""
    status, output = tools.run("xl create /etc/xen/%s 2>&1" % name)
    assert status != 0
    assert re.search(BAD[name][1], output), output
    nothing_left(tools)
