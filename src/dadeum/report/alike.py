"""Records that are nearly alike: the very shingles and the very join of `dedup.near`, on all records or an even sample of them.

A pair is seen only where both of its records are in the sample, so of a sample the counts are what that many records hold, not
more; with a half of all records, a quarter of the pairs. What is told says how many were looked at.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.report.even import mixed
from dadeum.steps.dedup.near import Near

SHINGLES: Final = 30_000_000
"""Shingles that are held: 120 MB, a million reviews."""
NEAR: Final = Near()
TOP: Final = 6


class Alike:
    """The sketches of `dedup.near`, thinned when there are too many."""

    def __init__(self, most: int = SHINGLES) -> None:
        self._most = most
        self._limit = np.uint64(2**64 - 1)
        self._parts: list[pl.DataFrame] = []
        self._held = self._of = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Sketch one chunk of records, those in the sample."""
        self._of += rows.height
        inside = mixed(rows.get_column("row").to_numpy()) <= self._limit
        self._keep(NEAR.sketch(rows if inside.all() else rows.filter(pl.Series(inside))))
        while self._held > self._most:
            self._limit >>= np.uint64(1)
            parts, self._parts, self._held = self._parts, [], 0
            for part in parts:
                self._keep(part.filter(pl.Series(mixed(part.get_column("row").to_numpy()) <= self._limit)))

    def _keep(self, sketch: pl.DataFrame) -> None:
        self._parts.append(sketch)
        self._held += int(sketch.get_column("set").list.len().sum())

    def tell(self) -> tuple[dict[str, Any], pl.Series]:
        """({looked_at, of, threshold, method, near, pairs: {similarity: n}, shown: [{row, other, similarity}]}, rows that would leave).

        near: records that would leave because of one that is nearly, but not exactly, alike. pairs: from each similarity up to the
        next. shown: the strongest of them, each with the row that would stay.
        """
        sketches = pl.concat(self._parts) if self._parts else pl.DataFrame()
        if sketches.is_empty():
            return {"looked_at": 0, "of": self._of, "near": 0, "pairs": {}, "shown": []}, pl.Series("row", [], dtype=pl.UInt64)
        related = NEAR.relate(sketches)
        told = NEAR.report(related)
        near = NEAR.decide(related).filter(pl.col("reason") == "near_duplicate")
        shown = near.sort("value", "row", descending=[True, False])
        # From the strongest to the weakest, evenly: the weakest show what the threshold means.
        few = shown.gather_every(max(1, -(-shown.height // TOP))).select("row", pl.col("witness").alias("other"), pl.col("value").alias("similarity"))
        made = {"looked_at": sketches.height, "of": self._of, "threshold": NEAR.threshold, "method": told.get("method", "exact"), "near": near.height}
        return made | {"pairs": told["pairs"], "shown": few.to_dicts()}, near.get_column("row")
