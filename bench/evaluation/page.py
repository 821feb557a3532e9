# SPDX-License-Identifier: MIT
"""The report: one page that needs nothing but itself."""

import base64
import csv
import io
import json
import math
import os

import jinja2
from markupsafe import Markup

from evaluation import claims, plots, rows, settings, stats

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = {claims.YES: "Yes", claims.NO: "No", claims.EVEN: "About even",
         claims.NONE: "Not measured", claims.PARTLY: "Partly"}


def shade(ratio):
    """A table cell's colour: green ahead of native, red far behind it."""
    if not ratio or ratio <= 0:
        return ""
    depth = max(-1, min(1, math.log(ratio) / math.log(20)))
    hue, strength = (145, -depth) if depth < 0 else (8, depth)
    return "background:hsl(%d 70%% %d%%)" % (hue, 97 - 27 * strength)


def value_table(results, group):
    """Rows of a group: each setting's value, and times slower than native."""
    have = [s for s in results.settings()
            if any(results.series(s.name, r) for r in results.rows(group))]
    table = []
    for row in results.rows(group):
        cells = []
        for s in have:
            series = results.series(s.name, row)
            ratios = results.slower(s.name, "native", row)
            ratio = stats.median(ratios) if ratios and s.name != "native" \
                else None
            spread = stats.spread(series)
            cells.append({
                "value": rows.short(stats.median(series)),
                "ratio": rows.short(ratio) + "×" if ratio else "",
                "spread": "± %.0f %%" % (100 * spread)
                if spread is not None else "", "style": shade(ratio)})
        table.append({"label": rows.label(row), "name": row,
                      "unit": results.units[row].replace("us", "µs"),
                      "cells": cells,
                      "better": "more" if rows.higher(results.units[row])
                      else "less"})
    return {"settings": have, "rows": table}


def counts_table(results, key, least=0.005):
    """Flushes, exits or counters for each operation, from outside."""
    have = [s for s in results.settings() if any(
        results.outside(s.name, r, key) for r in results.rows())]
    names = [r for r in results.rows()
             if rows.group(r) in ("syscall", "signal", "paging", "process",
                                  "ipc", "disk", "net")]
    table = []
    for row in names:
        found = [results.count(s.name, row, key) for s in have]
        if any(v is not None and v > least for v in found):
            table.append({"label": rows.label(row), "cells": [
                "–" if v is None else rows.short(v) if v > least else "0"
                for v in found]})
    return {"settings": have, "rows": table}


def instruction_table(results):
    names = rows.order(results.counted - {"guest_boot", "boot"})
    have = [s for s in settings.SETTINGS.values() if any(
        results.instructions(s.name, r) for r in names)]
    table = []
    for row in names:
        if results.units[row] not in ("ns", "us", "ms", "ns/page",
                                      "ns/fault"):
            continue
        factor = {"us": 1e3, "ms": 1e6}.get(results.units[row], 1)
        base = results.instructions("native", row)
        cells = []
        for s in have:
            n = results.instructions(s.name, row)
            cells.append({
                "value": rows.short(n * factor) if n else "–",
                "ratio": rows.short(n / base) + "×"
                if n and base and s.name != "native" else "",
                "style": shade(n / base) if n and base and
                s.name != "native" else ""})
        if any(c["value"] != "–" for c in cells):
            table.append({"label": rows.label(row), "cells": cells})
    return {"settings": have, "rows": table}


def counter_table(results):
    """Ringfort's own counters for each operation of a few rows."""
    found = [f for f in results.findings if f.get("counters")]
    shown = []
    for f in found:
        moved = {k: v for k, v in f["counters"].items() if v > 0.01}
        shown.append({
            "setting": settings.SETTINGS[f["setting"]].label,
            "row": rows.label(f["of"]),
            "counters": ", ".join("%s %s" % (k, rows.short(v)) for k, v in
                                  sorted(moved.items(),
                                         key=lambda kv: -kv[1]))})
    return shown


def boots(results):
    table = []
    for name in [h.name for h in settings.HOSTS]:
        found = [f for f in results.find("boot", setting=name)
                 if f["round"] != "icount"]
        if found:
            table.append((
                "The machine: " + name, stats.median(
                    [f["value"] for f in found]),
                stats.median([f["busy"] for f in found])))
    for s in results.settings():
        found = [f for f in results.find("guest_boot", setting=s.name)
                 if "beside" not in f and f["round"] != "icount"]
        if found:
            table.append((s.label, stats.median([f["value"] for f in found]),
                          stats.median([f["busy"] for f in found])))
    return [(a, rows.short(b), rows.short(c)) for a, b, c in table]


def soaks(results):
    return [{"setting": settings.SETTINGS[f["setting"]].label,
             "seconds": rows.short(f["value"]), "done": rows.short(f["done"]),
             "errors": f["errors"]} for f in results.find("soak")]


