# SPDX-License-Identifier: MIT
"""Bad input ends with one clear line, and the machine stops cleanly.

Each story names what the line must mention. After it the machine resets, as
it does on Xen without "noreboot", and never by a triple fault.
"""

import os

import pytest

import image
import machine

pytestmark = pytest.mark.ours

KERNEL = "console=hvc0 quiet panic=-1"


def line_with(*words):
    """A line of the hypervisor's with all words, in any order and case."""
    return r"(?i)ringfort: " + "".join(
        r"(?=[^\r\n]*(?:%s))" % w for w in words) + r"[^\r\n]*[\r\n]"


def refused(m, *words):
    m.expect(line_with(*words))
    m.expect_nothing("Linux version")
    m.end("guest-reset")


def initramfs():
    return (machine.kernel("6.1", "initramfs"), "")


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


@pytest.fixture(scope="module")
def bzimage():
    return image.read(machine.kernel("6.1"))


@pytest.fixture(scope="module")
def elf():
    """An uncompressed kernel, of the line that unpacks quickest."""
    return image.vmlinux(image.read(machine.kernel("6.12")))


def test_no_module(boot):
    refused(boot(modules=[]), "module|kernel", "initrd|boot loader|give|pass")


def test_kernel_without_pv(boot, tmp_path, elf):
    path = write(tmp_path, "vmlinux", image.without_xen_notes(elf))
    refused(boot(modules=[(path, KERNEL), initramfs()]),
            r"xen|\bpv\b|paravirt", "kernel")


def test_kernel_of_another_kind(boot, tmp_path):
    path = write(tmp_path, "notes.txt", b"This is no kernel.\n" * 9999)
    refused(boot(modules=[(path, KERNEL), initramfs()]), "kernel")


@pytest.mark.parametrize("size", [100, 20000, 4 << 20])
def test_truncated_kernel(boot, tmp_path, bzimage, size):
    path = write(tmp_path, "vmlinuz", bzimage[:size])
    refused(boot(modules=[(path, KERNEL), initramfs()]),
            "kernel", "truncated|damaged|corrupt|short|neither|incomplete")


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_corrupt_payload(boot, tmp_path, line):
    broken = image.corrupt_payload(image.read(machine.kernel(line)))
    path = write(tmp_path, "vmlinuz", broken)
    refused(boot(modules=[(path, KERNEL), initramfs()]),
            "kernel", "damaged|corrupt|decompress|unpack")


def test_truncated_elf(boot, tmp_path, elf):
    path = write(tmp_path, "vmlinux", elf[:8 << 20])
    refused(boot(modules=[(path, KERNEL), initramfs()]),
            "kernel", "truncated|damaged|corrupt|short|cut|segment|incomplete")


def test_initrd_larger_than_dom0(boot, tmp_path):
    big = tmp_path / "initrd"
    big.touch()
    os.truncate(big, 256 << 20)
    m = boot(mem="1024", append="dom0_mem=192M",
             modules=[(machine.kernel("6.1"), KERNEL), (str(big), "")])
    refused(m, "initrd|initramfs|module", "memory|dom0_mem|MiB")


def test_dom0_mem_larger_than_machine(boot):
    refused(boot(mem="512", append="dom0_mem=4G"), "dom0_mem",
            "MiB|GiB|machine|available")


def test_dom0_mem_too_small(boot):
    refused(boot(append="dom0_mem=16M"), "memory|dom0_mem")


@pytest.mark.parametrize("cpu, why", [
    ("qemu32", "64-bit|long mode"),
    ("qemu64,-nx", "nx|no-execute|execute"),
])
def test_unsupported_cpu(boot, cpu, why):
    """Found so early that nothing can wait or reset: the CPU halts."""
    m = boot(cpu=cpu)
    m.expect(line_with("cpu|processor", why))
    m.silence(5)
    assert m.halted()


@pytest.mark.parametrize("cpu, why", [
    ("qemu64,-syscall", "syscall"),
    ("qemu64,-apic", "apic"),
])
def test_cpu_lacks_a_feature(boot, cpu, why):
    """Found before there is memory management: said, and restarted."""
    m = boot(cpu=cpu)
    m.expect(line_with("processor", why))
    m.expect("restarting")
    m.end("guest-reset")


def test_noreboot_stays(boot):
    m = boot(modules=[], append="noreboot")
    m.expect(line_with("module|kernel"))
    m.silence(8)
    assert m.halted()


def test_unknown_options_are_ignored(boot):
    """One warning each, whatever they look like, and dom0 boots."""
    odd = ["frobnicate=1", "-nothing", "=", "dom0_mem", "loglvl=%s%n",
           "x" * 300, "loglvl=all", "sched=credit2", "iommu=no"]
    m = boot(dom0="quiet rf.tools=0",
             append="dom0_mem=512M " + " ".join(odd))
    m.dom0_up()
    with open(m.log, encoding="latin1") as f:
        seen = f.read().lower()
    for option in "frobnicate", "nothing", "x" * 20:
        warnings = [line for line in seen.splitlines()
                    if "ringfort: " in line and option in line
                    and ("unknown" in line or "ignor" in line)]
        assert len(warnings) == 1, option


def test_very_long_command_line(boot):
    m = boot(dom0="quiet rf.tools=0 rf.pad=" + "y" * 1500,
             append="dom0_mem=512M " + "pad=z " * 300)
    m.dom0_up()
