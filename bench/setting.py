# SPDX-License-Identifier: MIT
"""What the benchmarks share: preparing, saying what was measured, saving."""

import datetime
import glob
import json
import os
import platform
import subprocess
import sys

import machine

RESULTS = os.path.join(machine.TOP, "bench", "results")


def tool(name, *words):
    """Run one of tools/, which says itself what went wrong."""
    path = os.path.join(machine.TOP, "tools", name)
    if subprocess.run([path, *words]).returncode:
        sys.exit("%s failed" % name)


def prepare(kernels):
    """Fetch the kernels and stock Xen where they are missing."""
    tool("fetch-xen")
    for line in kernels:
        tool("fetch-kernel", line)
        tool("mkinitramfs", line)


def images(chosen=None):
    """{name: hypervisor's image}, from NAME=IMAGE arguments if there are."""
    return dict(i.split("=", 1) for i in chosen or []) or {
        "xen": os.path.join(machine.BUILD, "oracle", "xen.elf"),
        "ringfort": os.path.join(machine.BUILD, "ringfort")}


def program(name, *sources):
    """A static program of patterns of files below bench/; its path."""
    here = os.path.join(machine.TOP, "bench")
    paths = sorted(path for pattern in sources
                   for path in glob.glob(os.path.join(here, pattern)))
    newest = max(map(os.path.getmtime, paths + glob.glob(
        os.path.join(here, "programs", "*.h"))))
    out = os.path.join(machine.BUILD, "bench", name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    if not os.path.exists(out) or os.path.getmtime(out) < newest:
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
                        "-pthread", "-o", out, *paths], check=True)
    return out


def _first_line(path):
    with open(path, encoding="utf-8") as f:
        return f.readline().strip()


def _output(*command):
    done = subprocess.run(command, cwd=machine.TOP, text=True,
                          capture_output=True)
    return done.stdout.strip()


def _host_cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def describe(images, kernels):
    """The host, the versions and the images of this measurement."""
    about = {
        "date": datetime.date.today().isoformat(),
        "host": "%d x %s" % (os.cpu_count(), _host_cpu()),
        "qemu": _output("qemu-system-x86_64", "--version").splitlines()[0],
        "ringfort": _output("git", "rev-parse", "--short", "HEAD"),
        "kernels": ", ".join(_first_line(machine.kernel(k, "version"))
                             for k in kernels),
    }
    if "xen" in images:
        about["xen"] = _first_line(os.path.join(machine.BUILD, "oracle",
                                                "version"))
    return about


def as_text(about, options):
    lines = ["%-9s %s" % kv for kv in about.items()]
    lines.append("%-9s %s" % ("machine", "TCG, " + ", ".join(
        "%s %s" % kv for kv in options.items())))
    return "\n".join(lines)


def save(name, data, text):
    """Keep the raw results and their readable form in bench/results."""
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, name + ".json"), "w",
              encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    with open(os.path.join(RESULTS, name + ".txt"), "w",
              encoding="utf-8") as f:
        f.write(text + "\n")
