"""What so many items can show, said before anything is trained.

For right/wrong scores of one model the chance of a call is counted out: how many items are discordant is binomial, which arm wins each of
them is binomial again, and each such outcome is compared as a proof compares it: by McNemar's mid-p and by the interval, which at corrected
levels asks for more (of 26 items in three suites McNemar's 80 % is 65 %). Above EXACT items the normal approximation is the same number to a tenth of
a point (Connor 1987: n = (z_a sqrt(d) + z_b sqrt(d - D^2))^2 / D^2). A difference cannot be larger than the share of
discordant items, so where it is asked to be, that share grows with it.

Clusters, scores that are no right and wrong, and several trainings go by Student's t (reach.py). Clusters cost items by the design effect, and
degrees of freedom: clusters of unlike size count as fewer, 1 / sum of squared shares (Kish 1965; Carter, Schnepel and Steigerwald
2017). Trainings add their luck: part of what a training changes another one of the same recipe would not (OWN), and beside that one is
better than another (LUCK). Both are assumptions, and so is the share of discordant items: a forecast is no better than they are.

With 20 % discordant items and a chance of 80 % one model needs: 25 points with 26 items, 9 with 200, 4 with 1,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from dadeum.evaluate.compare import Arm, compare
from dadeum.evaluate.quantiles import binomial, normal_quantile, t_quantile
from dadeum.evaluate.reach import Part, promised
from dadeum.evaluate.resample import mcnemar
from dadeum.evaluate.seeds import FLOOR

EXACT: Final = 1000
FEWEST: Final = 6
"""Clusters below which no p of a sign-flip test reaches 0.05: 2 / 2^5 is 0.0625."""
CORRELATION: Final = 0.1
"""Of the paired differences within a cluster, where nobody knows it: an assumption. With 20 items in a cluster errors are then 1.7 times as wide;
Miller (2024, arXiv:2411.00640) saw up to three times."""
OWN: Final = 0.5
"""Share of the discordant items on which another training of the same recipe would not differ: between two trainings answers flip."""
LUCK: Final = 0.01
"""Deviation of one training's score from another's beyond flipped answers: a point."""


def design_effect(sizes: Sequence[float], correlation: float) -> float:
    """How many times more items are needed because they come in clusters of these sizes.

    1 + (m - 1) * correlation, m the size of the cluster that an item lies in on average (Kish 1965: unlike sizes cost more). correlation:
    intraclass correlation of the paired differences, 0 (as good as alone) to 1 (one item says all).

    >>> design_effect([10] * 20, 0.1), design_effect([1, 19] * 10, 0.1)
    (1.9, 2.71)
    """
    size = np.asarray(sizes, dtype=np.float64)
    return 1 + (float((size**2).sum() / size.sum()) - 1) * correlation


def effective(sizes: Sequence[float]) -> float:
    """How many clusters of one size would tell as much as these.

    >>> effective([10] * 20), round(effective([1, 19] * 10), 1)
    (20.0, 11.0)
    """
    size = np.asarray(sizes, dtype=np.float64)
    return float(size.sum() ** 2 / (size**2).sum())


def chance(items: int, difference: float, discordant: float = 0.2, level: float = 0.05) -> float:
    """The chance that a true difference (a share, 0.09 is nine points) is called, either way, on so many items.

    >>> round(chance(200, 0.09), 2)
    0.83
    """
    gap = min(1.0, abs(difference))
    apart = min(1.0, max(discordant, gap))
    if not items or not apart:
        return 0.0
    if items > EXACT:
        z = normal_quantile(1 - level / 2)
        reach = z * math.sqrt(apart)
        spread = math.sqrt(max(apart - gap**2, 1e-12))
        up = (reach - gap * math.sqrt(items)) / spread
        down = (reach + gap * math.sqrt(items)) / spread
        return (math.erfc(up / math.sqrt(2)) + math.erfc(down / math.sqrt(2))) / 2
    called = 0.0
    for k, weight in enumerate(binomial(items, apart)):
        if weight < 1e-6:
            continue
        lost = critical(items, k, level)
        if lost >= 0:
            wins = binomial(k, (1 + gap / apart) / 2)
            called += weight * float(wins[: lost + 1].sum() + wins[k - lost :].sum())
    return float(min(1.0, called))


@cache
def critical(items: int, discordant: int, level: float) -> int:
    """The most of so many discordant items that the better arm may lose for a comparison of so many items to be called at `level`; -1: never.

    >>> critical(60, 4, 0.05), critical(60, 5, 0.05), critical(60, 20, 0.05)
    (-1, 0, 5)
    """
    low, high = -1, (discordant - 1) // 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if mcnemar(discordant - middle, middle) <= level else (low, middle - 1)
    while low >= 0 and _p(items, discordant - low, low) > level:
        low -= 1
    return low


@cache
def _p(items: int, won: int, lost: int) -> float:
    """p of a comparison of right and wrong items by themselves, which hangs on these counts alone."""
    gap = np.repeat([1.0, -1.0, 0.0], [won, lost, items - won - lost])[None]
    return compare(Arm("a", np.maximum(gap, 0)), Arm("b", np.maximum(-gap, 0), fixed=True), binary=True).p


def smallest(
    items: int, *, discordant: float = 0.2, level: float = 0.05, power: float = 0.8,
    sizes: Sequence[float] | None = None, correlation: float = CORRELATION, seeds: int = 1, raw: bool = False,
) -> float | None:  # fmt: skip
    """The smallest true difference that so many items call with chance `power`; null where none is large enough.

    level: over as many comparisons as are corrected together (Holm's first step). sizes: items of each cluster, None where each stands alone.
    seeds: trainings of an arm; raw: the other arm is trained as often, else it is the untuned base.

    >>> [round(smallest(n), 2) for n in (26, 200, 1000)]
    [0.25, 0.09, 0.04]
    >>> smallest(100, sizes=[20] * 5) is None
    True
    >>> round(smallest(200, seeds=3), 2), round(smallest(200, sizes=[10] * 20), 2)
    (0.1, 0.13)
    """
    alone = sizes is None or len(sizes) == items
    if sizes is not None and len(sizes) < min(items, FEWEST):
        return None

    def enough(gap: float) -> bool:
        if alone and seeds == 1:
            return chance(items, gap, discordant, level) >= power
        return _called(gap, items, discordant, level, power, None if alone else sizes, correlation, seeds, raw)

    if not enough(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _called(
    gap: float, items: int, discordant: float, level: float, power: float, sizes: Sequence[float] | None, correlation: float, seeds: int, raw: bool
) -> bool:
    """Whether a true difference is called with chance `power`, by Student's t."""
    apart = min(1.0, max(discordant, gap))
    own = OWN * apart if seeds > 1 else 0.0
    spread = max(apart - own + own / seeds - gap**2, 1e-12)
    costs, count = (1.0, float(items)) if sizes is None else (design_effect(sizes, correlation), effective(sizes))
    # Two made-up items, one won and one lost, are in the interval of right/wrong scores.
    padded = items + 2
    error = math.sqrt(spread * costs * items + 2) / padded
    parts = [Part(error, t_quantile(1 - level / 2, count - 1) * error, count - 1)]
    if seeds > 1:
        # Against a fixed arm all of what trainings differ by is taken for luck, flipped answers too; between two trained arms, luck alone.
        luck = math.sqrt((2 * max(LUCK**2, FLOOR * own / 2 / items) if raw else LUCK**2 + own / items) / seeds)
        df = (seeds - 1) * (2 if raw else 1)
        parts.append(Part(LUCK * math.sqrt((2 if raw else 1) / seeds), t_quantile(1 - level / 2, df) * luck, df))
    return promised(parts, power, known=True) <= gap * items / padded


def needed(difference: float, *, discordant: float = 0.2, level: float = 0.05, power: float = 0.8, effect: float = 1.0) -> int:
    """How many items call a true difference with chance `power`; `effect` is the design effect of their clusters.

    The exact chance goes up and down a little from one number to the next, so the answer is good to a few items.

    >>> needed(0.04) in range(950, 1010)
    True
    """
    if not 0 < abs(difference) <= 1:
        raise ValueError(f"difference must be a share above 0 and at most 1, got {difference}")
    low, high = 0, 1
    while chance(high, difference, discordant, level) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle, difference, discordant, level) >= power else (middle, high)
    return math.ceil(high * effect)


