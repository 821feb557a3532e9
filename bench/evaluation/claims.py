# SPDX-License-Identifier: MIT
"""What the rows say to the claims made for paravirtualization.

Each claim is answered against each full virtualization by ratios: above 1
the paravirtual guest is ahead. A comparison is a "yes" or a "no" only if the
95 % interval of its ratio is on one side of 1 by more than 5 %, else "even".
With a single round there is no interval, and 10 % are asked for.
"""

from dataclasses import dataclass

from evaluation import rows, settings, stats

SUBJECTS = ("ringfort-guest", "ringfort-gate-guest")
YES, NO, EVEN, PARTLY, NONE = "yes", "no", "even", "partly", "not measured"
TAIL_EVENTS = 100  # fewer have no slowest hundredth


@dataclass
class Comparison:
    """One ratio: how far a subject is ahead of another setting."""
    subject: str
    other: str
    what: str
    ratio: float
    interval: tuple = None
    detail: str = ""

    @property
    def verdict(self):
        if self.interval:
            low, high = self.interval
            margin = 1.05
        else:
            low = high = self.ratio
            margin = 1.1
        return YES if low > margin else NO if high < 1 / margin else EVEN


def joint(comparisons):
    """One word for many."""
    said = {c.verdict for c in comparisons}
    if not said:
        return NONE
    return said.pop() if len(said) == 1 else PARTLY


@dataclass
class Claim:
    key: str
    title: str
    question: str
    measures: tuple
    comparisons: list

    @property
    def verdict(self):
        return joint(self.comparisons)

    def tally(self):
        said = [c.verdict for c in self.comparisons]
        return {word: said.count(word) for word in (YES, EVEN, NO)}


def full(results, io=False):
    """The full virtualizations measured; io: with each kind of devices."""
    return [s.name for s in results.settings()
            if s.kind in (settings.FULL, settings.SOFT)
            and (io or not s.rows_of)]


def subjects(results):
    have = {s.name for s in results.settings()}
    return [s for s in SUBJECTS if s in have]


def _of_rows(results, found, subject, other, what):
    if not found:
        return []
    ratio = stats.geometric_mean([stats.median(r) for r in found.values()])
    return [Comparison(subject, other, what, ratio,
                       stats.geometric_interval(found),
                       "%d rows" % len(found))]


def _execution(results, subject, other):
    return _of_rows(results, results.group_slower(
        other, subject, rows.EXECUTION), subject, other, "speed of all rows")


def _kernel_work(results, subject, other):
    return _of_rows(results, results.group_slower(
        other, subject, ("syscall", "signal")), subject, other,
        "system calls, signals") + _of_rows(results, results.group_slower(
            other, subject, ("paging", "process")), subject, other,
            "paging, processes")


def _cpu(results, subject, other):
    found = _of_rows(results, results.busier(other, subject, rows.WORK),
                     subject, other, "processor time at equal work")
    counted = [b / a for row in results.counted
               if rows.group(row) in rows.WORK
               and not rows.higher(results.units[row])
               and (a := results.instructions(subject, row))
               and (b := results.instructions(other, row))]
    if counted:
        ratio = stats.geometric_mean(counted)
        found.append(Comparison(subject, other, "instructions at equal work",
                                ratio, (ratio, ratio)))
    idle = results.slower(other, subject, "idle")
    if idle:
        found.append(Comparison(subject, other, "processor time when idle",
                                stats.median(idle), stats.interval(idle)))
    return found


def _io(results, subject, other):
    found = []
    for group, what in ("disk", "disk"), ("net", "network"):
        found += _of_rows(results, results.group_slower(
            other, subject, (group,)), subject, other, what + " speed")
    return found + _of_rows(results, results.busier(
        other, subject, rows.IO), subject, other, "processor time a byte")


def scale_points(results, setting):
    """{guests: total rate}, and other findings of the same steps."""
    return {f["guests"]: f for f in results.find("scale", setting=setting)
            if f.get("rates")}


def _scaling(results, subject, other):
    ours, theirs = (scale_points(results, s) for s in (subject, other))
    shared = sorted(set(ours) & set(theirs))
    if not shared:
        return []
    n = shared[-1]
    one, two = ours[n], theirs[n]
    found = [Comparison(subject, other, "work done by %d guests" % n,
                        sum(one["rates"]) / max(sum(two["rates"]), 1e-9))]
    found.append(Comparison(subject, other, "time to start a guest",
                            two["boot_each"] / one["boot_each"]))
    if one["memory_each"] > 0 and two["memory_each"] > 0:
        found.append(Comparison(
            subject, other, "memory for a guest",
            two["memory_each"] / one["memory_each"]))
    return found


def tail(results, setting, row):
    """How many times longer than the median 1 % of the events take."""
    found = [f["quantiles"][6] / f["quantiles"][3]
             for f in results.find(row, setting=setting)
             if f.get("quantiles") and f["quantiles"][3] > 0
             and f["operations"] >= TAIL_EVENTS
             and "beside" not in f and f["round"] != "icount"]
    return stats.median(found)


def beside(results, setting):
    """{neighbour: times slower beside it}, over the rows of the victim."""
    found = {}
    for f in results.findings:
        kind = f.get("beside")
        alone = results.median(setting, f.get("row"))
        if kind and f["setting"] == setting and rows.group(f["row"]) \
                and alone and f.get("value", 0) > 0:
            found.setdefault(kind, []).append(rows.times_slower(
                f["value"], alone, f["unit"]))
    return {k: stats.geometric_mean(v) for k, v in found.items()}


def _stability(results, subject, other):
    found = []
    tails = [(tail(results, other, r), tail(results, subject, r))
             for r in ("lat_wakeup", "lat_timer")]
    ratio = stats.geometric_mean([a / b for a, b in tails if a and b])
    if ratio:
        found.append(Comparison(subject, other, "tail of latency (99 % to "
                                "50 %)", ratio))
    noisy = {s: stats.median([v for r in results.rows() if (
        v := stats.spread(results.series(s, r))) is not None])
        for s in (subject, other)}
    if noisy[subject] and noisy[other]:
        found.append(Comparison(subject, other, "spread over rounds",
                                noisy[other] / noisy[subject]))
    ours, theirs = beside(results, subject), beside(results, other)
    shared = set(ours) & set(theirs)
    if shared:
        found.append(Comparison(
            subject, other, "slow-down by a bad neighbour",
            stats.geometric_mean([theirs[k] / ours[k] for k in shared])))
    return found


CLAIMS = (
    ("execution", "Faster execution",
     "Do programs run faster than under full virtualization?",
     ("speed of all rows", "system calls, signals", "paging, processes"),
     lambda *a: _execution(*a) + _kernel_work(*a), False),
    ("cpu", "Less CPU overhead",
     "Does the same work take less processor time?",
     (), _cpu, False),
    ("io", "Better I/O",
     "Are disks and networks faster, and cheaper for each byte?",
     ("disk speed", "network speed", "processor time a byte"), _io, True),
    ("scaling", "Better scaling",
     "Do many guests get more done, start sooner, take less memory?",
     (), _scaling, False),
    ("stability", "Stability",
     "Is it as steady: over rounds, in the tails, beside bad neighbours?",
     (), _stability, False),
)


def judge(results):
    claims = []
    for key, title, question, measures, compare, io in CLAIMS:
        found = [c for subject in subjects(results)
                 for other in full(results, io)
                 for c in compare(results, subject, other)]
        claims.append(Claim(key, title, question, measures or tuple(
            dict.fromkeys(c.what for c in found)), found))
    return claims
