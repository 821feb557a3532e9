# SPDX-License-Identifier: MIT
"""Machines of many kinds and sizes: dom0 comes up on each."""

import pytest

import conftest

QUICK = "quiet rf.tools=0"


@pytest.mark.parametrize("options", [
    {"machine": "q35"},
    {"machine": "pc,hpet=off"},
    pytest.param({"machine": "pc,pit=off"}, marks=pytest.mark.ours),
    pytest.param({"machine": "pc,pit=off,hpet=off"}, marks=pytest.mark.ours),
    {"cpu": "max,-smap"},
    {"cpu": "qemu64,+x2apic"},
    {"cpu": "Nehalem"},
    pytest.param({"cpu": "EPYC"}, marks=pytest.mark.ours),
    {"cpus": "1"},
    {"cpus": "4"},
    {"cpus": "4,sockets=2,cores=1,threads=2"},
    {"append": "dom0_mem=512M dom0_max_vcpus=1"},
], ids=lambda o: "-".join("%s=%s" % kv for kv in o.items()))
def test_comes_up(boot, options):
    boot(dom0=QUICK, **options).dom0_up()


@pytest.mark.ours
def test_cpu_max(boot):
    boot(dom0=QUICK, cpu="max").dom0_up()


@pytest.mark.parametrize("mem", ["320M", "1G", "3G", "5G", "16G"])
def test_memory_sizes(boot, mem):
    """Around the gap below 4 GiB and above it; dom0 takes 192 MiB."""
    boot(dom0=QUICK, mem=mem,
         append="dom0_mem=192M bootscrub=0").dom0_up()


@pytest.mark.ours
def test_memory_of_64_gib(boot):
    """More than the host has: pages that nobody touches cost nothing."""
    m = boot(dom0=QUICK, mem="64G", machine="pc,memory-backend=ram",
             extra=["-object",
                    "memory-backend-ram,id=ram,size=64G,reserve=off"])
    m.dom0_up()


@pytest.mark.ours
def test_memory_of_64_mib(boot):
    """Too little for Debian's kernel: the hypervisor starts and says so."""
    m = boot(dom0=QUICK, mem="64M", append="")
    m.expect(r"ringfort: [^\r\n]*memory[^\r\n]*give the machine more")
    m.end("guest-reset")


def test_all_memory_is_dom0s_without_dom0_mem(boot):
    m = boot(dom0=QUICK, mem="512M", append="")
    m.dom0_up()
    m.shell()
    meminfo = m.run("grep MemTotal /proc/meminfo")[1]
    assert int(meminfo.split()[1]) > 256 * 1024


def test_cpus_are_found(boot):
    m = boot(dom0=QUICK, cpus="3")
    if conftest.is_ours():
        m.expect("3 of 3 processors online")
    else:
        m.expect("Brought up 3 CPUs")
    m.dom0_up()
