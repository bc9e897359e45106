"""Crowds: many rows of which most are like most others, or look so until they are counted.

Thousands of near-copies of one text have millions of pairs that nobody needs to know: of a greedy choice, and of connected
components alike, it is enough to hold the one that stays against the others. So their pairs are not listed; one row at a time
is compared with all that are still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from dadeum.steps.dedup._near.groups import Groups
from dadeum.steps.dedup._near.sets import EDGE, U32, U64, Floats, Ints, bitmaps, differing, least, ragged, summed, words

LARGE: Final = (4096, 512, 64, 8)
"""More rows than which make a group a large one, one after the other."""
AGAIN: Final = (0.3, 0.3, 0.75, 0.75)
"""More listed pairs than so many for each possible one make a crowd, by how large a group is. Of rows that share one rare value by accident
fewer are listed, as their sets differ in size, and as it is not among the rarest of all of them. (1.0: 10,000 rows that share a long
opening cost twice; 0.75 for the large ones: 10,000 copies of one text that are just as similar as asked cost three times as much.)"""
FINE: Final = 4
"""Bits of a bitmap for each value: rows of a crowd share a lot, and differ in little more than what is allowed."""


class Crowd:
    """The sets of some rows, ready to be held against one another. Memory: 8 bytes a value."""

    def __init__(self, values: U32, starts: Ints, sizes: Ints) -> None:
        """The rows' sets are `values[start:start + size]`."""
        known, self._ids = np.unique(values[ragged(starts, sizes)], return_inverse=True)
        self._mark = np.zeros(len(known), dtype=bool)
        self._values, self._from, self._sizes = values, starts, sizes
        self._starts = np.cumsum(sizes) - sizes

    @cached_property
    def _bits(self) -> U64:
        return bitmaps(self._values, self._from, self._sizes, words(self._sizes, FINE))

    def like(self, one: int, others: Ints, threshold: float) -> tuple[Ints, Floats]:
        """(those of `others` that are so similar to `one`, how similar they are). Positions in the crowd."""
        size = int(self._sizes[one])
        theirs = self._sizes[others]
        fits = (theirs >= threshold * size - EDGE) & (theirs * threshold <= size + EDGE)
        others = others[fits]
        together = size + self._sizes[others]
        near = differing(self._bits[one], self._bits.take(others, axis=0)) <= together - 2 * least(threshold, together)
        others, together = others[near], together[near]
        mine = self._ids[self._starts[one] : self._starts[one] + size]
        self._mark[mine] = True
        found = summed(self._mark[self._ids[ragged(self._starts[others], self._sizes[others])]], self._sizes[others])
        self._mark[mine] = False
        similarity = found / (together - found)
        enough = similarity >= threshold
        return others[enough], similarity[enough]


def crowded(found: Sequence[Groups], n: int) -> Ints:
    """`[n]`: the number of each row's crowd, from 1; 0 for a row that is in none.

    Large groups that have rows in common are taken together. They are a crowd where their pairs, listed group by group, would
    repeat themselves. The largest groups first: with smaller ones a crowd would be connected with whatever shares a word with it.
    """
    number = np.zeros(n, dtype=np.int64)
    for large, again in zip(LARGE, AGAIN):
        rows, partners, sizes = (np.concatenate(part) for part in zip(*(_large(groups, number, large) for groups in found)))
        if not len(rows):
            continue
        label = _components(rows, sizes, n)
        inside = np.flatnonzero(np.bincount(rows, minlength=n))
        members = np.bincount(label[inside], minlength=n)
        listed = np.bincount(label[rows], weights=partners, minlength=n)
        crowd = (members > LARGE[-1]) & (listed > again * members * (members - 1) / 2)
        number[inside] = np.maximum(number[inside], np.where(crowd, np.cumsum(crowd) + number.max(), 0)[label[inside]])
        for groups in found:
            absorb(groups, number)
    return number


def absorb(groups: Groups, number: Ints) -> None:
    """Rows that are in no crowd and in a group of which most are in one join it: else each is listed with every row of that."""
    starts = groups.starts
    if not number.any() or not len(starts):
        return
    rows = groups.rows
    size = np.diff(np.append(starts, len(rows)))
    crowd = np.maximum.reduceat(number.astype(np.int32)[rows], starts)
    some = (crowd > 0) & (size > LARGE[-1])
    rows, size, crowd = rows[np.repeat(some, size)], size[some], crowd[some]  # a few of all: the rest has nothing to join
    theirs = np.repeat(crowd, size)
    most = summed(number[rows] == theirs, size) * 2 > size
    joins = np.repeat(most, size) & (number[rows] == 0)
    number[rows[joins]] = theirs[joins]


def outside(groups: Groups, crowd: Ints) -> Groups:
    """The same groups; those that lie within one crowd make no pairs."""
    starts = groups.starts
    if not crowd.any() or not len(starts):
        return groups
    mine = crowd.astype(np.int32)[groups.rows]
    whole = np.maximum.reduceat(mine, starts)
    whole[np.minimum.reduceat(mine, starts) != whole] = 0
    within = np.repeat(whole > 0, np.diff(np.append(starts, len(mine))))
    return Groups(groups.postings, np.where(within, 0, groups.partners))


def _large(groups: Groups, number: Ints, large: int) -> tuple[Ints, Ints, Ints]:
    """(rows, partners) of the postings in groups that have more than `large` rows in no crowd yet, and how many these are."""
    starts, rows = groups.starts, groups.rows
    if not len(starts):
        return rows, groups.partners, starts
    free = (number == 0)[rows]
    size = np.add.reduceat(free, starts, dtype=np.int64)
    at = np.repeat(size > large, np.diff(np.append(starts, len(rows))))
    at &= free
    return rows[at], groups.partners[at], size[size > large]


def _components(rows: Ints, sizes: Ints, n: int) -> Ints:
    """`[n]`: the smallest row that each is connected with by groups, runs of `rows`."""
    label = np.arange(n)
    begin = np.cumsum(sizes) - sizes
    while True:
        lowest = np.repeat(np.minimum.reduceat(label[rows], begin), sizes)
        new = label.copy()
        np.minimum.at(new, rows, lowest)
        np.minimum.at(new, label[rows], lowest)
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new
