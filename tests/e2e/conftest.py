# SPDX-License-Identifier: MIT
"""What the end-to-end stories share.

The stories run on the hypervisor image HV names (default build/ringfort), so
the same stories run on stock Xen: HV=build/oracle/xen.elf. Those marked
"ours" tell of what only Ringfort promises, and are skipped there.
"""

import contextlib
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "tools"), HERE]

import machine  # noqa: E402

KERNELS = ["6.1", "6.12", "7.2"]


def is_ours():
    with open(machine.default_hv(), "rb") as f:
        return b"ringfort: " in f.read()


def pytest_configure(config):
    config.addinivalue_line("markers", "ours: a promise of Ringfort's only")


def pytest_collection_modifyitems(items):
    if is_ours():
        return
    for item in items:
        if item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason="not promised by Xen"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed


def story_name(request):
    name = request.node.nodeid.split("/")[-1].replace(".py::", "-")
    return "e2e/" + re.sub(r"[^\w.-]+", "-", name).strip("-")


@pytest.fixture
def boot(request):
    """Boots machines; their consoles' logs stay if the story fails."""
    started = []

    def start(**options):
        name = story_name(request) + ("-%d" % len(started) if started else "")
        m = machine.Machine(name, **options)
        started.append(m)
        return m.__enter__()

    yield start
    for m in started:
        if not m.reboots and m.triple_fault():
            request.node.failed = True
            pytest.fail("triple fault; console: " + m.log)
        m.__exit__()
        if not request.node.failed:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(m.log)


def program_flags(source):
    """What a line "// flags:" of the source asks for besides the usual."""
    with open(source, encoding="utf-8") as f:
        found = re.findall(r"^// flags: (.*)$", f.read(), re.M)
    return " ".join(found).split()


@pytest.fixture(scope="session")
def program():
    """Builds programs/NAME.c for dom0: a static program's path."""
    def build(name):
        source = os.path.join(HERE, "programs", name + ".c")
        out = os.path.join(machine.BUILD, "tests", "e2e", name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        mine = "%s.%d" % (out, os.getpid())
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
                        "-o", mine, source, *program_flags(source)],
                       check=True)
        os.rename(mine, out)
        return out
    return build


@pytest.fixture
def tools(dom0):
    """A module's machine; guests that a failed story left are ended."""
    yield dom0
    listed = dom0.run("xl list")[1].splitlines()[1:]
    for name in [line.split()[0] for line in listed]:
        if name != "Domain-0":
            dom0.run("xl destroy " + name)
