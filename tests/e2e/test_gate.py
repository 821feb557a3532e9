# SPDX-License-Identifier: MIT
"""dom0 behind an open gate: Debian's kernels in ring 1 (docs/gate.md)."""

import pytest

import border
from conftest import KERNELS

pytestmark = pytest.mark.ours


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cpu", ["qemu64", "max"])
def test_open_gate(boot, program, kernel, cpu):
    m = boot(kernel=kernel, cpu=cpu, dom0="rf.tools=0",
             append="dom0_mem=512M dom0_max_vcpus=2",
             files={"/bin/" + p: program(p) for p in border.PROGRAMS})
    m.expect("open gate: its kernel runs in ring 1")
    m.dom0_up()
    m.shell()
    border.cross(m)
    assert border.counted(m, "cr3_mode") == [0]


def test_processor_with_meltdown(boot):
    m = boot(cpu="qemu64,vendor=GenuineIntel", dom0="rf.tools=0",
             append="dom0_mem=512M dom0-gate=open")
    m.expect("no open gate, so its kernel runs in ring 3: on this processor")
    m.dom0_up()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("roots", ["shared", "two"])
def test_classic(boot, program, kernel, roots):
    """One CR3 write for each way from the kernel to a program, or, with two
    roots, another one for each way to the kernel."""
    m = boot(kernel=kernel, dom0="rf.tools=0",
             append="dom0_mem=512M dom0_max_vcpus=2 dom0-gate=off" +
             (" root-sharing=off" if roots == "two" else ""),
             files={"/bin/" + p: program(p) for p in border.PROGRAMS})
    m.expect("its kernel runs in ring 3: dom0-gate=off says so")
    m.dom0_up()
    m.shell()
    border.cross(m, "m2p-shown" if roots == "two" else "")
    calls, writes = border.counted(m, "syscall", "cr3_mode")
    assert calls > 100000
    assert (writes > 2 * calls) if roots == "two" else (writes < 1.5 * calls)
