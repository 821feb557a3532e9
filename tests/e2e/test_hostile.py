# SPDX-License-Identifier: MIT
"""Guests that mean harm (tests/guest/hostile), in pairs beside dom0.

The program domains makes them, through the toolstack's own libraries, and sees
that nothing of them is left: no domain, not a page. The stories share one
machine of two processors. They pass on stock Xen, too.
"""

import os
import re
import subprocess

import pytest

import image
import machine
from toolstack import (KERNEL, alive, attached, audit, config, fine,
                       free_memory, guest_initramfs, guest_up, toolstack,
                       until)

pytestmark = pytest.mark.xdist_group("hostile")

HERE = os.path.dirname(os.path.abspath(__file__))

# Two guests, and how each must end. "pass" is what it says of itself.
PAIRS = [
    ("frames", "pass", "victim", "pass"),
    ("privileged", "pass", "victim", "pass"),
    ("ports", "pass", "victim", "pass"),
    ("grants", "pass", "victim", "pass"),
    ("exhaust", "pass", "victim", "pass"),
    ("flood-console", "pass", "victim", "pass"),
    ("flood-events", "pass", "flooded", "pass"),
    ("giver", "pass", "taker", "pass"),
    ("lender", "pass", "dies-with-it", "pass"),
    ("revoker", "pass", "keeper", "pass"),
    ("copier", "pass", "copied", "pass"),
    ("crash", "crash", "victim", "pass"),
]
CYCLES = 200
HOARDS = 4
MOST_MIB = 6  # of the hypervisor's memory for a guest of one vCPU
# What Debian's libxenguest unpacks; it was built without bzip2 and LZO.
FORMATS = ["gzip", "lzma", "xz", "lz4", "zstd"]


def built(name, *command):
    out = os.path.join(machine.BUILD, "tests", "e2e", name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    mine = "%s.%d" % (out, os.getpid())
    subprocess.run([*command, "-o", mine], check=True)
    os.rename(mine, out)
    return out


def domains_program():
    return built("domains", "gcc", "-O2", "-Wall", "-Wextra", "-Werror",
                 os.path.join(HERE, "programs", "domains.c"),
                 "-lxenctrl", "-lxenguest")


def hostile_kernel():
    subprocess.run(["make", "-s", "-C", machine.TOP, "guest-build"],
                   check=True)
    return os.path.join(machine.BUILD, "tests", "guest", "hostile.elf")


@pytest.fixture(scope="module")
def dom0():
    kernel = hostile_kernel()
    bad = {"kernel": "/guest/hostile", "memory": 16, "ramdisk": ""}
    files = {
        "/bin/domains": domains_program(),
        "/guest/hostile": kernel,
        "/guest/vmlinuz": machine.kernel(KERNEL),
        "/guest/initramfs": guest_initramfs(),
        "/etc/xen/one": config("one"),
        "/etc/xen/spin": config("spin", **bad, extra="spin"),
        "/etc/xen/busy": config("busy", **bad, extra="busy", vcpus=2),
        "/etc/xen/flood": config("flood", **bad, extra="flood-console"),
    }
    start = image.read(machine.kernel(KERNEL))
    for how in FORMATS:
        files["/guest/hostile." + how] = image.packed(image.read(kernel), how,
                                                      start)
    with toolstack("hostile", "dom0_mem=512M dom0_max_vcpus=2", kernel=KERNEL,
                   files=files, mem="1024") as m:
        yield m


def run(m, words, timeout=120):
    """What the program said; nothing of its guests is left."""
    output = fine(m, "domains " + words, timeout=timeout)
    left, lost = re.search(r"^DOMAINS left (\d+) lost (-?\d+) pages", output,
                           re.M).groups()
    assert int(left) == 0 and int(lost) <= 0, output
    audit(m)
    return output


@pytest.mark.parametrize("one, first, two, second", PAIRS)
def test_pair(dom0, one, first, two, second):
    output = run(dom0, "%s %s" % (one, two))
    wanted = 2 * [first, second]
    assert output.count("RFTEST pass") == wanted.count("pass"), output
    ends = re.findall(r"^ENDED \d+ (\w+)", output, re.M)
    assert sorted(ends) == sorted(
        "poweroff" if w == "pass" else w for w in wanted), output


def test_hoarding(dom0):
    """What the hypervisor keeps for guests that ask for all there is, their
    own memory apart, has a bound, and not a page of it stays."""
    before = free_memory(dom0)
    fine(dom0, "(domains -n %d -m 8 -c 1 -t 5 hoard >/tmp/hoard &)" % HOARDS)
    until(dom0, "[ $(grep -c hoarding /tmp/hoard) -ge %d ]" % HOARDS, 60)
    kept = (before - free_memory(dom0)) / HOARDS - 8
    assert 0 <= kept <= MOST_MIB, kept
    until(dom0, "grep -q ^DOMAINS /tmp/hoard", 120)
    assert "DOMAINS left 0 lost 0 pages" in fine(dom0, "tail -n 1 /tmp/hoard")
    audit(dom0)


@pytest.mark.parametrize("how", FORMATS)
def test_packed(dom0, how):
    """A bzImage, whatever its kernel is packed with."""
    output = run(dom0, "-k /guest/hostile.%s idle" % how)
    assert output.count("RFTEST pass") == 2, output


def test_spinning(dom0):
    """With events masked, for as long as one lets it."""
    output = run(dom0, "-t 5 spin victim")
    assert output.count("RFTEST pass") == 2, output


def test_destroyed_at_work(dom0):
    """At any moment, while mapping each other's pages, with two vCPUs each."""
    run(dom0, "-v 2 -d 1500 -c 10 busy busy")


def test_cycles(dom0):
    """Two hundred guests come and go, and not a page with them."""
    run(dom0, "-c %d idle >/tmp/cycles; tail -n 1 /tmp/cycles" % CYCLES,
        timeout=400)
    assert fine(dom0, "grep -c 'RFTEST pass' /tmp/cycles").strip() == str(
        CYCLES + 1)


def test_beside_linux(dom0):
    """Debian does not notice such neighbours, made by xl, nor their end."""
    m = dom0
    attached(m, "xl create -c /etc/xen/one", lambda: guest_up(m))
    for name in "spin", "busy", "flood":
        fine(m, "xl create /etc/xen/" + name)
    alive(m)
    m.silence(2)
    alive(m)
    for name in "spin", "busy":
        fine(m, "xl destroy " + name)
    alive(m)
    m.run("xl destroy flood")  # it has ended by itself, or not yet
    run(m, "giver taker")
    alive(m)
    fine(m, "xl shutdown -F -w one")
    audit(m)
