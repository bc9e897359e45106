"""The texts that are closest to a question: by words (bm25), by embedding, or by both.

hybrid adds reciprocal ranks, 1 / (60 + rank) (Cormack, Clarke and Büttcher 2009): the two kinds of scores have no unit in common, ranks do.
Ties go to the earlier text, so the same rows give the same order on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from dadeum import embed
from dadeum.evaluate.arms.bm25 import Bm25

DEPTH: Final = 100
"""Texts of each list that enter a hybrid one."""
RANKED: Final = 60.0


def closest(questions: Sequence[str], texts: Sequence[str], by: str, embedding: str = embed.HASHED, n: int = DEPTH) -> Iterator[np.ndarray]:
    """For each question the places of up to `n` texts, the closest first; texts that share nothing with it are left out.

    by: bm25, embedding or hybrid. Raises what `embed.load` does.

    >>> [found.tolist() for found in closest(["환불"], ["배송이 늦어요", "환불해 주세요", "환불"], "bm25")]
    [[2, 1]]
    """
    index = Bm25(texts) if by != "embedding" else None
    if by != "bm25":
        model = embed.load(embedding)
        rows = model.vectors(pl.Series(texts, dtype=pl.String))
        asked = model.vectors(pl.Series(questions, dtype=pl.String))
    for i, question in enumerate(questions):
        lists = []
        if index is not None:
            lists.append(_first(index.scores(question), n))
        if by != "bm25":
            lists.append(_first(rows @ asked[i], n))
        yield lists[0] if len(lists) == 1 else _both(lists, len(texts))[:n]


def _first(scores: np.ndarray, n: int) -> np.ndarray:
    """Places of the `n` largest scores above nought, the largest first, ties by place."""
    found = np.flatnonzero(scores > 0)
    if len(found) > n:
        least = np.partition(scores[found], len(found) - n)[len(found) - n]
        found = found[scores[found] >= least]
    return found[np.argsort(-scores[found], kind="stable")][:n]


def _both(lists: Sequence[np.ndarray], n: int) -> np.ndarray:
    scores = np.zeros(n)
    for found in lists:
        scores[found] += 1 / (RANKED + 1 + np.arange(len(found)))
    return _first(scores, n)
