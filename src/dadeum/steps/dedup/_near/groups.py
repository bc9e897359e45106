"""Which rows may be alike: groups of rows such that every pair that is similar enough has a group in common.

`prefixes`: exact. Order the values of every set from the rarest on. Two sets that share enough have one of their first few values
in common (prefix filter; Chaudhuri, Ganti and Kaushik 2006): of a set of n, the first n - ceil(t n) + 1, and of the smaller of both
the first n - ceil(2 t n / (1 + t)) + 1 (Xiao and others 2008): a posting beyond them makes pairs with none behind it. Rare values make small
groups. Values are counted in 2^24 cells, which may count too many: any order serves that is the same for all sets.

`bands`: MinHash, BANDS buckets of up to five minima each. A pair of similarity s has a bucket in common with a probability of
1 - (1 - s^5)^25, 0.99995 at 0.8 and 0.99 at 0.7, whatever other rows there are: where a collection is so large or so much alike
that rare values are no longer rare, this stays nearly linear. Below 0.7 the buckets are of fewer minima.

Rows are numbered by the size of their sets, so that those of a size that can be similar are a run of a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dadeum.steps.dedup._near.sets import BLOCK, EDGE, U32, U64, Bools, Ints, blocks, least, mixed, ragged

BANDS: Final = 25
ROWS: Final = 5
RECALL: Final = 0.985
"""Of the pairs right at the threshold, what buckets have to find."""
CELLS: Final = 24
"""Bits of the table that counts values: 64 MiB."""
HALF: Final = np.uint64(32)
LOW: Final = np.uint64(0xFFFFFFFF)
FEW: Final = 1 << 17
"""Values that are sorted at once: 1 MiB, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Groups:
    """Postings `group << 32 | row << 1 | leads` in order, and how many of those behind each it makes a pair with.

    leads: 1 where it may be the smaller set of a pair. Rows are numbered below 2^31.
    """

    postings: U64
    partners: Ints
    """`[postings]`: the next so many postings are of the same group, and their sets not too large to be similar."""

    @property
    def rows(self) -> Ints:
        """`[postings]`: the row of each."""
        return _rows(self.postings)

    @cached_property
    def starts(self) -> Ints:
        """Where each group begins."""
        return np.flatnonzero(~_as_before(self.postings))


def grouped(postings: U64, sizes: Ints, threshold: float) -> Groups:
    """Postings in any order, rows numbered by size, as groups; those of a row alone are left out."""
    postings.sort()
    again = _as_before(postings)
    postings = postings[again | np.append(again[1:], False)]
    last = np.searchsorted(sizes, np.floor(sizes / threshold + EDGE).astype(np.int64), side="right").astype(np.uint64) * np.uint64(2) - np.uint64(1)
    partners = np.empty(len(postings), dtype=np.int64)
    for start in range(0, len(postings), BLOCK):
        mine = postings[start : start + BLOCK]
        until = (mine & ~LOW) | last[_rows(mine)]
        behind = np.searchsorted(postings, until, side="right") - np.arange(start + 1, start + len(mine) + 1)
        partners[start : start + BLOCK] = behind * (mine & np.uint64(1)).astype(np.int64)
    return Groups(postings, partners)


def _rows(postings: U64) -> Ints:
    rows: Ints = (postings & LOW).view(np.int64)
    rows >>= 1
    return rows


def _as_before(postings: U64) -> Bools:
    """`[postings]`: whether the one before is of the same group."""
    same = np.zeros(len(postings), dtype=bool)
    for start in range(1, len(postings), BLOCK):
        named = postings[start - 1 : start + BLOCK] >> HALF
        same[start : start + BLOCK] = named[1:] == named[:-1]
    return same


def prefixes(values: U32, starts: Ints, sizes: Ints, threshold: float) -> Iterator[Groups]:
    """The groups of rows that have one of their rarest values in common, all at once: 8 bytes a posting, and 8 for its partners.

    Of a set of n there are at most (1 - threshold) n + 1; values of one row alone make none.
    """
    yield grouped(_postings(values, starts, sizes, threshold), sizes, threshold)


def _postings(values: U32, starts: Ints, sizes: Ints, threshold: float) -> U64:
    count = _counted(values)
    found = np.empty(int(_most(sizes, threshold).sum()), dtype=np.uint64)  # what is not filled takes no memory
    n = 0
    for part in blocks(np.maximum(sizes, 2), FEW):
        made = _rarest(values, count, starts[part], sizes[part], part.start, threshold)
        found[n : n + len(made)] = made
        n += len(made)
    return found[:n]


def bands(values: U32, starts: Ints, sizes: Ints, threshold: float) -> Iterator[Groups]:
    """The groups of rows that have a bucket in common, band after band: 8 bytes a row at a time."""
    minima = max(r for r in range(1, ROWS + 1) if r == 1 or 1 - (1 - threshold**r) ** BANDS >= RECALL)
    for band in range(BANDS):
        numbers = np.arange(1 + band * minima, 1 + (band + 1) * minima, dtype=np.uint64) << HALF
        factors = (mixed(numbers) >> HALF).astype(np.uint32) | np.uint32(1)
        masks = (mixed(numbers + np.uint64(1)) >> HALF).astype(np.uint32)
        postings = np.empty(len(starts), dtype=np.uint64)
        for part in blocks(sizes, FEW):
            mine = values[ragged(starts[part], sizes[part])]
            begin = np.cumsum(sizes[part]) - sizes[part]
            bucket = np.zeros(part.stop - part.start, dtype=np.uint64)
            for mask, factor in zip(masks, factors):
                lowest = np.minimum.reduceat((mine ^ mask) * factor, begin).astype(np.uint64)
                bucket = mixed(np.bitwise_xor(bucket, lowest))
            postings[part] = (bucket & ~LOW) | np.arange(2 * part.start + 1, 2 * part.stop, 2, dtype=np.uint64)
        yield grouped(postings, sizes, threshold)


def _most(sizes: Ints, threshold: float) -> Ints:
    """How many of its rarest values a set needs to have one in common with every set that is so similar."""
    return sizes - np.ceil(threshold * sizes - EDGE).astype(np.int64) + 1


def _counted(values: U32) -> U32:
    """How often the values of each cell occur."""
    count = np.zeros(1 << CELLS, dtype=np.uint32)
    for start in range(0, len(values), 8 * BLOCK):
        cells = values[start : start + 8 * BLOCK] >> np.uint32(32 - CELLS)
        count += np.bincount(cells, minlength=1 << CELLS).astype(np.uint32)
    return count


def _rarest(values: U32, count: U32, starts: Ints, sizes: Ints, first: int, threshold: float) -> U64:
    """The postings of these rows, of which there are fewer than 2^16."""
    mine = values[ragged(starts, sizes)]
    often = np.minimum(count[mine >> np.uint32(32 - CELLS)], 0xFFFF).astype(np.uint64)
    order = np.repeat(np.arange(len(starts), dtype=np.uint64) << np.uint64(48), sizes)
    order |= often << HALF
    order |= mine
    order.sort()
    begin = np.cumsum(sizes) - sizes
    most = _most(sizes, threshold)
    leads = sizes - least(threshold, 2 * sizes) + 1
    order = order[ragged(begin, most)]
    place = ragged(np.zeros(len(most), dtype=np.int64), most)
    posting = (order << HALF) | ((order >> np.uint64(48)) + np.uint64(first)) << np.uint64(1)
    posting |= (place < np.repeat(leads, most)).astype(np.uint64)
    return posting[(order >> HALF & np.uint64(0xFFFF)) > 1]
