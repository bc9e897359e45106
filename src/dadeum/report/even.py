"""An even sample of rows whose number is not known beforehand, the same at every look.

A row is in it where its mixed number lies below a limit, which is halved whenever the sample grows beyond what may be held. So the
sample is spread evenly over all files, holds between half of that and all of it, and does not depend on how the rows were cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

U64 = npt.NDArray[np.uint64]
SAMPLE: Final = 50_000
"""Rows that are looked at closely."""


class Even:
    """Which rows are in the sample, by their marks."""

    def __init__(self, most: int = SAMPLE) -> None:
        self._most = most
        self.limit = np.uint64(2**64 - 1)
        self.marks: U64 = np.zeros(0, dtype=np.uint64)
        self.of = 0
        """Rows that were offered."""

    def take(self, row: pl.Series) -> tuple[pl.Series, U64]:
        """(positions, marks) of the rows of a chunk that are in the sample, so far. row: UInt64.

        Rows taken earlier may fall out of it again: what was kept of a mark above `limit` has to go.
        """
        self.of += len(row)
        marks = mixed(row.to_numpy())
        at = np.flatnonzero(marks <= self.limit)
        self.marks = np.concatenate([self.marks, marks[at]])
        while len(self.marks) > self._most:
            self.limit >>= np.uint64(1)
            self.marks = self.marks[self.marks <= self.limit]
        at = at[marks[at] <= self.limit]
        return pl.Series(at, dtype=pl.UInt32), marks[at]

    def inside(self, row: pl.Series) -> pl.Series:
        """Of rows that were taken, whether they still are in the sample."""
        return pl.Series(mixed(row.to_numpy()) <= self.limit)


class Behind:
    """The rows that a bar is shown with: of every bar the few with the lowest marks, so an even choice of all of its rows."""

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self._rows: dict[str, dict[str, list[tuple[int, int]]]] = {}

    def add(self, bar: str, values: pl.Series, row: pl.Series) -> None:
        """values: the bar that each row belongs to, as text (null: to none); row: UInt64."""
        if values.null_count() == len(values):
            return
        frame = pl.DataFrame([values.cast(pl.String).alias("value"), row.alias("row"), pl.Series("mark", mixed(row.to_numpy()))])
        few = frame.filter(pl.col("value").is_not_null()).sort("mark").group_by("value", maintain_order=True).head(self._most)
        known = self._rows.setdefault(bar, {})
        for value, n, mark in few.select("value", "row", "mark").iter_rows():
            known[value] = sorted([*known.get(value, []), (mark, n)])[: self._most]

    def tell(self, bar: str) -> dict[str, list[int]]:
        """value -> rows."""
        return {value: [row for _, row in found] for value, found in sorted(self._rows.get(bar, {}).items())}


def mixed(row: U64) -> U64:
    """Row numbers spread over all 64 bits, one to one (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    x = row.astype(np.uint64)
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
