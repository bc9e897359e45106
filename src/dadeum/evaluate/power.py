"""What so many items can show, said before anything is trained.

For right/wrong scores the chance of a call is counted out: how many items are discordant is binomial, and which arm wins each of
them is binomial again, held against McNemar's mid-p. Above EXACT items the normal approximation is the same number to a tenth of
a point (Connor 1987: n = (z_a sqrt(d) + z_b sqrt(d - D^2))^2 / D^2). A difference cannot be larger than the share of
discordant items, so where it is asked to be, that share grows with it.

With 20 % discordant items and a chance of 80 %: 26 items show 25 points, 200 show 9, 1,000 show 4.
"""

from __future__ import annotations

import math
from typing import Final

from dadeum.evaluate.quantiles import binomial, normal_quantile
from dadeum.evaluate.resample import mcnemar

EXACT: Final = 1000
FEWEST: Final = 6
"""Clusters below which no p of a sign-flip test reaches 0.05: 2 / 2^5 is 0.0625."""


def design_effect(items: int, clusters: int, correlation: float) -> float:
    """How many times more items are needed because they come in clusters: 1 + (m - 1) * correlation, m the mean size.

    correlation: intraclass correlation of the paired differences, 0 (as good as alone) to 1 (one item says all).

    >>> design_effect(200, 20, 0.1)
    1.9
    """
    return max(1.0, 1 + (items / clusters - 1) * correlation)


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
        if weight < 1e-10:
            continue
        lost = critical(k, level)
        if lost >= 0:
            wins = binomial(k, (1 + gap / apart) / 2)
            called += weight * float(wins[: lost + 1].sum() + wins[k - lost :].sum())
    return float(min(1.0, called))


def critical(discordant: int, level: float) -> int:
    """The most items that the better arm may lose of so many discordant ones for McNemar's mid-p to reach `level`; -1: never.

    >>> critical(4, 0.05), critical(5, 0.05), critical(20, 0.05)
    (-1, 0, 5)
    """
    low, high = -1, (discordant - 1) // 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if mcnemar(discordant - middle, middle) <= level else (low, middle - 1)
    return low


def smallest(
    items: int, *, discordant: float = 0.2, level: float = 0.05, power: float = 0.8, clusters: int | None = None, correlation: float = 0.0
) -> float | None:
    """The smallest true difference that so many items call with chance `power`; null where none is large enough.

    >>> [round(smallest(n), 2) for n in (26, 200, 1000)]
    [0.25, 0.09, 0.04]
    >>> smallest(100, clusters=5) is None
    True
    """
    if clusters is not None and clusters < min(items, FEWEST):
        return None
    alone = int(items / design_effect(items, clusters or max(1, items), correlation))
    if chance(alone, 1.0, discordant, level) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(alone, middle, discordant, level) >= power else (middle, high)
    return high


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


def smallest_mean(spread: float, items: int, *, level: float = 0.05, power: float = 0.8) -> float:
    """For scores that are not right or wrong: the smallest true difference of means, `spread` the deviation of paired differences.

    >>> round(smallest_mean(20.0, 200), 2)
    3.96
    """
    if items < 2:
        return math.inf
    return (normal_quantile(1 - level / 2) + normal_quantile(power)) * spread / math.sqrt(items)


def forecast(items: int, clusters: int, level: float = 0.05, power: float = 0.8) -> list[dict[str, float | None]]:
    """What the items can show, for a few shares of discordant items and correlations within clusters that are not known yet."""
    correlations = (0.0,) if clusters in (0, items) else (0.0, 0.1)
    return [
        {"discordant": d, "correlation": c, "smallest": smallest(items, discordant=d, level=level, power=power, clusters=clusters or None, correlation=c)}
        for d in (0.1, 0.2, 0.4)
        for c in correlations
    ]
