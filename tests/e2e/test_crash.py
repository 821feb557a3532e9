# SPDX-License-Identifier: MIT
"""A dom0 that crashes: a clear line, its registers, and a clean stop."""

import pytest

import conftest
import image
import machine

CRASH = r"(?i)(dom(ain)? ?0|\bd0)[^\r\n]*(crash|panic|fault|trap)"
REGISTERS = r"(?i)\brip\b[^\r\n]*[0-9a-f]{8}"


def test_panic(boot):
    """No root to mount: Linux panics and tells the hypervisor so."""
    m = boot(modules=[(machine.kernel("6.1"), "console=hvc0 panic=1")])
    m.expect("Kernel panic - not syncing")
    m.expect(CRASH)
    if conftest.is_ours():
        m.expect(REGISTERS)
    m.end("guest-reset")


@pytest.mark.ours
def test_panic_with_noreboot(boot):
    m = boot(modules=[(machine.kernel("6.1"), "console=hvc0")],
             append="dom0_mem=512M noreboot")
    m.expect(CRASH)
    m.silence(8)
    assert m.halted()


def test_sysrq_crash(boot):
    """A crash long after boot, by dom0's own kernel."""
    m = boot(dom0="quiet rf.tools=0 panic=1")
    m.shell()
    m.send("echo c > /proc/sysrq-trigger\n")
    m.expect(CRASH)
    m.end("guest-reset")


@pytest.mark.parametrize("code", [b"\x0f\x0b",      # ud2
                                  b"\xcc",          # int3
                                  b"\x48\xa3" + b"\x11" * 8],  # a bad address
                         ids=["ud2", "int3", "store"])
def test_fault_without_handler(boot, tmp_path, code):
    """A kernel that faults at once, before it has any trap handler."""
    elf = image.vmlinux(image.read(machine.kernel("6.12")))
    path = tmp_path / "vmlinux"
    path.write_bytes(image.with_entry_code(elf, code))
    m = boot(modules=[(str(path), "console=hvc0"),
                      (machine.kernel("6.12", "initramfs"), "")])
    m.expect(CRASH)
    m.end("guest-reset")
