# SPDX-License-Identifier: MIT
"""The report's plots, as SVG for the page, by matplotlib."""

import io
import math
import re

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as pyplot  # noqa: E402
from matplotlib import ticker  # noqa: E402

from evaluation import claims, rows, settings, stats  # noqa: E402

COLOURS = {
    "native": "#8a8f98",
    "ringfort-dom0": "#7cc4e8", "ringfort-guest": "#1f78b4",
    "ringfort-gate-dom0": "#6fd3b5", "ringfort-gate-guest": "#0f8f6f",
    "xen-dom0": "#ffd27a", "xen-pv": "#f0a202", "xen-pvh": "#b86e00",
    "kvm-npt": "#c2185b", "kvm-npt-emulated": "#f06292",
    "kvm-shadow": "#7b1fa2", "kvm-shadow-emulated": "#ba68c8",
    "tcg": "#5d4037", "tcg-emulated": "#a1887f",
}
INK, FAINT = "#20262e", "#d9dee5"
# Behind words that a line may cross.
HALO = {"boxstyle": "square,pad=0.1", "fc": "#ffffffb0", "ec": "none"}

STYLE = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT,
    "xtick.color": "#5b6470", "ytick.color": INK, "axes.titlesize": 10,
    "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#eceff3",
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.spines.left": False, "ytick.left": False,
    "legend.frameon": False, "figure.facecolor": "none",
    "axes.facecolor": "none", "savefig.facecolor": "none",
}


def colour(setting):
    return COLOURS.get(setting.name, "#444444")


def plain(setting):
    """A setting's label where its guests' devices do not matter."""
    return setting.label.removesuffix(", virtio")


def _title(words):
    return words[0].upper() + words[1:]


def _svg(figure, name):
    """A figure as an <svg> element whose ids are its own."""
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(out, format="svg", bbox_inches="tight",
                       metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r'(id="|href="#|url\(#)(?=[\w-])', r"\g<1>%s-" % name,
                  text)
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"|'
                  r'<svg height="[^"]*"([^>]*?)width="[^"]*"',
                  lambda m: "<svg " + (m[1] or m[2] or ""), text, count=1)


def _times(x, _=None):
    return ("%g×" % x) if x >= 0.01 else ""


def _figure(x, _=None):
    """10k, 2M: short enough to stand side by side."""
    for size, letter in (1e6, "M"), (1e3, "k"):
        if x >= size:
            return "%g%s" % (x / size, letter)
    return "%g" % x


def _log_axis(axis, values):
    """Ticks at 1, 2, 5 as far as they are needed, none between."""
    values = [v for v in values if v and v > 0]
    low, high = (min(values), max(values)) if values else (0.5, 2)
    spread = high / low
    if spread < 3:  # matplotlib would take linear ticks, and many
        decade = 10 ** math.floor(math.log10(low))
        near = (0.8, 1, 1.25, 1.6) if spread < 2 else (0.5, 1, 2, 3)
        axis.set_major_locator(ticker.FixedLocator(
            [t * decade * ten for ten in (1, 10) for t in (*near, 5)]))
    else:
        axis.set_major_locator(ticker.LogLocator(
            subs=(1, 2, 5) if spread < 30 else (1,),
            numticks=12 if spread < 30 else 5))
    axis.set_minor_locator(ticker.NullLocator())


