"""What chance alone would do to a paired difference: signs flipped, clusters drawn again, discordant items counted.

flips     if the arms were alike, every cluster's difference could as well have had the other sign: exact under that null. The interval that
          belongs to it holds every value that would not be rejected as the true difference. A value is rejected as seldom as it lies
          between the mean of a random half of the clusters and the mean of the others (typical values; Hartigan 1969)
mcnemar   the same test for right/wrong items without clusters, in closed form, with the mid-p correction (Fagerland, Lydersen,
          Laake 2013: holds its level where the exact test is far below it)
studentised   the paired bootstrap over clusters of t = (mean* - mean) / error*, whose quantiles replace Student's: it follows
          skew, which the percentile interval and the plain t interval do not (Efron and Tibshirani 1993, 12.5; Hall 1992)

Deterministic by seed: PCG64, and the table of sums is sorted before it is drawn from.
"""

from __future__ import annotations

import math

import numpy as np

from dadeum.evaluate.clusters import error, ratio
from dadeum.evaluate.quantiles import binomial

CELLS = 4_000_000
"""Numbers drawn at a time: 32 MB."""
FEW = 64
"""Up to so many kinds of clusters a multinomial draw is faster than drawing them one by one; at 5,000 it takes twice the time."""
ENUMERATED = 12
"""Up to so many clusters all 2^G sign patterns are counted instead of drawn."""


def mcnemar(gained: int, lost: int) -> float:
    """Mid-p of McNemar's exact test, two sided: items that only one arm got right, and that only the other did.

    >>> mcnemar(5, 0)
    0.03125
    >>> mcnemar(0, 0)
    1.0
    """
    n, fewer = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    chances = binomial(n, 0.5)
    return float(min(1.0, 2 * chances[: fewer + 1].sum() - chances[fewer]))


def flips(table: np.ndarray, level: float, draws: int, seed: int) -> tuple[float, float, float]:
    """(p, low, high): two-sided p of the sign-flip permutation test on the sums of clusters, and the weighted means that the test would not
    reject at `level`. Exact to ENUMERATED clusters, else by `draws`; infinite ends where there are too few clusters to reject anything.

    >>> flips(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]), 0.05, 0, 0)
    (0.25, -inf, inf)
    >>> flips(np.array([[float(x), 1.0] for x in range(6)]), 0.05, 0, 0)
    (0.0625, 0.0, 5.0)
    """
    halves, exact = _halves(table, draws, seed)
    # Clusters without a difference are of no account for p, so that few others can be counted out.
    apart = table[table[:, 0] != 0]
    counted, exactly = (halves, exact) if exact or len(apart) > ENUMERATED else _halves(apart, draws, seed)
    total = table.sum(axis=0)
    hits = int((counted[:, 0] * (total[0] - counted[:, 0]) <= 1e-12 * total[0] ** 2).sum())
    p = hits / len(counted) if exactly else (hits + 1) / (draws + 1)
    spared = math.floor(level * len(halves) + 1e-9) if exact else math.floor(level * (draws + 1) + 1e-9) - 1
    if spared < 0:
        return p, -math.inf, math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.stack([halves[:, 0] / halves[:, 1], (total[0] - halves[:, 0]) / (total[1] - halves[:, 1])])
    # All clusters in one half say nothing of the other: any value lies between the two.
    alone = ~np.isfinite(means).all(axis=0)
    low = np.partition(np.where(alone, -np.inf, means.min(axis=0)), spared)[spared]
    high = -np.partition(-np.where(alone, np.inf, means.max(axis=0)), spared)[spared]
    return p, float(low), float(high)


def studentised(table: np.ndarray, level: float, draws: int, seed: int, floor: float = 0.0) -> tuple[float, float]:
    """(low, high) of the weighted mean at confidence 1 - level, by the studentised bootstrap over clusters.

    table: (clusters, 2) as `clusters.sums` gives it. floor: the least error that a draw is credited with; without one, draws
    that miss the few odd items of right/wrong scores have no error at all, and the interval no end. Fewer than two clusters
    say nothing: (-inf, inf).
    """
    centre, spread = ratio(table), error(table)
    if math.isinf(spread):
        return -math.inf, math.inf
    if spread <= 1e-12 * max(1.0, abs(centre)):  # equal gaps, but for the last digits of a division
        return centre, centre
    count = len(table)
    kinds, often = np.unique(table, axis=0, return_counts=True)
    w = kinds[:, 1]
    u = kinds[:, 0] - centre * w
    parts = np.stack([w, u, u * u, u * w, w * w], axis=1)
    rng = np.random.Generator(np.random.PCG64(seed))
    found = []
    for some in _chunks(draws, count):
        # Clusters with the same sums are drawn together: right/wrong items without clusters are of three kinds only.
        total, gap, uu, uw, ww = (_drawn(rng, often, some) @ parts).T
        gap = gap / total
        squares = uu - 2 * gap * uw + gap**2 * ww
        errors = np.maximum(np.sqrt(np.maximum(squares, 0) * count / (count - 1)) / total, floor)
        # A draw of one and the same cluster over and over has no error: its t is infinite, or nought where it hits the mean.
        dust = 1e-9 * spread
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(errors > dust, gap / errors, np.sign(gap) * np.where(abs(gap) > dust, np.inf, 0)))
    t = np.sort(np.concatenate(found))
    below = max(0, math.floor((draws + 1) * level / 2) - 1)
    low, high = t[below], t[len(t) - 1 - below]
    return float(centre - high * spread), float(centre - low * spread)


def _drawn(rng: np.random.Generator, often: np.ndarray, draws: int) -> np.ndarray:
    """(draws, kinds): how many of each kind are in a resample of as many as there are."""
    count, kinds = int(often.sum()), len(often)
    if kinds <= FEW:
        return rng.multinomial(count, often / count, draws).astype(np.float64)
    kind = np.repeat(np.arange(kinds), often)[rng.integers(0, count, (draws, count))]
    kind += np.arange(draws)[:, None] * kinds
    return np.bincount(kind.ravel(), minlength=draws * kinds).reshape(draws, kinds).astype(np.float64)


def _halves(table: np.ndarray, draws: int, seed: int) -> tuple[np.ndarray, bool]:
    """((halves, 2), all): the sums of halves of the clusters, each cluster in it by the toss of a coin: all that there are of few clusters."""
    count = len(table)
    if count <= ENUMERATED:
        return (np.arange(2**count)[:, None] >> np.arange(count) & 1) @ table, True
    kinds, often = np.unique(table, axis=0, return_counts=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    if len(kinds) <= FEW:
        return rng.binomial(often, 0.5, (draws, len(kinds))) @ kinds, False
    made = []
    for some in _chunks(draws, count):
        bits = rng.integers(0, 256, (some, (count + 7) // 8), dtype=np.uint8)
        made.append(np.unpackbits(bits, axis=1, count=count) @ table)
    return np.concatenate(made), False


def _chunks(draws: int, width: int) -> list[int]:
    step = max(1, CELLS // max(1, width))
    return [min(step, draws - i) for i in range(0, draws, step)]
