# SPDX-License-Identifier: MIT
"""Made-up results for the tests of the evaluation: known effects and noise."""

import os
import random
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tools"), os.path.join(TOP, "bench")]

from evaluation import rows, settings  # noqa: E402

# How many times slower than native a setting is made.
SLOWER = {"native": 1, "ringfort-dom0": 3, "ringfort-guest": 3.3,
          "ringfort-gate-dom0": 1.3, "ringfort-gate-guest": 1.5,
          "xen-dom0": 6, "xen-pv": 6.5, "xen-pvh": 1.8, "kvm-npt": 1.5,
          "kvm-npt-emulated": 9, "kvm-shadow": 5, "kvm-shadow-emulated": 14,
          "tcg": 25, "tcg-emulated": 40}
UNITS = {"mem_copy": "MB/s", "mem_fill": "MB/s", "pipe_bandwidth": "MB/s",
         "tcp_bandwidth": "MB/s", "disk_read": "MB/s", "disk_write": "MB/s",
         "disk_iops_8": "IOPS", "net_send": "MB/s", "net_receive": "MB/s"}
TAIL = (0.8, 0.9, 0.95, 1, 1.05, 1.2, 2, 5, 20)


class Made:
    """Results with 2 % of noise; factors {(setting, row): times slower}."""

    def __init__(self, rounds=5, seed=1, factors=None, without=()):
        self.random = random.Random(seed)
        self.factors = factors or {}
        self.data = {"about": {
            "date": "2026-01-01", "command": "bench/evaluate",
            "computer": {"cpus": 2, "accel": "tcg"}},
            "options": {"rounds": rounds}, "visits": []}
        for number in range(rounds):
            for host in settings.HOSTS:
                self._visit(number, host, host.name in without)

    def _visit(self, number, host, broken):
        findings = []
        for s in host.settings:
            if not broken:
                findings += self._rows(s)
                if number == 0 and s.guest and not s.rows_of:
                    findings += self._guests(s)
        self.data["visits"].append({
            "round": number, "host": host.name, "seconds": 9, "more": not
            number, "error": "it broke" if broken else None,
            "findings": findings})

    def count(self):
        """A round that counts instructions, of two rows."""
        for host in settings.HOSTS:
            self.data["visits"].append({
                "round": "icount", "host": host.name, "seconds": 9,
                "more": False, "error": None, "findings": [
                    {"setting": s.name, "row": row, "unit": "ns",
                     "value": 300 * SLOWER[s.name], "median": 1, "mean": 1,
                     "operations": 9} for s in host.settings
                    for row in ("syscall_null", "fork_exit")]})
        return self

    def _rows(self, s):
        found = []
        for row in rows.LABELS:
            if s.rows_of and rows.group(row) not in rows.IO:
                continue
            found.append(self._row(s, row))
        return found + [{"setting": s.name, "row": "idle", "unit":
                         "% of a CPU", "value": SLOWER[s.name] / 3}]

    def _row(self, s, row):
        unit = UNITS.get(row, "us")
        slower = SLOWER[s.name] * self.factors.get((s.name, row), 1) * \
            self.random.lognormvariate(0, 0.02)
        value = 1e4 / slower if rows.higher(unit) else 10 * slower
        found = {"setting": s.name, "row": row, "unit": unit, "value": value,
                 "median": value, "mean": value, "operations": 100,
                 "busy_ns": 1000 * slower, "flushes": slower,
                 "disturbed": 0.01}
        if row.startswith("lat_") or row in ("disk_read_4K", "net_rtt"):
            found["quantiles"] = [value * t for t in TAIL]
        return found

    def _guests(self, s):
        slow = SLOWER[s.name]
        return [{"setting": s.name, "row": "scale", "guests": n,
                 "rates": [300 / slow / max(1, n / 2)] * n,
                 "boot_each": slow, "memory_each": 110 + slow, "busy": 2}
                for n in (1, 2, 4)] + [
            {"setting": s.name, "row": "vcpus", "vcpus": 1, "rate": 9},
            {"setting": s.name, "row": "syscall_null", "unit": "us",
             "value": 14 * slow, "beside": "memory"}]


@pytest.fixture
def made():
    return lambda **options: Made(**options).data
