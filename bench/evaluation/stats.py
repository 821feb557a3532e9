# SPDX-License-Identifier: MIT
"""Statistics of noisy measurements.

Everything rests on medians: a busy host makes outliers, and only ever in one
direction. Intervals come from the bootstrap with a fixed seed, so that the
same file always gives the same page.
"""

import math

import numpy
from scipy import stats as scipy_stats

SEED = 20031019
RESAMPLED = 2000


def median(values):
    return float(numpy.median(values)) if len(values) else None


def spread(values):
    """Half the distance between quartiles, relative to the median."""
    if len(values) < 2:
        return None
    low, middle, high = numpy.percentile(values, [25, 50, 75])
    return float((high - low) / 2 / middle) if middle else None


def geometric_mean(values):
    values = [v for v in values if v and v > 0]
    if not values:
        return None
    return math.exp(sum(map(math.log, values)) / len(values))


def interval(values, statistic=numpy.median, level=0.95):
    """A bootstrap interval of a statistic: (low, high)."""
    values = numpy.asarray(values, dtype=float)
    if len(values) < 2:
        return None
    random = numpy.random.default_rng(SEED)
    picks = random.integers(0, len(values), (RESAMPLED, len(values)))
    found = statistic(values[picks], axis=1)
    tail = (1 - level) / 2 * 100
    low, high = numpy.percentile(found, [tail, 100 - tail])
    return float(low), float(high)


def geometric_interval(ratios, level=0.95):
    """Of the geometric mean of several rows' ratios over rounds.

    ratios: {row: [one ratio a round]}. A resample draws rounds within each
    row, so the interval is that of the noise and not of the choice of rows.
    """
    rows = [numpy.asarray(r, dtype=float) for r in ratios.values() if len(r)]
    if not rows or max(map(len, rows)) < 2:
        return None
    random = numpy.random.default_rng(SEED)
    total = numpy.zeros(RESAMPLED)
    for values in rows:
        picks = random.integers(0, len(values), (RESAMPLED, len(values)))
        total += numpy.log(numpy.median(values[picks], axis=1))
    tail = (1 - level) / 2 * 100
    low, high = numpy.percentile(numpy.exp(total / len(rows)),
                                 [tail, 100 - tail])
    return float(low), float(high)


def jain(rates):
    """Jain's index of fairness: 1 if all get the same, 1/n if one has all."""
    rates = numpy.asarray(rates, dtype=float)
    if not len(rates) or not rates.any():
        return None
    return float(rates.sum() ** 2 / (len(rates) * (rates ** 2).sum()))


def differs(old, new):
    """Did two sets of positive values move? The probability by chance.

    The larger of two tests' probabilities cannot be used: with a few rounds
    the test of Mann and Whitney never gets below 2/(n over k), too much to
    be corrected for hundreds of rows. So it decides by itself whether the
    ranks differ (5 %), and only then Welch's t-test of the logarithms says
    how sure that is; else 1. With fewer than 4 values each no rank test can
    reach the level: None.
    """
    if min(len(old), len(new)) < 4:
        return None
    if len(set(old) | set(new)) == 1:
        return 1.0
    ranks = scipy_stats.mannwhitneyu(old, new, alternative="two-sided",
                                     method="auto").pvalue
    if ranks > 0.05:
        return 1.0
    return float(scipy_stats.ttest_ind(numpy.log(old), numpy.log(new),
                                       equal_var=False).pvalue)


def adjusted(probabilities):
    """Those of many tests, after Benjamini and Hochberg; None stays None."""
    known = sorted((p, k) for k, p in probabilities.items() if p is not None)
    result = dict.fromkeys(probabilities)
    smallest = 1.0
    for rank, (p, key) in reversed(list(enumerate(known, 1))):
        smallest = min(smallest, p * len(known) / rank)
        result[key] = smallest
    return result
