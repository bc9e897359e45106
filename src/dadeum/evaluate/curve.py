"""What more data would buy: a power law through the scores at some sizes, and an interval for the next doubling.

    score(n) = a - b * n^-c                    a: the most there is to gain; c: how fast it comes (towards 0 a line over log n)
    gain     = b * N^-c * (1 - 2^-c)           what going from N to 2 N rows buys

For a given c the curve is a straight line in (a, gain), so everything is generalised least squares on a grid of c. Three numbers out of
four sizes leave c open, and a single best c would pretend to know it: the interval takes in every gain that some c explains nearly as
well as the best one does (profile likelihood). The errors of the sizes: what the items explain, by the jackknife over clusters, with all
sizes asked the same items and therefore together; and the luck of training, of each size that was trained more than once its own (few rows
make for more luck: pooled, an interval of 95 % held 91 where the pilot had three times the luck), of the others pooled. As in a
comparison each part counts at its own degrees of freedom.

Power laws of fine-tuning data: Zhang et al. 2024 (arXiv:2402.17193); that a curve of 25, 50 and 100 % tells whether labelling pays:
OpenAI's fine-tuning guide. Coverage on worlds with a known law is in docs/proof.md.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dadeum.evaluate import clusters, seeds
from dadeum.evaluate.compare import Arm
from dadeum.evaluate.quantiles import t_quantile
from dadeum.evaluate.seeds import Component

EXPONENTS: Final = np.concatenate([-np.geomspace(0.5, 0.02, 12), np.geomspace(0.02, 6.0, 60)])
"""From scores that still gain speed over log n (below nought: the lower half of an accuracy's S) by a line over log n to a curve that
has ended. Up to 2 alone, every curve that had ever risen promised something more; from 0.02 alone, a line over log n was held 88 %."""
NOTHING: Final = 0.1
"""The share of what anybody cares for that counts as nothing: no power law ends, so its gain never is nought exactly."""
FEWEST: Final = 3
"""Sizes below which a curve with three unknowns is no evidence."""
Outlook = Literal["more data helps", "data is not what is missing", "cannot tell"]


@dataclass(frozen=True)
class Size:
    """One size of the training set, and what the models trained on it scored; `arm.scores` is (seeds, items), the same items for all."""

    rows: int
    arm: Arm


@dataclass(frozen=True)
class Law:
    """The curve and what it promises. `gain` is in the unit of the scores, above nought where more data helps."""

    exponent: float
    ceiling: float
    """The score that endless data would come to, by the best exponent; where that is below nought there is none, and this is a constant."""
    gain: float
    low: float
    high: float
    known: bool
    """Whether the luck of training is in the interval: some size was trained more than once."""
    misfit: float
    """How far the sizes lie from the curve, in standard errors; above 2 they follow no power law."""
    rows: int

    def at(self, n: float, higher_is_better: bool = True) -> float:
        """The score that the curve has at `n` rows."""
        away = self.gain * float(_shape(np.array([n]), self.rows, self.exponent)[0])
        return self.ceiling - away if higher_is_better else self.ceiling + away


def law(
    sizes: Sequence[Size],
    cluster: Sequence[Hashable | None] | None = None,
    weights: np.ndarray | None = None,
    *,
    level: float = 0.05,
    higher_is_better: bool = True,
) -> Law:
    """The law through FEWEST sizes or more, all different. Raises ValueError for fewer.

    >>> items = np.repeat([[0.0], [1.0]], 50, axis=1).reshape(1, -1)
    >>> told = law([Size(n, Arm(str(n), items + 0.9 - n**-0.5)) for n in (100, 200, 400)])
    >>> round(told.gain, 3), round(told.exponent, 1), told.known
    (0.015, 0.5, False)
    """
    sizes = sorted(sizes, key=lambda size: size.rows)
    rows = np.array([size.rows for size in sizes], dtype=np.float64)
    if len(set(rows.tolist())) < max(FEWEST, len(rows)):
        raise ValueError(f"a curve takes {FEWEST} sizes or more, all different; got {[size.rows for size in sizes]}")
    sign = 1.0 if higher_is_better else -1.0
    items = sizes[0].arm.scores.shape[1]
    weights = np.ones(items) if weights is None else np.asarray(weights, dtype=np.float64)
    code = clusters.codes(cluster, items)
    means = np.stack([sign * size.arm.scores.mean(0) for size in sizes])
    seen = means @ weights / weights.sum()
    of_items, df_items = _items(means, weights, code), max(1.0, float(code.max()))
    pooled, df_pooled = _luck([size.arm.scores for size in sizes], weights, code)
    lucks = [_luck([size.arm.scores], weights, code) if len(size.arm.scores) > 1 else (pooled, df_pooled) for size in sizes]
    of_training = np.array([luck / len(size.arm.scores) for (luck, _), size in zip(lucks, sizes)])
    # Weighed by the pooled luck: that of three trainings by itself is too rough to weigh anything by.
    whole = of_items + np.diag([pooled / len(size.arm.scores) for size in sizes])
    # Sizes that agree on every item leave a singular matrix: a speck on its diagonal keeps it solvable.
    inverse = np.linalg.inv(whole + np.eye(len(rows)) * max(1e-12, 1e-9 * float(np.trace(whole))))
    found = []
    for exponent in EXPONENTS:
        basis = np.stack([np.ones_like(rows), -_shape(rows, rows[-1], exponent)], axis=1)
        solve = np.linalg.solve(basis.T @ inverse @ basis, basis.T @ inverse)
        ceiling, gain = solve @ seen
        rest = seen - basis @ (ceiling, gain)
        parts = solve[1] ** 2 * of_training
        luck = Component(float(parts.sum()), _satterthwaite(parts, [df for _, df in lucks]))
        found.append((float(rest @ inverse @ rest), float(gain), float(ceiling), max(0.0, float(solve[1] @ of_items @ solve[1])), luck))
    least = min(one[0] for one in found)
    best = min(range(len(found)), key=lambda i: found[i][0])
    low, high = math.inf, -math.inf
    for misfit, gain, _, by_items, luck in found:
        half = math.hypot(t_quantile(1 - level / 2, df_items) * math.sqrt(by_items), t_quantile(1 - level / 2, luck.df) * math.sqrt(luck.variance))
        spread = math.sqrt(by_items + luck.variance)
        # The worse an exponent explains the sizes, the less room it has left to bend the gain.
        room = 1 - (misfit - least) / (half / spread) ** 2 if spread > 0 else float(misfit <= least)
        if room >= 0:
            low, high = min(low, gain - half * math.sqrt(room)), max(high, gain + half * math.sqrt(room))
    return Law(
        exponent=float(EXPONENTS[best]),
        ceiling=sign * found[best][2],
        gain=found[best][1],
        low=low,
        high=high,
        known=any(len(size.arm.scores) > 1 for size in sizes),
        misfit=math.sqrt(least),
        rows=int(rows[-1]),
    )


def outlook(told: Law, notable: float) -> Outlook:
    """In words: is the next doubling worth having? notable: the smallest gain that anybody would care for, in the unit of the scores.

    A gain that is there but certainly below `notable` is no reason to gather data.
    """
    if not told.known:
        return "cannot tell"
    if told.high < notable:
        return "data is not what is missing"
    return "more data helps" if told.low > NOTHING * notable else "cannot tell"


def _shape(rows: np.ndarray, top: float, exponent: float) -> np.ndarray:
    """How many times the next doubling's gain the curve still lies below its ceiling at each size."""
    return (rows / top) ** -exponent / (1 - 2.0**-exponent)


def _items(means: np.ndarray, weights: np.ndarray, code: np.ndarray) -> np.ndarray:
    """(sizes, sizes): covariance of the sizes' means over draws of clusters. means: (sizes, items)."""
    count, total = int(code.max()) + 1, weights.sum()
    held = np.bincount(code, weights, count)
    gathered = np.stack([np.bincount(code, weights * line, count) for line in means])
    rest = (gathered - (means @ weights / total)[:, None] * held) / np.maximum(1 - held / total, 1e-9)
    return rest @ rest.T * (count - 1) / count / total**2


def _luck(scores: Sequence[np.ndarray], weights: np.ndarray, code: np.ndarray) -> tuple[float, float]:
    """(variance of one training's mean beyond what its items explain, degrees of freedom), over the sizes trained more than once."""
    repeated = [line for line in scores if len(line) > 1]
    if not repeated:
        return 0.0, 1.0
    parts = [(*seeds.between(line, weights, code), len(line) - 1) for line in repeated]
    df = sum(part[2] for part in parts)
    whole, own = (sum(part[i] * part[2] for part in parts) / df for i in (0, 1))
    return max(whole - own, seeds.FLOOR * whole), float(df)


def _satterthwaite(parts: np.ndarray, dfs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independently estimated variances."""
    total = float(parts.sum())
    return total**2 / float((parts**2 / np.array(dfs)).sum()) if total > 0 else 1.0
