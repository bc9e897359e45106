"""What the true classes are likely to be, and how each annotator errs: Dawid and Skene (1979), by expectation maximisation.

Every annotator has a confusion matrix (what they say when the truth is so), every class a prior; both and the chance of each class
for each item are estimated in turn, beginning with the shares of the votes. No chance is involved. Each cell of a confusion matrix
begins with `PRIOR` of a vote, and `PRIOR_RIGHT` more where it is right: with no votes to go by an annotator is trusted a little, and a few
votes don't make anyone infallible. On items with votes alone by one annotator the answer is that vote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PRIOR: Final = 0.1
PRIOR_RIGHT: Final = 0.9
ROUNDS: Final = 200
SETTLED: Final = 1e-7
"""The largest change of a chance at which it stops."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """`chances` [items, classes], `prior` [classes], `confusion` [annotators, true class, said class]; rows add up to 1."""

    chances: Floats
    prior: Floats
    confusion: Floats
    rounds: int


def estimate(item: Ints, annotator: Ints, said: Ints, items: int, annotators: int, classes: int) -> Estimate:
    """The estimate from votes, one an entry of the three arrays.

    Memory: items x classes and annotators x classes x classes numbers.
    """
    counts = np.bincount(item * classes + said, minlength=items * classes).reshape(items, classes).astype(np.float64)
    votes = counts.sum(1, keepdims=True)
    chances = np.where(votes > 0, counts / np.maximum(votes, 1), 1 / classes)
    base = np.full((classes, classes), PRIOR) + PRIOR_RIGHT * np.eye(classes)
    cell = annotator * classes + said
    rounds = 0
    for rounds in range(1, ROUNDS + 1):  # noqa: B007 (told afterwards)
        prior = (chances.sum(0) + 1 / classes) / (items + 1)
        confusion = np.empty((annotators, classes, classes))
        for true in range(classes):
            told = np.bincount(cell, weights=chances[item, true], minlength=annotators * classes)
            confusion[:, true] = told.reshape(annotators, classes) + base[true]
        confusion /= confusion.sum(2, keepdims=True)
        logs = np.log(confusion)
        score = np.tile(np.log(prior), (items, 1))
        for true in range(classes):
            score[:, true] += np.bincount(item, weights=logs[annotator, true, said], minlength=items)
        score = np.exp(score - score.max(1, keepdims=True))
        new = score / score.sum(1, keepdims=True)
        moved = float(np.abs(new - chances).max()) if items else 0.0
        chances = new
        if moved < SETTLED:
            break
    return Estimate(chances, prior, confusion, rounds)
