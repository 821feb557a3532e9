# SPDX-License-Identifier: MIT
"""The page's two chief tables as plain text, for a terminal and for diffs."""

from evaluation import claims, rows, settings, stats


def _table(head, lines):
    """Columns as wide as their widest cell; the first to the left."""
    widths = [max(len(line[i]) for line in [head, *lines])
              for i in range(len(head))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0])]
                  + [cell.rjust(w) for cell, w in zip(line[1:], widths[1:])])
        for line in [head, *lines])


def _claim(claim):
    """The ratios of one claim, a line for each full virtualization."""
    whose = list(dict.fromkeys(c.subject for c in claim.comparisons))
    columns = [(s, what) for s in whose for what in claim.measures]
    ratio = {(c.other, c.subject, c.what): rows.short(c.ratio)
             for c in claim.comparisons}
    tally = "%(yes)d ahead, %(even)d even, %(no)d behind" % claim.tally()
    text = "%s: %s (%s)\n%s\n" % (claim.title, claim.verdict, tally,
                                  claim.question)
    for subject in whose:
        text += "\n" + _table(
            [settings.SETTINGS[subject].label + " against"]
            + list(claim.measures),
            [[settings.SETTINGS[other].label]
             + [ratio.get((other, *column), "-") for column in columns
                if column[0] == subject]
             for other in dict.fromkeys(c.other for c in claim.comparisons)])
        text += "\n"
    return text


def _slower(results):
    """Times slower than native: settings by groups of rows."""
    groups = [g for g in rows.EXECUTION + rows.IO if results.rows(g)]
    lines = []
    for s in results.settings():
        if s.name == "native":
            continue
        found = [results.group_slower(s.name, "native", (g,)) for g in groups]
        lines.append([s.label] + [rows.short(stats.geometric_mean(
            [stats.median(r) for r in by_row.values()])) if by_row else "-"
            for by_row in found])
    return _table(["times slower than native"]
                  + [rows.GROUPS[g][0] for g in groups], lines)


def render(results):
    """All of it, ending in a line break."""
    told = [_claim(c) for c in claims.judge(results) if c.comparisons]
    missing = ["%s: %s" % (settings.SETTINGS[name].label, why)
               for name, why in results.missing().items()]
    return "\n".join(
        ["%s  %s" % (k.ljust(9), results.about[k])
         for k in ("date", "host", "qemu", "ringfort", "kernels", "xen",
                   "command") if k in results.about]
        + ["", "Above 1 the paravirtual guest is ahead.", ""] + told
        + [_slower(results), "(geometric means over a group's rows)"]
        + (["", "not measured:"] + missing if missing else [])) + "\n"
