"""What stands on two sides: which rows have their like on a side that matters more, by equal keys and by similarity.

Sides are numbers in the order of their importance (0 test, 1 validation, 2 train). What a row reaches is told in two bits: 1 where
its like stands in the test, 2 where it stands in validation. A row leaks when it reaches a side that matters more than its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dadeum.steps.dedup._near.join import Related, crowds, related
from dadeum.steps.dedup._near.join import links as linked
from dadeum.steps.dedup._near.sets import Sets

Ints = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]
Bits = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

PAIRS: Final = {"validation/test": (1, 0), "train/test": (2, 0), "train/validation": (2, 1)}
"""Pairs of sides: the one whose rows are counted, and leave; the one where their like stands."""


def by_key(key: Ints, side: Sides) -> Bits:
    """What each row reaches by an equal key; a key of 0 is none. A side of -1 is a row that is not there any more."""
    reach = np.zeros(len(key), dtype=np.uint8)
    for code in (0, 1):
        held = np.zeros(int(key.max(initial=0)) + 1, dtype=bool)
        held[key[side == code]] = True
        held[0] = False
        reach |= (held[key] & (side > code)).astype(np.uint8) << np.uint8(code)
    return reach


def counted(reach: Bits, side: Sides) -> dict[str, int]:
    """The rows that leak, by pair of sides; pairs without any are left out."""
    told = {name: int(((reach & (1 << other)) > 0)[side == own].sum()) for name, (own, other) in PAIRS.items()}
    return {name: n for name, n in told.items() if n}


@dataclass(frozen=True)
class Alike:
    """The near-duplicates among all rows: `[rows]` positions in the order of `row`."""

    sets: Sets
    found: Related
    threshold: float

    @classmethod
    def search(cls, shingles: pl.Series, keys: pl.Series, threshold: float) -> Alike:
        """shingles: a sorted list of numbers a row; keys: UInt64, null where a row asks nothing."""
        values = shingles.explode().drop_nulls().to_numpy().astype(np.uint32, copy=False)
        offsets = np.append(0, np.cumsum(shingles.list.len().to_numpy().astype(np.int64)))
        sets = Sets(values, offsets, keys.fill_null(0).to_numpy())
        return cls(sets, related(sets, threshold), threshold)

    def links(self) -> tuple[Ints, Ints]:
        """Pairs that connect whatever is connected."""
        made = linked(self.sets, self.threshold)
        return made["a"].to_numpy().astype(np.int64), made["b"].to_numpy().astype(np.int64)

    def reach(self, side: Sides) -> tuple[Bits, Ints, Floats]:
        """(what each row reaches by similarity, the row that it is most like there or -1, how much).

        A crowd of thousands that are all alike is not compared pair by pair: whoever has found its like is asked no more.
        """
        n = len(side)
        first, a, b = self.found.same, self.found.a, self.found.b
        reach, witness, similarity = np.zeros(n, dtype=np.uint8), np.full(n, -1, dtype=np.int64), np.zeros(n)
        every = np.arange(n)
        for code in (0, 1):
            mine = every[side == code]
            held = np.full(n, -1, dtype=np.int64)
            held[first[mine][::-1]] = mine[::-1]  # the first row of those that say the same
            near, value = held.copy(), (held >= 0).astype(np.float64)
            x, y = np.concatenate([a, b]), np.concatenate([b, a])
            like = np.tile(self.found.similarity, 2)
            some = np.flatnonzero((held[y] >= 0) & (held[x] < 0))
            some = some[np.lexsort((held[y[some]], -like[some], x[some]))]
            some = some[np.unique(x[some], return_index=True)[1]]
            near[x[some]], value[x[some]] = held[y[some]], like[some]
            for members, crowd in crowds(self.sets, self.found.crowd):
                open_ = np.flatnonzero(near[members] < 0)
                for one in np.flatnonzero(held[members] >= 0).tolist():
                    if not len(open_):
                        break
                    hit, much = crowd.like(one, open_, self.threshold)
                    near[members[hit]], value[members[hit]] = held[members[one]], much
                    open_ = open_[~np.isin(open_, hit)]
            touched = (near[first] >= 0) & (side > code)
            new = touched & (witness < 0)
            witness[new], similarity[new] = near[first[new]], value[first[new]]
            reach |= touched.astype(np.uint8) << np.uint8(code)
        return reach, witness, similarity


def witnesses(key: Ints, side: Sides, gone: Ints) -> Ints:
    """For each row in `gone`, the first row that stays (side from 0) with its key, on the side that matters most; -1 if none."""
    stays = np.flatnonzero((side >= 0) & (key > 0))
    stays = stays[np.lexsort((stays, side[stays], key[stays]))]
    if not len(stays):
        return np.full(len(gone), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(key[stays], key[gone]), len(stays) - 1)
    return np.where((key[stays[at]] == key[gone]) & (key[gone] > 0), stays[at], -1)
