# SPDX-License-Identifier: MIT
"""Every command of xl, on one running guest, and Debian's own test programs.

The same commands with the same answers on stock Xen. The guest, "one", has
two vCPUs and runs as long as the stories; each leaves it as it was.
"""

import os
import re
import struct
import subprocess

import pytest

import image
import machine
from toolstack import (KERNEL, audit, alive, attached, config, fine,
                       free_memory, guest_initramfs, guest_up, states,
                       toolstack, until)

pytestmark = pytest.mark.xdist_group("xl")

TOOLS = "/usr/lib/xen-4.17/bin/"
PROGRAMS = ["test-resource", "test-cpu-policy", "test-xenstore",
            "test-paging-mempool", "test-tsx", "xen-diag", "lsevtchn",
            "xenpm", "xen-cpuid"]


def with_libraries(*programs):
    """Files for a Machine: the programs and the libraries they load."""
    said = subprocess.run(["ldd", *programs], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    files = {p: p for p in programs}
    files.update({path: os.path.realpath(path) for path in
                  re.findall(r"(/\S*) \(0x", said)})
    return files


def kernel_without_pv():
    """Debian's kernel, had it been built without CONFIG_XEN_PV."""
    bzimage = image.read(machine.kernel(KERNEL))
    elf = image.without_xen_notes(image.vmlinux(bzimage))
    return image.with_payload(bzimage, image.compress(elf, "lz4"))


def kernel_of_32_bits():
    """The least that is a paravirtual kernel of 32 bits to the tools: an ELF
    file with a page of code and Xen's notes."""
    def note(kind, text):
        return struct.pack("<III4s", 4, len(text), kind, b"Xen\0") + \
            text + bytes(-len(text) % 4)
    base, code = 0xc0100000, b"\xf4" * 4096
    notes = note(6, b"old\0") + note(5, b"xen-3.0\0") + \
        note(8, b"generic\0") + note(9, b"yes\0") + \
        note(1, struct.pack("<I", base)) + \
        note(3, struct.pack("<I", 0xc0000000))
    header = struct.pack("<4s5B7x2H5I6H", b"\x7fELF", 1, 1, 1, 0, 0, 2, 3, 1,
                         base, 52, 0, 0, 52, 32, 2, 40, 0, 0)
    load = struct.pack("<8I", 1, 4096, base, 0x100000, 4096, 4096, 7, 4096)
    noted = struct.pack("<8I", 4, 8192, 0, 0, len(notes), len(notes), 4, 4)
    return (header + load + noted).ljust(4096, b"\0") + code + notes


# What cannot run here: (how its file differs, what xl says of it).
UNSUPPORTED = {
    "no-pv": ({"kernel": "/guest/no-pv"},
              r"no loader|not a .*PV|ELF note|xen-3\.0|Xen"),
    "bits-32": ({"kernel": "/guest/bits-32"},
                r"xen-3\.0-x86_32p? .*not supported|x86_32"),
    "hvm": ({"type": "hvm"}, r"hap nor shadow paging|hvmloader"),
    "pvh": ({"type": "pvh"}, r"hap nor shadow paging"),
}


@pytest.fixture(scope="module")
def dom0():
    files = with_libraries(*(TOOLS + p for p in PROGRAMS))
    files.update({
        "/guest/vmlinuz": machine.kernel(KERNEL),
        "/guest/initramfs": guest_initramfs(),
        "/etc/xen/one": config("one", vcpus=2, maxmem=160),
        "/guest/no-pv": kernel_without_pv(),
        "/guest/bits-32": kernel_of_32_bits(),
    })
    for name, (changes, _) in UNSUPPORTED.items():
        files["/etc/xen/" + name] = config(name, **changes)
    with toolstack("xl", "dom0_mem=768M", kernel=KERNEL, files=files,
                   mem="1280") as m:
        attached(m, "xl create -c /etc/xen/one", lambda: guest_up(m))
        yield m


@pytest.fixture
def xl(dom0):
    """Runs a command that has to succeed: its output."""
    return lambda command, **how: fine(dom0, command, **how)


def refuses(m, command, says):
    """The command says why not. Not every one of xl's ends with a status."""
    output = m.run(command + " 2>&1")[1]
    assert re.search(says, output), output


def row(text, name, column):
    """A column of the line of a table that begins with name."""
    return re.search("^%s .*" % name, text, re.M)[0].split()[column]


def in_guest(m, command, says=""):
    """What a command prints in the guest; repeated until that matches."""
    said = [""]

    def ask():
        m.send("\n")
        m.expect("guest [^ ]* # ")
        for _ in range(50):
            said.append(m.run(command)[1])
            if re.search(says, said[-1], re.M):
                return
            m.silence(0.3)
    attached(m, "xl console one", ask)
    return said[-1]


# ------------------------------------------------------------------- looking

@pytest.mark.parametrize("command, says", [
    ("xl info", r"^nr_cpus +: 2$"),
    ("xl info", r"^cores_per_socket +: 2$"),
    ("xl info", r"^virt_caps +: pv\b.*gnttab-v1"),
    ("xl info", r"^total_memory +: 1279$"),
    ("xl info", r"^outstanding_claims +: 0$"),
    ("xl info", r"^xen_version +: 4\.17"),
    ("xl info", r"^xen_caps +: xen-3\.0-x86_64"),
    ("xl info", r"^xen_scheduler +: credit2$"),
    ("xl info", r"^xen_commandline +: console=com1 dom0_mem=768M"),
    ("xl info -n", r"^ *1: +1 +0 +0$"),
    ("xl info -n", r"^ *0: +1279 +\d+ +10$"),
    ("xl info total_memory", r"^1279$"),
    ("xl list", r"^one +\d+ +128 +2 +[-r][-b]---- "),
    ("xl list -v", r"^one .*[0-9a-f]{8}-"),
    ("xl list -l one", r'"max_memkb": 163840'),
    ("xl vm-list", r"^[0-9a-f-]{36} +\d+ +one"),
    ("xl uptime one", r"^one +\d+ +0:0\d:\d\d"),
    ("xl uptime -s", r"^Domain-0? .*|^ *\d\d:\d\d:\d\d up "),
    ("xl vcpu-list one", r"^one +\d+ +1 +[-\d]"),
    ("xl claims", r"^one .* 0$"),
    ("xl sharing", r"^one +\d+ +\d+ +0$"),
    ("xl cpupool-list", r"^Pool-0 +2 +credit2 +y +2"),
    ("xl cpupool-list -c", r"^Pool-0 +0,1$"),
    ("xl domid one", r"^\d+$"),
    ("xl domname 0", r"^Domain-0$"),
    ("xl block-list one", "^Vdev"),
    ("xl network-list one", "^Idx"),
    ("xl pci-list one", "^$"),
    ("xentop -b -i 2 -d 1", r"^ +one [-b]"),
    ("xen-diag gnttab_query_size 0", r"nr_frames=\d+, max_nr_frames=64"),
    ("lsevtchn 0", "Virtual IRQ"),
    ("xenpm get-cpu-topology", r"^CPU1\s+1\s+0\s+0$"),
    ("xen-cpuid", r"^PV Max +[0-9a-f]{8}:"),
])
def test_looks(xl, command, says):
    assert re.search(says, xl(command), re.M)


def test_top(dom0):
    """It paints the screen, until one presses q."""
    dom0.send("xl top\n")
    dom0.expect("2 domains: ")
    dom0.expect(r"Domain-0\W.*?\Wone\W")
    dom0.send("q")
    dom0.expect("dom0 [^ ]* # ")


@pytest.mark.parametrize("command, says", [
    ("xl pause none", "invalid domain identifier"),
    ("xl destroy 77", "Non-existant domain"),
    ("xl vcpu-pin one 5 all", "Could not set affinity"),
    ("xl vcpu-pin one 0 77", "empty"),
    ("xl vcpu-pin one 0 1-0", "Invalid pcpu range"),
    ("xl vcpu-set one 0", "Requested 0 VCPUs"),
    ("xl sched-credit2 -d one -c 201", "range is from 0 to 200"),
    ("xl sched-credit2 -s -p Pool-0 -r 99", "range is from 100 to 500000"),
    ("xl pause 0", "Pausing domain: Invalid argument"),
    ("xl unpause one", "Unpausing domain: Invalid argument"),
    ("xl trigger one nmi 5", "No such process"),
    ("xl mem-max one 100", "memory_static_max must be greater"),
    ("xl mem-set one 500", "less than or equal to memory_static_max"),
    ("xl sched-credit2 -d one -w 0", "out of range"),
    ("xl getenforce", "Flask XSM Disabled"),
    ("xl trigger one reset", "Function not implemented"),
    ("xl trigger one power", "Invalid argument"),
    ("xl cpupool-destroy Pool-0", "Can't destroy"),
    ("xl rename one Domain-0", "already exists"),
    ("xl create /etc/xen/one", "already exists"),
    ("xl create /etc/xen/none", "."),
    ("xl create /etc/xen/one 'name=\"two\"' max_grant_frames=65",
     "Invalid argument"),
    ("xl pci-attach one 00:01.0", "error|assignable"),
])
def test_refuses(dom0, command, says):
    refuses(dom0, command, says)


# ------------------------------------------------------------------ changing

def test_pause(dom0, xl):
    xl("xl pause one")
    assert "p" in states(dom0)["one"]
    refuses(dom0, "xl pause 32000", "No such process")
    xl("xl unpause one")
    assert "p" not in states(dom0)["one"]
    alive(dom0)


def test_rename(dom0, xl):
    xl("xl rename one uno")
    assert set(states(dom0)) == {"Domain-0", "uno"}
    xl("xl rename uno one")
    assert set(states(dom0)) == {"Domain-0", "one"}


def test_vcpu_pin(xl):
    def affinity():
        return re.findall(r"^one .* (\S+ / \S+)$", xl("xl vcpu-list one"),
                          re.M)
    assert affinity() == ["all / all"] * 2
    xl("xl vcpu-pin one 1 1")
    assert affinity() == ["all / all", "1 / all"]
    xl("xl vcpu-pin one 1 - 0")
    assert affinity() == ["all / all", "1 / 0"]
    xl("xl vcpu-pin one all all all")
    assert affinity() == ["all / all"] * 2


def test_vcpu_set(dom0, xl):
    """A vCPU is taken away; the guest may have it back when it wants."""
    until(dom0, "xl vcpu-list one | grep -q '^one .* 1 .* -b- '")
    xl("xl vcpu-set one 1")
    until(dom0, "xl vcpu-list one | grep -q ' 1 .* --p '")
    assert in_guest(dom0, "nproc").strip() == "1"
    xl("xl vcpu-set one 2")
    assert in_guest(dom0, "echo 1 >/sys/devices/system/cpu/cpu1/online; "
                    "nproc", says="^2$").split()[-1] == "2"
    until(dom0, "xl vcpu-list one | grep -q ' 1 .* [-r][-b]- '")
    refuses(dom0, "xl vcpu-set one 3", "overcommmitting|more than")


def test_date(dom0, xl):
    """A guest's clock starts with the machine's date."""
    guest, here = (int(said) for said in (in_guest(dom0, "date +%s"),
                                          xl("date +%s")))
    assert abs(guest - here) < 60


def test_cpupool_numa_split(xl):
    """Of one node: the pool gets the node's name, and that is all."""
    xl("xl cpupool-migrate one Pool-0")
    xl("xl cpupool-numa-split")
    assert re.search(r"^Pool-node0 +2 +credit2 +y +2$",
                     xl("xl cpupool-list"), re.M)
    xl("xl cpupool-rename Pool-node0 Pool-0")
    assert re.search(r"^Pool-0 +0,1$", xl("xl cpupool-list -c"), re.M)


def test_line_and_ports_for_a_guest(dom0, xl):
    """The second serial line, which dom0 does not use."""
    before = free_memory(dom0)
    give = "xl create -p /etc/xen/one 'name=\"two\"' 'ioports=[\"2f8-2ff\"]' "
    xl(give + "'irqs=[\"3\"]'")
    xl("xl destroy two")
    refuses(dom0, give + "'irqs=[\"1000\"]'", "access to irq 1000")
    until(dom0, "[ $(xl list | wc -l) = 3 ]")
    assert free_memory(dom0) == before


def test_sched_credit2(xl):
    xl("xl sched-credit2 -d one -w 512")
    xl("xl sched-credit2 -d one -c 50")
    said = xl("xl sched-credit2")
    assert (row(said, "one", 2), row(said, "one", 3)) == ("512", "50")
    xl("xl sched-credit2 -d one -w 256 -c 0")
    assert row(xl("xl sched-credit2 -d one"), "one", 2) == "256"
    xl("xl sched-credit2 -s -p Pool-0 -r 2000")
    assert "ratelimit=2000us" in xl("xl sched-credit2 -s")
    xl("xl sched-credit2 -s -p Pool-0 -r 1000")


def test_memory(dom0, xl):
    """Down, up beyond what it began with, and back."""
    for size in 100, 150, 128:
        xl("xl mem-set one %d" % size)
        until(dom0, "xl list one | grep -q '^one  *[0-9]*  *%d '" % size)
    xl("xl mem-max one 170")
    most = row(xl("xentop -b -i 1 | grep MEM -A 9"), " +one", 6)
    assert int(most) == (170 + 1) * 1024
    xl("xl mem-max one 160")
    alive(dom0)


def test_keys_and_log(dom0, xl):
    xl("xl dmesg -c >/dev/null; xl debug-keys h; xl dmesg >/tmp/log")
    assert re.search(r"restart the machine|reboot machine",
                     xl("grep -E 'R|reboot' /tmp/log"))
    xl("xl dmesg -c >/dev/null")
    assert xl("xl dmesg").strip() == ""


def test_sysrq(dom0, xl):
    """The guest's kernel tells on its console what it can be asked."""
    def ask():
        m = dom0
        m.send("\n")
        m.expect("guest [^ ]* # ")
        fine(m, "dmesg -c >/dev/null")
    attached(dom0, "xl console one", ask)
    xl("xl sysrq one h")
    help_text = "sysrq: HELP"
    assert help_text in in_guest(dom0, "dmesg | grep sysrq", help_text)


def test_trigger_nmi(dom0, xl):
    xl("xl trigger one nmi")
    counted = "NMI: .*[1-9]"
    assert re.search(counted, in_guest(dom0, "grep NMI: /proc/interrupts",
                                       counted))


def test_dump_core(dom0, xl):
    xl("xl dump-core one /tmp/core", timeout=120)
    assert xl("head -c 4 /tmp/core | od -An -tx1").split() == [
        "7f", "45", "4c", "46"]
    size = int(xl("stat -c %s /tmp/core; rm /tmp/core"))
    assert 128 << 20 <= size < 132 << 20
    alive(dom0)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(dom0, name):
    """xl says what is wrong, and leaves nothing behind."""
    before = free_memory(dom0)
    status, output = dom0.run("xl create /etc/xen/%s 2>&1" % name)
    assert status != 0
    assert re.search(UNSUPPORTED[name][1], output), output
    until(dom0, "[ $(xl list | wc -l) = 3 ]")
    assert free_memory(dom0) == before
    assert set(states(dom0)) == {"Domain-0", "one"}


def test_reboot(dom0, xl):
    """A new domain takes its place and asks for the same."""
    before = xl("xl domid one").strip()
    xl("xl reboot -F one")
    until(dom0, "[ \"$(xl domid one 2>/dev/null)\" -gt %s ] 2>/dev/null"
          % before, 60)
    until(dom0, "xl vcpu-list one | grep -q '^one .* 1 .* [-r][-b]- '", 60)
    attached(dom0, "xl console one", lambda: (
        dom0.send("\n"), dom0.expect("guest [^ ]* # ")))
    assert row(xl("xl list one"), "one", 2) == "128"


# ------------------------------------------------------------ Debian's tests

@pytest.mark.parametrize("program, says", [
    ("test-resource", r"Test x86 PV\n  Created d\d+\n  Test grant table\n"),
    ("test-cpu-policy", "Done: all ok"),
    ("test-xenstore", r"ta err +:"),
    ("test-paging-mempool", "Skip"),
])
def test_debians_tests(xl, program, says):
    said = xl(program + " 2>&1", timeout=120)
    assert re.search(says, said)
    assert not re.search("(?i)fail:", said)


def test_debians_tsx(dom0):
    """QEMU's processor has no TSX but takes XBEGIN, about which the program
    complains on any hypervisor; of ours it must find nothing."""
    said = dom0.run("test-tsx 2>&1")[1]
    assert "Got 2 CPUs" in said and "Created d" in said
    assert not re.search(r"failed|inconsistent", said, re.I), said


# ------------------------------------------------------------------- the end

def test_destroy(dom0, xl):
    """And with it everything the guest had: the last story."""
    xl("xl shutdown -F -w one", timeout=120)
    until(dom0, "[ $(xl list | wc -l) = 2 ]")
    xl("xl create -p /etc/xen/one; xl destroy one")
    until(dom0, "[ $(xl list | wc -l) = 2 ]")
    assert free_memory(dom0) == dom0.free
    audit(dom0)
