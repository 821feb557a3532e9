# SPDX-License-Identifier: MIT
"""The harness tells the emulator's faults from the machine's."""

from machine import StaleCode

OOPS = b"""   3.110 [    2.035133] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
   3.110 [    2.035671] RIP: e030:sched_clock_cpu+0x9/0x1d0
   3.111 [    2.035888] Code: 90 90 f3 0f 1e fa 41 54 55 53 %s e8 f1 fe f0 ff
"""


def test_a_breakpoint_that_is_gone_is_the_emulators_fault():
    assert StaleCode.is_in(b"booting\n" + OOPS % b"66 <90>")


def test_a_breakpoint_that_is_there_is_not():
    assert not StaleCode.is_in(OOPS % b"cc <90>")
    assert not StaleCode.is_in(OOPS % b"66 <cc>")


def test_nor_is_any_other_oops():
    assert not StaleCode.is_in((OOPS % b"66 <90>").replace(b"int3", b"Oops"))
    assert not StaleCode.is_in(b"no oops at all")


INT3 = "%d: v=03 e=0000 i=1 cpl=1 IP=e019:ffffffff814c34fe pc=ffffffff814c34fe"
PAGE_FAULT = "%d: v=0e e=0007 i=0 cpl=1 IP=e019:ffffffff81000010 pc="


def log_of(line, n):
    return "\n".join("  " + line % i for i in range(n))


def test_a_breakpoint_met_again_and_again_is_found():
    assert StaleCode.looped_at(log_of(INT3, 100)) == [0xffffffff814c34fe]


def test_one_met_a_few_times_is_not_nor_is_a_fault():
    assert StaleCode.looped_at(log_of(INT3, 99)) == []
    assert StaleCode.looped_at(log_of(PAGE_FAULT, 1000)) == []
