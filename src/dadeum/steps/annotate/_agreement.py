"""Agreement between annotators: Krippendorff's alpha, Fleiss' and Cohen's kappa, Gwet's AC1, with intervals.

| statistic | observed                                   | expected by chance                             | source             |
|-----------|--------------------------------------------|------------------------------------------------|--------------------|
| alpha     | distance of the votes within an item       | distance of all votes, whatever their item     | Krippendorff 2011  |
| Fleiss    | pairs of votes in an item that are equal   | sum of squared class shares                    | Fleiss 1971        |
| AC1       | as Fleiss                                  | sum of p(1 - p) over classes, over classes - 1 | Gwet 2008          |
| Cohen     | two annotators' equal votes (or weighted)  | product of both annotators' own shares         | Cohen 1960, 1968   |

Alpha takes any number of votes an item, and distances by the level of the values. Fleiss' kappa was made for the same number
everywhere; with other numbers it is the mean over items and the share over votes, which is the original where they are equal.
Where nearly all votes are of one class alpha and kappa fall towards 0 though nearly all agree (Feinstein and Cicchetti 1990): the
observed agreement and AC1 stand beside them. A statistic that is not defined (no two votes, or only one class) is None.

Intervals: items drawn with replacement (percentile bootstrap): whole items, because votes on one item hang together.
Matrices of counts are `[items, classes]`; classes are in their order, or by value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = npt.NDArray[np.float64]
Interval = dict[str, float | None]
Statistic = Callable[[Floats, Floats], float | None]

DRAWS: Final = 1000


def distances(level: Level, values: Floats, totals: Floats) -> Floats:
    """`[classes, classes]`: the squared distance of two values. totals: votes of each class, which ordinal distances count in.

    >>> distances("ordinal", np.arange(3.0), np.array([2.0, 4.0, 2.0]))[0].tolist()
    [0.0, 9.0, 36.0]
    """
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.subtract.outer(values, values) ** 2
    if level == "ratio":
        both = np.add.outer(values, values)
        return (np.subtract.outer(values, values) / np.where(both == 0, 1, both)) ** 2
    middle = np.cumsum(totals) - totals / 2
    return np.subtract.outer(middle, middle) ** 2


def alpha(counts: Floats, level: Level, values: Floats) -> float | None:
    """Krippendorff's alpha of `[items, classes]` votes; items with fewer than two votes say nothing. values: numbers of the classes.

    >>> alpha(np.array([[2.0, 0], [0, 2], [1, 1]]), "nominal", np.arange(2.0))
    0.4444444444444444
    """
    return _alpha(*_kinds(counts), level, values)


def fleiss(counts: Floats) -> float | None:
    """Fleiss' kappa.

    >>> round(fleiss(np.array([[2.0, 0], [0, 2], [1, 1]])), 4)
    0.3333
    """
    return _fleiss(*_kinds(counts))


def ac1(counts: Floats) -> float | None:
    """Gwet's AC1, which nearly-all-one-class data do not pull towards 0."""
    return _ac1(*_kinds(counts))


def observed(counts: Floats) -> float | None:
    """Mean share of the pairs of votes on an item that are equal."""
    kinds, often = _kinds(counts)
    return float((_equal(kinds) @ often) / often.sum()) if len(kinds) else None


def cohen(table: Floats, level: Level = "nominal", values: Floats | None = None) -> float | None:
    """Cohen's kappa of `[classes of one, classes of the other]` counts; weighted by distance where the level is not nominal
    (interval: the usual quadratic weights).

    >>> round(cohen(np.array([[20.0, 5], [10, 15]])), 4)
    0.4
    """
    n = table.sum()
    rows, columns = table.sum(1), table.sum(0)
    numbers = np.arange(len(table), dtype=np.float64) if values is None else values
    weights = distances(level, numbers, rows + columns)
    expected = float(rows @ weights @ columns) / n if n else 0.0
    return float(1 - (table * weights).sum() / expected) if expected > 0 else None


def bootstrap(counts: Floats, of: Statistic, confidence: float, draws: int, seed: int) -> tuple[float | None, float | None]:
    """(low, high) of a statistic `of(kinds, often)` over items drawn with replacement; None where fewer than half the draws define it.

    kinds: the different rows of counts; often: how many items have each. Items alike are drawn together, and they are sorted, so the
    order of items is irrelevant.
    """
    kinds, often = _kinds(counts)
    if not len(kinds):
        return None, None
    rng = np.random.Generator(np.random.PCG64(seed))
    n = int(often.sum())
    made = [of(kinds, drawn.astype(np.float64)) for drawn in rng.multinomial(n, often / n, draws)]
    found = np.array([value for value in made if value is not None])
    if len(found) < draws / 2:
        return None, None
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def all_of(counts: Floats, level: Level, values: Floats, confidence: float, draws: int, seed: int) -> dict[str, Interval]:
    """Every statistic of the whole panel with its interval: {name: {value, low, high}}."""
    named: dict[str, Statistic] = {
        "alpha": lambda kinds, often: _alpha(kinds, often, level, values),
        "fleiss": _fleiss,
        "ac1": _ac1,
        "observed": lambda kinds, often: float(_equal(kinds) @ often / often.sum()),
    }
    told: dict[str, Interval] = {}
    for name, of in named.items():
        kinds, often = _kinds(counts)
        value = of(kinds, often) if len(kinds) else None
        low, high = bootstrap(counts, of, confidence, draws, seed) if value is not None else (None, None)
        told[name] = {"value": value, "low": low, "high": high}
    return told


def _kinds(counts: Floats) -> tuple[Floats, Floats]:
    """The different rows with at least two votes, sorted, and how often each occurs."""
    paired = counts[counts.sum(1) >= 2]
    if not len(paired):
        return paired, np.zeros(0)
    kinds, often = np.unique(paired, axis=0, return_counts=True)
    return kinds, often.astype(np.float64)


def _alpha(kinds: Floats, often: Floats, level: Level, values: Floats) -> float | None:
    totals = often @ kinds
    n = totals.sum()
    if n < 2:
        return None
    away = distances(level, values, totals)
    # Pairs of a vote with itself have no distance, so they need not be taken out of the observed sum.
    within = ((kinds @ away) * kinds).sum(1) / (kinds.sum(1) - 1)
    expected = totals @ away @ totals / (n - 1)
    return float(1 - (often @ within) / expected) if expected > 0 else None


def _equal(kinds: Floats) -> Floats:
    """Share of the ordered pairs of votes in each item that are equal."""
    votes = kinds.sum(1)
    return (kinds * (kinds - 1)).sum(1) / (votes * (votes - 1))


def _fleiss(kinds: Floats, often: Floats) -> float | None:
    if not often.sum():
        return None
    share = often @ kinds / (often @ kinds).sum()
    chance = float((share**2).sum())
    return (float(_equal(kinds) @ often / often.sum()) - chance) / (1 - chance) if chance < 1 else None


def _ac1(kinds: Floats, often: Floats) -> float | None:
    classes = kinds.shape[1]
    if not often.sum() or classes < 2:
        return None
    share = often @ (kinds / kinds.sum(1, keepdims=True)) / often.sum()
    chance = float((share * (1 - share)).sum()) / (classes - 1)
    return (float(_equal(kinds) @ often / often.sum()) - chance) / (1 - chance)
