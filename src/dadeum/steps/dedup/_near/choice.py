"""Who stays: rows in their order, each unless one before it that stays is so similar (greedy maximal independent set).

What buckets found is settled by asking again: among those who stay there are fewer candidates, so that the exact join may be
affordable, or a crowd is small enough to be seen, and pairs come to light that were overlooked. They are added, and who stays is
decided anew, until a search among those who stay finds nothing: whoever deduplicates the result again loses nobody.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from dadeum.steps.dedup._near.crowd import Crowd
from dadeum.steps.dedup._near.join import Method, Related, overlooked, related
from dadeum.steps.dedup._near.lists import flat, listed
from dadeum.steps.dedup._near.sets import U32, U64, Bools, Floats, Ints, Sets, ragged


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


class Edges(NamedTuple):
    """Pairs of texts, each text by its place in the order of who stays."""

    low: Ints
    high: Ints
    similarity: Floats


def framed(found: Related, rows: pl.DataFrame, values: U32, offsets: Ints) -> pl.DataFrame:
    """What is related as a table: those of `rows` that are like another one, with

    `same`: the first row that says the same; and, where that is the row itself, `near`: such rows further down that are alike,
    `similarity` with each of them, `crowd`: a number, from 1, of rows to be compared by their `set`. Where buckets found them,
    all rows that have a set, with it.
    """
    number = rows.get_column("row").to_numpy()
    told = np.bincount(found.same, minlength=len(number)) > 1
    told[found.a] = told[found.b] = True
    told |= found.crowd > 0
    again = (found.same == np.arange(len(number))) & (found.method == "minhash") & (np.diff(offsets) > 0)
    told |= again
    at = np.flatnonzero(told[found.same])
    order = np.argsort(found.a, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(found.a, minlength=len(number))[at]))
    compared = (found.crowd[at] > 0) | again[at]
    sizes = np.where(compared, np.diff(offsets)[at], 0)
    sets = values[ragged(offsets[at][compared], sizes[compared])]
    return rows.drop("key")[at].with_columns(
        pl.Series("same", number[found.same[at]]),
        listed("near", number[found.b[order]], ends),
        listed("similarity", found.similarity[order], ends),
        pl.Series("crowd", found.crowd[at].astype(np.uint32)),
        listed("set", sets, np.append(0, np.cumsum(sizes))),
        pl.lit(found.method, dtype=pl.Enum(["exact", "minhash"])).alias("method"),
    )


def choose(related: pl.DataFrame, threshold: float, floor: float, method: Method) -> Choice:
    """related: as `framed` made it, the best row first, of pairs down to `floor`; method: how they were asked for."""
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
    texts = related[teller]
    edges = _within(texts, known, rank, threshold)
    witness, similarity = _greedy(texts, edges, threshold)
    while "minhash" in related.get_column("method")[:1]:
        new = _among(texts, np.flatnonzero(witness < 0), threshold, floor, method)
        if not len(new[0]):
            break
        edges = Edges(*(np.concatenate(both) for both in zip(edges, new)))
        witness, similarity = _greedy(texts, edges, threshold)
    left = witness >= 0
    goes = left[text] | (best[text] != np.arange(len(rows)))
    into = np.where(left, witness, np.arange(len(best)))[text]
    return Choice(rows[goes], rows[best[into]][goes], np.where(left, similarity, 1.0)[text][goes], (text == into)[goes])


def _within(texts: pl.DataFrame, known: U64, rank: Ints, threshold: float) -> Edges:
    """The pairs that are listed. known, rank: row numbers and their texts."""
    other, offsets = flat(texts.get_column("near"))
    value: Floats = flat(texts.get_column("similarity"))[0]
    one = np.repeat(np.arange(texts.height), np.diff(offsets))
    enough = value >= threshold
    one, value = one[enough], value[enough]
    two = rank[np.searchsorted(known, other[enough])]
    return Edges(np.minimum(one, two), np.maximum(one, two), value)


def _among(texts: pl.DataFrame, stays: Ints, threshold: float, floor: float, method: Method) -> Edges:
    """The pairs that a search among those who stay finds. In the order of their rows: it is what another run would do."""
    stays = stays[np.argsort(texts.get_column("row").to_numpy()[stays])]
    a, b, value = overlooked(_sets(texts, stays), floor, threshold, method)
    return Edges(np.minimum(stays[a], stays[b]), np.maximum(stays[a], stays[b]), value)


def _sets(texts: pl.DataFrame, at: Ints) -> Sets:
    return Sets(*flat(texts.get_column("set").gather(at)), np.zeros(len(at), dtype=np.uint64))


def _greedy(texts: pl.DataFrame, edges: Edges, threshold: float) -> tuple[Ints, Floats]:
    """(`[texts]`: the text that each leaves for, -1 if it stays; how similar they are)."""
    n = texts.height
    number = np.zeros(n, dtype=np.int64)
    inside = np.flatnonzero(texts.get_column("crowd").to_numpy())
    sets = _sets(texts, inside)
    if len(inside):
        # Who are a crowd at the floor, by something that all of them quote, need not be one at the threshold.
        found = related(sets, threshold, "exact")
        low, high = np.minimum(inside[found.a], inside[found.b]), np.maximum(inside[found.a], inside[found.b])
        edges = Edges(np.append(edges.low, low), np.append(edges.high, high), np.append(edges.similarity, found.similarity))
        number[inside] = found.crowd
    order = np.argsort(edges.low, kind="stable")
    begin = np.append(0, np.cumsum(np.bincount(edges.low, minlength=n)))
    others, values = edges.high[order], edges.similarity[order]
    crowds = _Crowds(sets, inside, number[inside])
    witness, similarity = np.full(n, -1), np.zeros(n)
    for one in np.flatnonzero((np.diff(begin) > 0) | (number > 0)).tolist():
        if witness[one] >= 0:
            continue
        like, value = others[begin[one] : begin[one + 1]], values[begin[one] : begin[one + 1]]
        if number[one]:
            near, how = crowds.like(one, int(number[one]), witness, threshold)
            like, value = np.concatenate([like, near]), np.concatenate([value, how])
        new = (witness[like] < 0) & (like > one)
        witness[like[new]] = one
        similarity[like[new]] = value[new]
    return witness, similarity


class _Crowds:
    """The crowds of some texts: each is made when its first text stays, and shrinks as its texts are dealt with."""

    def __init__(self, sets: Sets, texts: Ints, number: Ints) -> None:
        """texts, number: the text and the crowd of each set, texts in order; 0: none."""
        self._sets, self._texts = sets, texts
        inside = np.argsort(number, kind="stable")
        ends = np.cumsum(np.bincount(number, minlength=1))
        self._members = [inside[a:b] for a, b in itertools.pairwise(ends)]
        self._open: dict[int, tuple[Crowd, Ints]] = {}

    def like(self, one: int, number: int, witness: Ints, threshold: float) -> tuple[Ints, Floats]:
        """(the texts of the crowd of `one` that come behind it, are still open and so similar to it; how similar)."""
        at = self._members[number - 1]
        members = self._texts[at]
        if number not in self._open:
            self._open[number] = Crowd(self._sets.values, self._sets.offsets[at], self._sets.sizes[at]), np.arange(len(at))
        crowd, left = self._open[number]
        left = left[(witness[members[left]] < 0) & (members[left] > one)]
        found, value = crowd.like(int(np.searchsorted(members, one)), left, threshold)
        self._open[number] = crowd, left
        if not len(left):
            del self._open[number]  # nobody of it is asked for again
        return members[found], value