def _bars(axes, items, title, unit="", baseline=None, log=True, best=None):
    """Horizontal bars: (label, colour, value, (low, high) or None)."""
    items = [i for i in items if i[2]]
    if not items:
        axes.set_axis_off()
        return
    values = [i[2] for i in items]
    for at, (_, shade, value, span) in enumerate(items):
        left = baseline if log and baseline else 0
        if log and not baseline:
            left = min(values) / 2
        axes.barh(at, value - left, left=left, height=0.72, color=shade,
                  zorder=2)
        if span:
            axes.plot(span, [at, at], color=INK, lw=1.2, zorder=3,
                      solid_capstyle="butt")
        axes.annotate(rows.short(value) + (unit if len(unit) < 2 else ""),
                      (max(value, span[1] if span else value,
                           left if log else 0), at),
                      xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=7.5, color="#39424e")
    if log:
        axes.set_xscale("log")
        _log_axis(axes.xaxis, values)
        axes.xaxis.set_major_formatter(
            _times if unit == "×" else _figure)
        if baseline:
            axes.axvline(baseline, color="#39424e", lw=1, zorder=4)
        low, high = min(values + [baseline or values[0]]), max(values)
        axes.set_xlim(low / 1.4, high * max(1.7, (high / low) ** 0.22))
    else:
        axes.set_xlim(0, max(values) * 1.22)
    axes.set_yticks(range(len(items)), [i[0] for i in items], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_title(_title(title), pad=14 if len(unit) > 1 else 6)
    if len(unit) > 1:
        axes.annotate(unit, (0, 1), xytext=(0, 4), fontsize=7.5,
                      xycoords="axes fraction", textcoords="offset points",
                      color="#5b6470")


def _nothing(axes, title, why):
    """A panel that says why it is empty."""
    axes.set_title(title)
    axes.text(0.02, 0.9, why, transform=axes.transAxes, color="#5b6470",
              fontsize=8.5, va="top")
    axes.set_xticks([])
    axes.set_yticks([])


def _panels(count, across=3, height=2.2, width=11.5):
    down = -(-count // across)
    figure, grid = pyplot.subplots(down, across, squeeze=False,
                                   figsize=(width, height * down))
    flat = [a for row in grid for a in row]
    for axes in flat[count:]:
        axes.set_axis_off()
    return figure, flat[:count]


def groups(results):
    """Times slower than native, one panel for each group of rows."""
    names = [g for g in rows.EXECUTION if results.rows(g)]
    others = [s for s in results.settings()
              if not s.rows_of and s.name != "native"]
    if not names:
        return None
    figure, panels = _panels(len(names), height=0.55 + 0.2 * len(others))
    for axes, group in zip(panels, names):
        items = []
        for s in others:
            found = results.group_slower(s.name, "native", (group,))
            if found:
                items.append((plain(s), colour(s), stats.geometric_mean(
                    [stats.median(r) for r in found.values()]),
                    stats.geometric_interval(found)))
        _bars(axes, items, rows.GROUPS[group][0], "×", baseline=1)
    figure.tight_layout(w_pad=2, h_pad=2)
    return _svg(figure, "groups")


def busy(results):
    """Processor time at equal work, and when idle."""
    others = [s for s in results.settings() if not s.rows_of]
    names = [g for g in rows.WORK if results.rows(g)]
    figure, panels = _panels(len(names) + 1,
                             height=0.55 + 0.2 * len(others))
    for axes, group in zip(panels, names):
        items = []
        for s in others:
            found = results.busier(s.name, "native", (group,))
            if found and s.name != "native":
                items.append((plain(s), colour(s), stats.geometric_mean(
                    [stats.median(r) for r in found.values()]),
                    stats.geometric_interval(found)))
        _bars(axes, items, rows.GROUPS[group][0], "×", baseline=1)
    items = [(plain(s), colour(s), results.median(s.name, "idle"),
              stats.interval(results.series(s.name, "idle")))
             for s in others]
    _bars(panels[-1], items, "Idle", "% of a processor", log=False)
    figure.tight_layout(w_pad=2, h_pad=2)
    return _svg(figure, "busy")


def devices(results):
    """Disk and network rows as they are, a panel each."""
    names = results.rows("disk") + results.rows("net")
    others = [s for s in results.settings()
              if any(results.series(s.name, r) for r in names)]
    if not names:
        return None
    figure, panels = _panels(len(names), across=3,
                             height=0.55 + 0.2 * len(others))
    for axes, row in zip(panels, names):
        items = [(s.label, colour(s), results.median(s.name, row),
                  stats.interval(results.series(s.name, row)))
                 for s in others]
        unit = results.units[row]
        _bars(axes, items, rows.label(row), unit.replace("us", "µs") + (
            ", more is better" if rows.higher(unit) else
            ", less is better"))
    figure.tight_layout(w_pad=2, h_pad=2)
    return _svg(figure, "devices")


LEVELS = ("1", "10", "25", "50", "75", "90", "99", "99.9", "max")


def latencies(results):
    """Quantiles of each latency row: a line for each setting."""
    names = [r for r in ("lat_syscall", "lat_wakeup", "lat_timer",
                         "lat_gaps", "disk_read_4K", "net_rtt")
             if any(f.get("quantiles") and "beside" not in f
                    for f in results.find(r))]
    if not names:
        return None
    figure, panels = _panels(len(names), across=3, height=3)
    seen = {}
    for axes, row in zip(panels, names):
        for s in results.settings():
            runs = [f["quantiles"] for f in results.find(row, setting=s.name)
                    if f.get("quantiles") and "beside" not in f
                    and f["round"] != "icount"]
            if not runs:
                continue
            line = [max(stats.median([r[i] for r in runs]), 1e-3)
                    for i in range(len(LEVELS))]
            seen[s.label], = axes.plot(
                range(len(LEVELS)), line, color=colour(s), lw=1.8,
                marker="o", ms=2.5,
                ls="--" if s.rows_of else "-", label=s.label)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_figure)
        axes.set_xticks(range(len(LEVELS)), LEVELS, fontsize=7.5)
        axes.set_title(_title(rows.label(row)) + " (µs)")
    figure.supxlabel("quantile, %", fontsize=9)
    figure.tight_layout(w_pad=2, h_pad=2)
    _legend(figure, seen)
    return _svg(figure, "latencies")


def _legend(figure, seen):
    figure.legend(seen.values(), seen.keys(), ncols=5, fontsize=8,
                  loc="upper center", bbox_to_anchor=(0.5, 0.0))


def scaling(results):
    """Guests: work done, share of each, start, memory; and vCPUs."""
    have = [s for s in results.settings()
            if claims.scale_points(results, s.name)]
    smp = [s for s in results.settings()
           if results.find("vcpus", setting=s.name)]
    if not have and not smp:
        return None
    figure, panels = _panels(6, across=3, height=2.9)
    seen = {}

    def curve(axes, s, points):
        if points:
            seen[plain(s)], = axes.plot(*zip(*sorted(points.items())), lw=1.8,
                                       marker="o", ms=4, color=colour(s))

    kinds = (
        ("Work done by all guests (units a second)",
         lambda f, _: sum(f["rates"])),
        ("Throughput kept (of the best, %)", lambda f, best:
         100 * sum(f["rates"]) / best if best else 0),
        ("Fairness (Jain's index)", lambda f, _: stats.jain(f["rates"])
         or 0),
        ("Time to start one more (s)", lambda f, _: f["boot_each"]),
        ("Memory for each guest (MiB)", lambda f, _: f["memory_each"]),
    )
    for axes, (title, value) in zip(panels, kinds):
        for s in have:
            points = claims.scale_points(results, s.name)
            best = max(sum(f["rates"]) for f in points.values())
            curve(axes, s, {n: value(f, best) for n, f in points.items()})
        axes.set_title(title)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(ticker.FixedLocator(sorted({
            f["guests"] for f in results.find("scale")})))
        axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%d"))
        axes.set_xlabel("guests", fontsize=8)
    if not smp:
        _nothing(panels[5], "One guest with more vCPUs", "not asked for")
    for s in smp:
        curve(panels[5], s, {f["vcpus"]: f["rate"] for f in results.find(
            "vcpus", setting=s.name)})
    if smp:
        panels[5].set_title("One guest with more vCPUs (units a second)")
        panels[5].set_xlabel("vCPUs = threads", fontsize=8)
        panels[5].xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        panels[5].set_ylim(bottom=0)
    figure.tight_layout(w_pad=2, h_pad=2)
    _legend(figure, seen)
    return _svg(figure, "scaling")


def stability(results):
    """Spread over rounds, tails, and what bad neighbours do."""
    have = results.settings()
    most = max(len(have), 0.7 * sum(len(claims.beside(results, s.name))
                                    for s in have))
    figure, panels = _panels(3, across=3, height=0.6 + 0.26 * most)
    axes = panels[0]
    shown = []
    for s in have:
        deviations = []
        for row in results.rows():
            series = results.series(s.name, row)
            if len(series) > 1:
                middle = stats.median(series)
                deviations += [100 * (v / middle - 1) for v in series]
        if deviations:
            shown.append((s, deviations))
    if shown:
        drawn = axes.boxplot([d for _, d in shown], vert=False, widths=0.6,
                             whis=(5, 95), showfliers=False,
                             patch_artist=True,
                             medianprops={"color": INK})
        for patch, (s, _) in zip(drawn["boxes"], shown):
            patch.set(facecolor=colour(s), edgecolor=INK, linewidth=0.6)
        axes.set_yticks(range(1, len(shown) + 1),
                        [s.label for s, _ in shown], fontsize=7.5)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_title("All rows, rounds from their median (%)")
    else:
        _nothing(axes, "Rounds from their median", "a single round: no spread")
    items = [(plain(s), colour(s), stats.geometric_mean(
        [t for r in ("lat_wakeup", "lat_timer")
         if (t := claims.tail(results, s.name, r))]), None) for s in have
        if not s.rows_of]
    _bars(panels[1], items, "Latency: 99 % over 50 %", "×", baseline=1)
    items = []
    for s in have:
        for kind, times in sorted(claims.beside(results, s.name).items()):
            items.append(("%s · %s" % (plain(s), kind), colour(s), times,
                          None))
    _bars(panels[2], items, "Slower beside a bad neighbour", "×", baseline=1)
    figure.tight_layout(w_pad=2)
    return _svg(figure, "stability")


def verdicts(judged):
    """The ratios of each claim: a panel for each measure."""
    return {claim.key: _verdict(claim) for claim in judged
            if claim.comparisons}


def _verdict(claim):
    others = list(dict.fromkeys(c.other for c in claim.comparisons))
    figure, grid = pyplot.subplots(
        1, len(claim.measures), sharey=True, squeeze=False,
        figsize=(11.5, 0.85 + 0.34 * len(others)))
    for axes, what in zip(grid[0], claim.measures):
        _ratios(axes, others, [c for c in claim.comparisons
                               if c.what == what], len(claim.measures))
        axes.set_title(_title(what))
    grid[0][0].set_yticks(range(len(others)), [
        settings.SETTINGS[o].label if claim.key == "io"
        else plain(settings.SETTINGS[o]) for o in others], fontsize=8.5)
    grid[0][0].set_ylim(len(others) - 0.45, -0.55)
    seen = {settings.SETTINGS[c.subject].label: pyplot.Line2D(
        [], [], marker="o", ls="", color=colour(settings.SETTINGS[
            c.subject])) for c in claim.comparisons}
    figure.tight_layout(w_pad=1.5)
    _legend(figure, seen)
    return _svg(figure, "claim-" + claim.key)


def _ratios(axes, others, found, across):
    """Dots with intervals and their values; green is where we lead."""
    everything = [0.8, 1.25]
    for c in found:
        shade = colour(settings.SETTINGS[c.subject])
        at = others.index(c.other) + (0.17 if "gate" in c.subject
                                      else -0.17)
        right = c.ratio
        if c.interval:
            axes.plot(c.interval, [at, at], color=shade, lw=2, alpha=0.6,
                      solid_capstyle="butt")
            everything += [v for v in c.interval if v > 0]
            right = max(right, c.interval[1])
        axes.plot([c.ratio], [at], "o", color=shade, ms=6)
        axes.annotate(_times(float("%.3g" % c.ratio)), (right, at),
                      xytext=(6, 0), textcoords="offset points",
                      va="center", fontsize=7.5, bbox=HALO)
        everything.append(c.ratio)
    low, high = min(everything) / 1.3, max(everything)
    high *= max(1.5, (high / low) ** (0.08 * across))
    axes.set_xscale("log")
    _log_axis(axes.xaxis, everything)
    axes.xaxis.set_major_formatter(_times)
    axes.set_xlim(low, high)
    axes.axvspan(1, high, color="#e6f4ea", zorder=0, lw=0)
    axes.axvspan(low, 1, color="#fce8e6", zorder=0, lw=0)
    axes.axvline(1, color="#39424e", lw=1)
    axes.grid(axis="y", visible=False)
