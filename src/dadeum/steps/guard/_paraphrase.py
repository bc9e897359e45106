"""Items said in other words: texts and turns whose embedding lies close to that of an item.

Which embedding decides what is found (`dadeum.embed`, which tells how good each is): the built-in one knows spelling and finds
other endings, particles and word order, not other words. Items that are compared as a whole are left out: short praise lies close
to all short praise.

Products of single precision depend in their last bits on what else is in the batch, so they only nominate; each cosine
that decides is computed for its pair alone, in double precision.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from dadeum import embed
from dadeum.steps.guard._benchmark import Index, Ints

BLOCK: Final = 1 << 22
"""Cosines in one pass (16 MB)."""
SLACK: Final = 1e-4
"""More than single precision may be off by."""


def alike(strings: pl.Series, owner: Ints, index: Index, embedding: str, threshold: float) -> pl.DataFrame:
    """`at` (row), `item`, `share` (the cosine): of each string the closest items, where they reach the threshold.

    owner: the row of each string, `[len(strings)]`.
    """
    items, known = _vectors(index, embedding)
    mine = embed.load(embedding).vectors(strings)
    rows, columns = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    step = max(1, BLOCK // max(1, len(items)))
    for start in range(0, len(mine) if len(items) else 0, step):
        cosines = mine[start : start + step] @ known.T
        floor = np.maximum(cosines.max(axis=1), threshold) - SLACK
        near = np.nonzero(cosines >= floor[:, None])
        rows.append(near[0] + start)
        columns.append(near[1])
    at, to = np.concatenate(rows), np.concatenate(columns)
    exact = np.einsum("nd,nd->n", mine[at].astype(np.float64), known[to].astype(np.float64)) if len(at) else np.zeros(0)
    # Unit vectors of single precision: a text and itself may come to a little more than 1.
    exact = np.minimum(np.round(exact, 6), 1.0)
    told = {"at": owner[at], "item": items[to], "share": exact}
    return pl.DataFrame(told, schema={"at": pl.Int64, "item": pl.Int64, "share": pl.Float64}).filter(pl.col("share") >= threshold)


@lru_cache(maxsize=2)
def _vectors(index: Index, embedding: str) -> tuple[Ints, np.ndarray]:
    """(the items that have runs, their vectors), once a process."""
    items = np.flatnonzero(index.reach > 0)
    return items, embed.load(embedding).vectors(pl.Series("text", [index.texts[i] for i in items.tolist()], dtype=pl.String))
