# SPDX-License-Identifier: MIT
"""Eight of Debian's kernels beside dom0, in 4 GiB."""


import machine
from conftest import is_ours
from test_guests import KERNEL, config, fine, guest_initramfs, until

NAMES = ["g%d" % i for i in range(8)]


def answers(m, name):
    """The guest's shell computes."""
    m.send("xl console %s\n" % name)
    m.expect("guest [^ ]* # ", timeout=240)
    m.send("echo $((6 * 7))-%s\n" % name)
    m.expect("[\r\n]42-%s[\r\n]" % name)
    m.send("\x1d")
    m.expect("dom0 [^ ]* # ")


def free_memory(m):
    return int(fine(m, "xl info | sed -n 's/^free_memory *: //p'"))


def test_eight_at_once(boot):
    files = {"/etc/xen/" + name: config(name, memory=384) for name in NAMES}
    files["/guest/vmlinuz"] = machine.kernel(KERNEL)
    files["/guest/initramfs"] = guest_initramfs()
    m = boot(mem="4096", append="dom0_mem=512M dom0_max_vcpus=2", files=files,
             dom0="quiet rf.tools=wait")
    m.expect("RINGFORT-TOOLS-UP")
    m.shell()
    free = free_memory(m)
    for name in NAMES:
        fine(m, "xl create /etc/xen/" + name, timeout=120)
    for name in NAMES:
        answers(m, name)
    assert fine(m, "xl list | wc -l").strip() == "10"
    if is_ours():
        fine(m, "xl dmesg -c >/dev/null; xl debug-keys a; xl dmesg >/tmp/a",
             timeout=120)
        assert "audit: 0 differences" in fine(m, "grep audit: /tmp/a")
    for name in NAMES:
        fine(m, "xl destroy " + name)
    until(m, "[ $(xl list | wc -l) = 2 ]", seconds=60)
    assert free_memory(m) == free