def smallest_mean(
    spread: float, items: int, *, level: float = 0.05, power: float = 0.8, sizes: Sequence[float] | None = None, correlation: float = CORRELATION
) -> float | None:
    """For scores that are no right and wrong, of one model: the smallest true difference of means, `spread` the deviation of paired differences.

    >>> round(smallest_mean(20.0, 200), 2)
    3.99
    """
    count = float(items) if sizes is None else effective(sizes)
    if count < 2 or (sizes is not None and len(sizes) < FEWEST):
        return None
    error = spread * math.sqrt((1.0 if sizes is None else design_effect(sizes, correlation)) / items)
    return promised([Part(error, t_quantile(1 - level / 2, count - 1) * error, count - 1)], power, known=True)


def forecast(
    items: int, sizes: Sequence[float] | None = None, *, level: float = 0.05, power: float = 0.8, seeds: int = 1, raw: bool = False
) -> list[dict[str, float | None]]:
    """What the items can show, for a few shares of discordant items and, of clusters, correlations within them that are not known yet."""
    if not items:
        return []
    return [
        {"discordant": d, "correlation": c, "smallest": smallest(items, discordant=d, level=level, power=power, sizes=sizes, correlation=c, seeds=seeds, raw=raw)}
        for d in (0.1, 0.2, 0.4)
        for c in ((0.0,) if sizes is None or len(sizes) == items else (0.0, CORRELATION))
    ]
