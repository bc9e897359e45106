"""How much of a difference is the dice of decoding: the variance within an item, between the answers that were drawn to it.

Scores of items are means over their K samples, and the difference is their weighted mean. The dice fall anew for every item, so that what
decoding adds to its variance is the sum of the items' own, each the variance of the paired difference between samples, divided by K:

    sum of (w_i / sum w)^2 x var_k(a_ik - b_ik) / K

Arms are taken together, sample by sample, since models that are asked the same prompt share the noise of a sample (train/sampling.py), as do
the trainings of one arm. The error over items is taken from sample-averaged differences and has this part inside: it is told as a share
and never added. So has the variance between the means of trainings, where nothing was taken off it (seeds.py); there `among` says how much.
"""

from __future__ import annotations

import numpy as np


def variance(a: np.ndarray | None, b: np.ndarray | None, weights: np.ndarray) -> float | None:
    """What decoding adds to the variance of the difference of two arms; None where one sample leaves it unknown, 0 where nothing was drawn.

    a, b: (seeds, samples, items) each, None for greedy answers. weights: (items,).

    >>> variance(np.array([[[0.0], [1.0]]]), None, np.ones(1))
    0.25
    """
    drawn = [arm.mean(0) for arm in (a, b) if arm is not None]
    if not drawn:
        return 0.0
    if len(drawn[0]) < 2:
        return None
    return _within(drawn[0] - drawn[1] if len(drawn) == 2 else drawn[0], weights)


def among(drawn: np.ndarray, weights: np.ndarray) -> float:
    """What decoding adds to the variance of one training's mean over trainings, as far as these do not share it.

    drawn: (seeds, samples, items), two or more of both.
    """
    rest = drawn - drawn.mean(0)
    return sum(_within(one, weights) for one in rest) / (len(drawn) - 1)


def _within(scores: np.ndarray, weights: np.ndarray) -> float:
    """scores: (samples, items)."""
    return float((weights**2) @ scores.var(axis=0, ddof=1) / len(scores) / weights.sum() ** 2)
