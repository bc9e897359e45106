"""Many arms in one order: Bradley and Terry's model (1952) of who wins against whom, item by item.

An item is a match between each two arms: won by who scored more, drawn where both score alike (half a win each; an answer that several
seeds give counts by its mean). The strengths make the wins most likely; they are found by Newton's method, each arm with a hundredth of a
win and a loss against an arm of average strength, so that one who always wins has a finite lead. They are told as Elo-like points: 400 points are
odds of ten to one, the average is 0.

Intervals come from drawing clusters of items anew. `rank` is an interval too: from the best to the worst place that an arm took in 95 % of
the draws. The model can only put arms in a line: where a beats b, b beats c and c beats a by more than chance allows, the circle is told
and the line is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import permutations
from typing import Any, Final

import numpy as np

from dadeum.evaluate import clusters
from dadeum.evaluate.compare import Arm, compare

SCALE: Final = 400 / np.log(10)
PRIOR: Final = 0.01
DRAWS: Final = 500
STEPS: Final = 200
FARTHEST: Final = 2.0
"""How far one step of Newton's method may go: far from the answer it overshoots."""


def ranking(
    arms: Sequence[Arm], cluster: Sequence[Hashable | None] | None = None, *, binary: bool, higher_is_better: bool = True, level: float = 0.05, seed: int = 0
) -> dict[str, Any]:
    """{arms: [{name, points, low, high, first, last}], circles, draws}, the strongest first; `first` and `last` are its places.

    arms: two or more, on the same items. Two arms on one place, or an arm that is ahead by an interval with nought in it, are not told apart.
    """
    up = 1 if higher_is_better else -1
    scores = np.array([up * arm.scores.mean(0) for arm in arms])
    code = clusters.codes(cluster, scores.shape[1])
    won = wins(scores)
    parts = np.stack([np.bincount(code, won[i, j]) for i, j in permutations(range(len(arms)), 2)])
    points = SCALE * strengths(_table(parts.sum(1), len(arms)))
    rng = np.random.Generator(np.random.PCG64(seed))
    count = parts.shape[1]
    drawn = np.array([SCALE * strengths(_table(parts @ np.bincount(rng.integers(0, count, count), minlength=count), len(arms))) for _ in range(DRAWS)])
    places = 1 + (drawn[:, None, :] > drawn[:, :, None] + 1e-9).sum(2)
    ends = [100 * level / 2, 100 * (1 - level / 2)]
    low, high = np.percentile(drawn, ends, axis=0)
    first, last = np.percentile(places, ends, axis=0, method="nearest").astype(int)
    made = [
        {"name": arm.name, "points": float(points[i]), "low": float(low[i]), "high": float(high[i]), "first": int(first[i]), "last": int(last[i])}
        for i, arm in enumerate(arms)
    ]
    return {"arms": sorted(made, key=lambda one: -one["points"]), "circles": circles(arms, cluster, binary, up, level, seed), "draws": DRAWS}


def wins(scores: np.ndarray) -> np.ndarray:
    """[arms, arms, items]: 1 where the first scored more than the second, one half where alike. scores: [arms, items]."""
    gap = np.round(scores[:, None, :] - scores[None, :, :], 12)
    return (np.sign(gap) + 1) / 2


def strengths(table: np.ndarray) -> np.ndarray:
    """Natural logarithms of the strengths, their mean 0. table: [arms, arms] of wins of the row's arm over the column's.

    >>> np.round(strengths(np.array([[0.0, 30.0], [10.0, 0.0]])), 2).tolist()
    [0.55, -0.55]
    """
    games = table + table.T
    won = table.sum(1) + PRIOR
    logs = np.zeros(len(table))
    for _ in range(STEPS):
        ahead = 1 / (1 + np.exp(logs[None, :] - logs[:, None]))
        # The invented arm stands at nought, so that the likelihood has one top and not a ridge.
        average = 1 / (1 + np.exp(-logs))
        slope = won - (games * ahead).sum(1) - 2 * PRIOR * average
        bend = -games * ahead * (1 - ahead)
        np.fill_diagonal(bend, 0)
        np.fill_diagonal(bend, 2 * PRIOR * average * (1 - average) - bend.sum(1))
        step = np.linalg.solve(bend, slope)
        logs = logs + step * min(1.0, FARTHEST / max(1e-12, np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return logs - logs.mean()


def circles(arms: Sequence[Arm], cluster: Sequence[Hashable | None] | None, binary: bool, up: int, level: float, seed: int) -> list[list[str]]:
    """Triples a, b, c of which each beats the next, all three differences called at `level` over the number of pairs (Bonferroni)."""
    pairs = len(arms) * (len(arms) - 1) // 2
    beats = np.zeros((len(arms), len(arms)), dtype=bool)
    for i in range(len(arms)):
        for j in range(i):
            # Wins, not scores, are what the line is drawn by: sums of scores are always in a line.
            gap = np.sign(np.round(up * (arms[i].scores.mean(0) - arms[j].scores.mean(0)), 12))
            if not gap.any():
                continue
            found = compare(Arm("a", gap[None], fixed=True), Arm("b", np.zeros((1, len(gap))), fixed=True), cluster, resamples=1999, seed=seed)
            if found.p <= level / pairs:
                beats[(i, j) if found.difference > 0 else (j, i)] = True
    triples = [t for t in permutations(range(len(arms)), 3) if t[0] == min(t) and beats[t[0], t[1]] and beats[t[1], t[2]] and beats[t[2], t[0]]]
    return [[arms[i].name for i in t] for t in triples]


def _table(won: np.ndarray, n: int) -> np.ndarray:
    table = np.zeros((n, n))
    for (i, j), value in zip(permutations(range(n), 2), won):
        table[i, j] = value
    return table
