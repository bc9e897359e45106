"""How much of a score is the luck of one training: the variance between seeds, beyond what the sample of items explains.

Means of an arm's S trainings on the same items differ for two reasons: one training is better than another (what counts
here), and each has its own luck on these very items, which is already inside the error over items, since that is taken from
seed-averaged differences. The second part is known from the interaction of seed and cluster and is taken off where both
arms were trained, down to a tenth of the whole. Where the other arm is fixed (the untuned base) nothing is taken off: two
trainings give one degree of freedom, and when they lie together by chance the remainder would often be nought. Measured at
level 0.05 over all ratios of the two parts (200,000 draws each, seeds 2, 3, 5): two trained arms at most 4.3, 4.3, 5.0 % false
calls, with a fixed arm at most 5.0 %; taking all off in both cases gives 5.2 and 13.7 %, Satterthwaite's rule 9.2 and 14.9 %. At a sixth of
that level, as for six steps left out, taking off called any of them in 8.8 %, so there nothing is (docs/proof.md).

An arm with one training borrows the variance of the other; where no arm has two, nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

FLOOR: Final = 0.1
"""The share of the variance between seeds that is kept at least, however much the items explain."""


@dataclass(frozen=True)
class Component:
    """A part of a variance and the degrees of freedom it was estimated with; `variance` 0 where there is none.

    known: with how many degrees of freedom the variance itself is known, where something was taken off: what is left is surer in no respect
    than the whole, so these are fewer by the square of their ratio (Satterthwaite's of a difference), one at least. None: as many as `df`.
    """

    variance: float
    df: float
    known: float | None = None


def between(scores: np.ndarray, weights: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    """The variance of one training's mean over trainings, and the part of it that the items explain.

    scores: (seeds, items), two seeds or more. weights, cluster: (items,).

    >>> between(np.array([[0.0, 0.0], [1.0, 1.0]]), np.ones(2), np.arange(2))
    (0.5, 0.0)
    """
    count, total = scores.shape[0], float(weights.sum())
    means = scores @ weights / total
    size = int(cluster.max()) + 1
    gathered = np.stack([np.bincount(cluster, weights * row, size) for row in scores])
    rest = gathered - means[:, None] * np.bincount(cluster, weights, size)
    rest -= rest.mean(0)
    own = (rest**2).sum() / (count - 1) * size / max(1, size - 1) / total**2
    return float(means.var(ddof=1)), float(own)


def component(arms: list[tuple[np.ndarray, bool]], weights: np.ndarray, cluster: np.ndarray, whole: bool = False) -> Component | None:
    """What training seeds add to the variance of a difference of means; None where nobody can know.

    arms: (scores (seeds, items), fixed) of both sides, or of the one arm whose own mean is asked for. whole: nothing is taken off, as where
    many comparisons are held to a small part of the level each.
    """
    trained = [scores for scores, fixed in arms if not fixed]
    measured = [(*between(s, weights, cluster), len(s) - 1) for s in trained if len(s) > 1]
    if not trained:
        return Component(0.0, 1.0)
    if not measured:
        return None
    parts, unsure = [], 0.0
    for scores in trained:
        seen, own, df = (*between(scores, weights, cluster), len(scores) - 1) if len(scores) > 1 else measured[0]
        rest = max(seen - own, FLOOR * seen) if len(trained) == 2 and not whole else seen
        parts.append(Component(rest / len(scores), df))
        unsure += (seen / len(scores)) ** 2 / df
    variance = sum(part.variance for part in parts)
    if variance == 0:
        return Component(0.0, 1.0)
    return Component(variance, variance**2 / sum(part.variance**2 / part.df for part in parts), max(1.0, variance**2 / unsure))
