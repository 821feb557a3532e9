# SPDX-License-Identifier: MIT
"""The regression guard: rows of two sessions that differ beyond noise."""

from dataclasses import dataclass

import numpy

from evaluation import rows, settings, stats

LEVEL = 0.05


@dataclass
class Move:
    """A row of a setting in both sessions.

    change   the new median over the old one, less 1; positive is worse
    verdict  "worse", "better", "same" or "unclear" (too few rounds, and the
             values overlap or lie too close)
    tested   by a test, or only a hint
    """
    setting: str
    row: str
    unit: str
    old: list
    new: list
    change: float
    interval: tuple
    p: float
    verdict: str = "same"

    @property
    def tested(self):
        return self.p is not None


def _bad(values, unit):
    """Values turned so that more is worse."""
    values = numpy.asarray(values, dtype=float)
    return 1 / values if rows.higher(unit) else values


def _interval(old, new):
    """Of the change of the medians, by resampling both."""
    if min(len(old), len(new)) < 2:
        return None
    random = numpy.random.default_rng(stats.SEED)

    def resampled(x):
        return numpy.median(x[random.integers(
            0, len(x), (stats.RESAMPLED, len(x)))], axis=1)

    low, high = numpy.percentile(resampled(new) / resampled(old),
                                 [2.5, 97.5])
    return float(low) - 1, float(high) - 1


def _hint(old, new, least):
    """Too few rounds to test: apart, and by twice their spreads?"""
    apart = new.min() > old.max() or new.max() < old.min()
    change = numpy.median(new) / numpy.median(old) - 1
    noise = max((x.max() - x.min()) / numpy.median(x) for x in (old, new))
    if apart and abs(change) > max(least, 2 * noise) and \
            min(len(old), len(new)) > 1:
        return "worse" if change > 0 else "better"
    return "same" if abs(change) <= least else "unclear"


def moves(old, new, least=0.03):
    """All rows that both sessions have, judged."""
    found, tests = [], {}
    for name in settings.SETTINGS:
        for row in rows.order(set(old.values.get(name, {})) &
                              set(new.values.get(name, {}))):
            unit = new.units[row]
            one, two = old.series(name, row), new.series(name, row)
            x, y = _bad(one, unit), _bad(two, unit)
            tests[len(found)] = stats.differs(list(x), list(y))
            found.append(Move(
                name, row, unit, one, two,
                float(numpy.median(y) / numpy.median(x) - 1),
                _interval(x, y), tests[len(found)]))
            if not found[-1].tested:
                found[-1].verdict = _hint(x, y, least)
    for i, p in stats.adjusted(tests).items():
        if p is not None:
            found[i].p = p
            if p < LEVEL and abs(found[i].change) > least:
                found[i].verdict = "worse" if found[i].change > 0 \
                    else "better"
    return found


def _line(m):
    between = "" if not m.interval else "  [%+.0f %% … %+.0f %%]" % (
        100 * m.interval[0], 100 * m.interval[1])
    how = "p = %.3f" % m.p if m.tested else "hint: %d and %d rounds" % (
        len(m.old), len(m.new))
    return "%-7s %-22s %-18s %9s -> %9s %-8s %+6.1f %%%s  (%s)" % (
        m.verdict, m.setting, m.row, rows.short(stats.median(m.old)),
        rows.short(stats.median(m.new)), m.unit, 100 * m.change, between,
        how)


def text(found, everything=False):
    """For people: what moved, the worst first, then the sum."""
    shown = [m for m in found if everything or m.verdict in ("worse",
                                                             "better")]
    shown.sort(key=lambda m: -m.change)
    counts = {v: sum(m.verdict == v for m in found)
              for v in ("worse", "better", "same", "unclear")}
    return "\n".join([_line(m) for m in shown] + [
        "%d rows compared: " % len(found) + ", ".join(
            "%d %s" % (n, v) for v, n in counts.items())])
