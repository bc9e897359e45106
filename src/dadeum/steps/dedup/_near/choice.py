"""Who stays: rows in their order, each unless one before it that stays is so similar (greedy maximal independent set)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl

from dadeum.steps.dedup._near.crowd import Crowd
from dadeum.steps.dedup._near.join import Related
from dadeum.steps.dedup._near.lists import flat, listed
from dadeum.steps.dedup._near.sets import U32, U64, Bools, Floats, Ints, ragged


@dataclass(frozen=True)
class Choice:
    """The rows that leave, in no order."""

    rows: U64
    witness: U64
    """`[rows]`: who stays in their place."""
    similarity: Floats
    """`[rows]`: how similar the two are."""
    equal: Bools
    """`[rows]`: they say the same."""


def framed(found: Related, rows: pl.DataFrame, values: U32, offsets: Ints) -> pl.DataFrame:
    """What is related as a table: those of `rows` that are like another one, with

    `same`: the first row that says the same; and, where that is the row itself, `near`: such rows further down that are alike,
    `similarity` with each of them, `crowd`: a number, from 1, of rows to be compared by their `set`.
    """
    number = rows.get_column("row").to_numpy()
    told = np.bincount(found.same, minlength=len(number)) > 1
    told[found.a] = told[found.b] = True
    told |= found.crowd > 0
    at = np.flatnonzero(told[found.same])
    order = np.argsort(found.a, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(found.a, minlength=len(number))[at]))
    crowded = found.crowd[at] > 0
    sizes = np.where(crowded, np.diff(offsets)[at], 0)
    sets = values[ragged(offsets[at][crowded], sizes[crowded])]
    return rows.drop("key")[at].with_columns(
        pl.Series("same", number[found.same[at]]),
        listed("near", number[found.b[order]], ends),
        listed("similarity", found.similarity[order], ends),
        pl.Series("crowd", found.crowd[at].astype(np.uint32)),
        listed("set", sets, np.append(0, np.cumsum(sizes))),
        pl.lit(found.method, dtype=pl.Enum(["exact", "minhash"])).alias("method"),
    )


def choose(related: pl.DataFrame, threshold: float) -> Choice:
    """related: as `framed` made it, the best row first."""
    rows, same = related.get_column("row").to_numpy(), related.get_column("same").to_numpy()
    known, first, text = np.unique(same, return_index=True, return_inverse=True)
    # Texts are numbered in the order of their best rows; `best` is that row's place.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    best, text = first[order], rank[text]
    teller = np.empty_like(best)
    at = np.flatnonzero(rows == same)
    teller[text[at]] = at
    witness, similarity = _greedy(related[teller], known, rank, threshold)
    left = witness >= 0
    goes = left[text] | (best[text] != np.arange(len(rows)))
    into = np.where(left, witness, np.arange(len(best)))[text]
    return Choice(rows[goes], rows[best[into]][goes], np.where(left, similarity, 1.0)[text][goes], (text == into)[goes])


def _greedy(texts: pl.DataFrame, known: U64, rank: Ints, threshold: float) -> tuple[Ints, Floats]:
    """(`[texts]`: the text that each leaves for, -1 if it stays; how similar they are). known, rank: row numbers and their texts."""
    n = texts.height
    begin, others, values = _neighbours(texts, known, rank, threshold)
    number = texts.get_column("crowd").to_numpy().astype(np.int64)
    crowds = _Crowds(texts, number)
    witness, similarity = np.full(n, -1), np.zeros(n)
    for one in np.flatnonzero((np.diff(begin) > 0) | (number > 0)).tolist():
        if witness[one] >= 0:
            continue
        like, value = others[begin[one] : begin[one + 1]], values[begin[one] : begin[one + 1]]
        if number[one]:
            near, how = crowds.like(one, witness, threshold)
            like, value = np.concatenate([like, near]), np.concatenate([value, how])
        new = (witness[like] < 0) & (like > one)
        witness[like[new]] = one
        similarity[like[new]] = value[new]
    return witness, similarity


def _neighbours(texts: pl.DataFrame, known: U64, rank: Ints, threshold: float) -> tuple[Ints, Ints, Floats]:
    """(`[texts + 1]` where each text's pairs begin, the other text of each, its similarity); each pair stands at its better text."""
    other, offsets = flat(texts.get_column("near"))
    value: Floats = flat(texts.get_column("similarity"))[0]
    one = np.repeat(np.arange(texts.height), np.diff(offsets))
    enough = value >= threshold
    one, value = one[enough], value[enough]
    two = rank[np.searchsorted(known, other[enough])]
    low, high = np.minimum(one, two), np.maximum(one, two)
    order = np.argsort(low, kind="stable")
    begin = np.append(0, np.cumsum(np.bincount(low, minlength=texts.height)))
    return begin, high[order], value[order]


class _Crowds:
    """The crowds of some texts: each is made when its first text stays, and shrinks as its texts are dealt with."""

    def __init__(self, texts: pl.DataFrame, number: Ints) -> None:
        self._number = number
        self._values, self._offsets = flat(texts.get_column("set"))
        inside = np.flatnonzero(number)
        inside = inside[np.argsort(number[inside], kind="stable")]
        ends = np.cumsum(np.bincount(number[inside], minlength=1))
        self._members = [inside[a:b] for a, b in itertools.pairwise(ends)]
        self._open: dict[int, tuple[Crowd, Ints]] = {}

    def like(self, one: int, witness: Ints, threshold: float) -> tuple[Ints, Floats]:
        """(the texts of the crowd of `one` that come behind it, are still open and so similar to it; how similar)."""
        at = int(self._number[one]) - 1
        members = self._members[at]
        if at not in self._open:
            sizes = self._offsets[members + 1] - self._offsets[members]
            self._open[at] = Crowd(self._values, self._offsets[members], sizes), np.arange(len(members))
        crowd, left = self._open[at]
        left = left[(witness[members[left]] < 0) & (members[left] > one)]
        found, value = crowd.like(int(np.searchsorted(members, one)), left, threshold)
        left = left[~np.isin(left, found)]
        if len(left):
            self._open[at] = crowd, left
        else:
            del self._open[at]  # nobody of it is asked for again
        return members[found], value