def as_csv(results):
    out = io.StringIO()
    writer = csv.writer(out)
    keys = ("round", "host", "setting", "row", "unit", "value", "median",
            "mean", "operations", "busy_ns", "flushes", "exits", "disturbed",
            "beside", "guests", "vcpus", "rate", "boot_each", "memory_each")
    writer.writerow(keys)
    for f in results.findings:
        if "row" in f and "failed" not in f:
            writer.writerow([f.get(k, "") for k in keys])
    return out.getvalue()


def _link(data, kind):
    return Markup("data:%s;base64,%s" % (kind, base64.b64encode(
        data.encode()).decode()))


def disturbed(results):
    """How long the emulator waited for the host's processors."""
    found = [f["disturbed"] for f in results.findings if "disturbed" in f]
    return (stats.median(found), max(found)) if found else (0, 0)


def summary(results, judged):
    """For each claim: its words, and a table of ratios by setting."""
    drawn = plots.verdicts(judged)
    cards = []
    for claim in judged:
        others = list(dict.fromkeys(c.other for c in claim.comparisons))
        whose = list(dict.fromkeys(c.subject for c in claim.comparisons))
        lines = []
        for other in others:
            cells = []
            for subject in whose:
                for what in claim.measures:
                    c = next((c for c in claim.comparisons if (
                        c.subject, c.other, c.what) == (
                            subject, other, what)), None)
                    cells.append(c and {
                        "ratio": rows.short(c.ratio) + "×",
                        "verdict": c.verdict, "interval": c.interval and
                        "95 %%: %s to %s" % tuple(map(rows.short,
                                                      c.interval))})
            lines.append({"label": settings.SETTINGS[other].label,
                          "cells": cells})
        cards.append({
            "claim": claim, "word": WORDS[claim.verdict], "lines": lines,
            "whose": [settings.SETTINGS[s].label for s in whose],
            "tally": claim.tally(), "plot": Markup(drawn.get(claim.key, ""))})
    return cards


def in_short(results, judged):
    """Claims by full virtualizations: what is said of each, and by how much.

    A cell has a ratio for each kind of Ringfort guest. Settings that only
    have other devices have lines of their own below those of their guest.
    """
    others = [settings.SETTINGS[o] for o in claims.full(results)]
    whose = claims.subjects(results)
    table = []
    for claim in judged:
        by = {(c.other, c.subject, c.what): c for c in claim.comparisons}
        lines = []
        for what in claim.measures:
            for devices in None, "emulated":
                cells = [[by.get((_with(o, devices), s, what))
                          for s in whose] for o in others]
                cells = [cell if any(cell) else [] for cell in cells]
                if any(cells):
                    lines.append({"what": what + (
                        ", IDE and e1000 there" if devices else ""),
                        "cells": cells})
        table.append({"claim": claim, "lines": lines, "words": [
            claims.joint([c for c in claim.comparisons if c.other in (
                o.name, _with(o, "emulated"))]) for o in others]})
    return {"others": [plots.plain(o) for o in others],
            "whose": [settings.SETTINGS[s].label for s in whose],
            "table": table}


def _with(other, devices):
    """The name of a setting, or of it with other devices."""
    if not devices:
        return other.name
    return next((s.name for s in settings.SETTINGS.values()
                 if s.rows_of == other.name and s.io == devices), None)


def render(results):
    judged = claims.judge(results)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True,
        trim_blocks=True, lstrip_blocks=True)
    drawings = {
        "groups": plots.groups, "busy": plots.busy,
        "devices": plots.devices, "latencies": plots.latencies,
        "scaling": plots.scaling, "stability": plots.stability}
    with plots.matplotlib.rc_context(plots.STYLE):
        figures = {name: Markup(draw(results) or "")
                   for name, draw in drawings.items()}
        cards = summary(results, judged)
    rounds = sorted({v["round"] for v in results.data["visits"]
                     if v["round"] != "icount"})
    return environment.get_template("page.html").render(
        about=results.about, options=results.options, cards=cards,
        short=in_short(results, judged), figure=rows.short, words=WORDS,
        gaps=[(settings.SETTINGS[k].label, ", ".join(v))
              for k, v in results.gaps().items()],
        rounds=len(rounds), figures=figures, settings=results.settings(),
        kinds=settings.KINDS, missing=[
            (settings.SETTINGS[k].label, why)
            for k, why in results.missing().items()],
        notes=[(settings.SETTINGS[s].label if s in settings.SETTINGS else s,
                n) for s, n in dict.fromkeys(results.notes)],
        colours={s.name: plots.colour(s) for s in results.settings()},
        tables=[(rows.GROUPS[g][0], value_table(results, g))
                for g in rows.GROUPS if results.rows(g)],
        flushes=counts_table(results, "flushes"),
        exits=counts_table(results, "exits"),
        instructions=instruction_table(results),
        counters=counter_table(results), boots=boots(results),
        soaks=soaks(results), disturbed=disturbed(results),
        failures=[(v["host"], v["round"], v["error"])
                  for v in results.data["visits"] if v["error"]],
        json_link=_link(json.dumps(results.data), "application/json"),
        csv_link=_link(as_csv(results), "text/csv"))
