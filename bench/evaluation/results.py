# SPDX-License-Identifier: MIT
"""Reads the file of a session: values by setting, row and round."""

import json
from collections import defaultdict

from evaluation import rows, settings, stats


class Results:
    """What one file has.

    values     {setting: {row: {round: value}}}, rows by themselves
    first      {(setting, row): the finding of some round} for units and such
    """

    def __init__(self, path=None, data=None):
        if data is None:
            with open(path, encoding="utf-8") as f:
                data = json.load(f)
        self.data = data
        self.about, self.options = data["about"], data["options"]
        self.values = defaultdict(lambda: defaultdict(dict))
        self.findings = []
        self.units = {}
        self.counted = set()  # rows whose instructions were counted
        self.notes, self.failures = [], defaultdict(list)
        for visit in data["visits"]:
            self._visit(visit)

    def _visit(self, visit):
        visit = dict(visit, round=str(visit["round"]))
        if visit["error"]:
            self.failures[visit["host"]].append(visit["error"])
        for f in visit["findings"]:
            f = dict(f, round=visit["round"], host=visit["host"])
            self.findings.append(f)
            if "note" in f:
                self.notes.append((f["setting"], f["note"]))
            elif "failed" in f:
                self.notes.append((f["setting"], "%s: %s" % (
                    f["row"], f["failed"])))
            elif f.get("value", 0) > 0 and "beside" not in f:
                self._value(f)

    def _value(self, f):
        self.units[f["row"]] = f["unit"]
        if f["round"] == "icount":
            self.counted.add(f["row"])
        else:
            self.values[f["setting"]][f["row"]][f["round"]] = f["value"]

    def settings(self):
        """Those that have rows, in the order of the table."""
        return [s for s in settings.SETTINGS.values()
                if any(rows.group(r) for r in self.values.get(s.name, ()))]

    def missing(self):
        """{setting: why} of those that have none."""
        have = {s.name for s in self.settings()}
        why = {}
        for name in settings.SETTINGS:
            if name in have:
                continue
            host = settings.host_of(name).name
            said = self.failures.get(host) or [
                note for s, note in self.notes if s == name]
            why[name] = said[-1] if said else "not asked for"
        return why

    def gaps(self):
        """{setting: [what it lacks and its like have]}."""
        found = {}
        for s in self.settings():
            peers = [p for p in self.settings()
                     if bool(p.rows_of) == bool(s.rows_of)]
            wanted = {r for p in peers for r in self.values[p.name]
                      if rows.group(r)}
            lacks = [rows.label(r) for r in rows.order(
                wanted - set(self.values[s.name]))]
            if not s.rows_of:
                lacks += self._lacking_parts(s, [
                    p for p in peers if bool(p.guest) == bool(s.guest)])
            if lacks:
                found[s.name] = lacks
        return found

    def _parts(self, setting):
        """What a setting has besides rows; as a reader is told of it."""
        for f in self.findings:
            if f["setting"] != setting.name:
                continue
            if f.get("row") == "soak":
                yield "soak"
            elif f.get("beside"):
                yield "a neighbour: " + f["beside"]
            elif setting.guest and f.get("row") == "scale":
                yield "%d guest%s" % (f["guests"], "s"[f["guests"] == 1:])
            elif setting.guest and f.get("row") == "vcpus":
                yield "%d vCPU%s" % (f["vcpus"], "s"[f["vcpus"] == 1:])

    def _lacking_parts(self, setting, peers):
        mine = set(self._parts(setting))
        return [part for part in dict.fromkeys(
            part for p in peers for part in self._parts(p))
            if part not in mine]

    def rows(self, group=None):
        names = {r for by_row in self.values.values() for r in by_row
                 if rows.group(r) and group in (None, rows.group(r))}
        return rows.order(names)

    def series(self, setting, row):
        """One value a round."""
        by_round = self.values.get(setting, {}).get(row, {})
        return [by_round[k] for k in sorted(by_round)]

    def median(self, setting, row):
        return stats.median(self.series(setting, row))

    def _pairs(self, one, other, setting, base):
        shared = sorted(set(one) & set(other))
        if shared:  # formed within a round, where the host was the same
            return [(one[k], other[k]) for k in shared]
        if one and other:
            return [(stats.median(list(one.values())),
                     stats.median(list(other.values())))]
        return []

    def slower(self, setting, base, row):
        """Times slower than the base, one a round."""
        pairs = self._pairs(self.values.get(setting, {}).get(row, {}),
                            self.values.get(base, {}).get(row, {}),
                            setting, base)
        return [rows.times_slower(v, b, self.units[row]) for v, b in pairs]

    def group_slower(self, setting, base, groups):
        """{row: [ratios]} of all rows of some groups that both have."""
        found = {}
        for group in groups:
            for row in self.rows(group):
                ratios = self.slower(setting, base, row)
                if ratios:
                    found[row] = ratios
        return found

    def outside(self, setting, row, key):
        """What a row cost for each operation, seen from outside, by round."""
        return {f["round"]: f[key] for f in self.findings
                if f["setting"] == setting and f.get("row") == row
                and key in f and f["round"] != "icount"
                and "beside" not in f}

    def count(self, setting, row, key):
        """Flushes or exits of an operation; best from the round in which
        the clock counts instructions, as no timer comes between there."""
        for f in self.find(row, setting=setting, round="icount"):
            if key in f:
                return f[key]
        return stats.median(list(self.outside(setting, row, key).values()))

    def busier(self, setting, base, groups):
        """{row: [ratios]} of processor time at equal work."""
        found = {}
        for group in groups:
            for row in self.rows(group):
                pairs = self._pairs(self.outside(setting, row, "busy_ns"),
                                    self.outside(base, row, "busy_ns"),
                                    setting, base)
                ratios = [a / b for a, b in pairs if a > 0 and b > 0]
                if ratios:
                    found[row] = ratios
        return found

    def find(self, row, **have):
        return [f for f in self.findings if f.get("row") == row and all(
            f.get(k) == v for k, v in have.items())]

    def instructions(self, setting, row):
        """Of an operation, from the round that counts them."""
        found = [f["value"] for f in self.findings if f["round"] == "icount"
                 and f["setting"] == setting and f.get("row") == row]
        return found[0] if found else None
