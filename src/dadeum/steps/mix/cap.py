"""mix.cap: no group speaks for everybody.

    - mix.cap: {by: customer, max: 60}

At most `max` rows of each group stay. Which ones is decided by a hash of their ids, so that it is a fair draw that depends on
nothing else: not on the order, and on no other group. With several columns a group is one combination of values. A row that has no
value in any of them belongs to no group and stays.

The sketch holds `row` and two 64-bit hashes: 24 bytes a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import polars as pl
import xxhash
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import RECORD
from dadeum.step import DECISION, Compare

BETWEEN = "\x1f"
NOTHING = "\x00"


@dataclass(frozen=True)
class Cap(Compare):
    """Keep at most so many rows of a group."""

    by: tuple[str, ...]
    """The columns whose equal values make a group."""
    max: Annotated[int, Field(ge=1)]
    """The most rows of a group that stay."""

    def __post_init__(self) -> None:
        if not self.by:
            raise RecipeError(Mistake("by", "names no column: which rows belong together?", "by: customer"))
        lists = [name for name in self.by if name in RECORD and RECORD[name].is_nested()]
        if lists:
            raise RecipeError([Mistake("by", f"{name} holds lists, not values") for name in lists])

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(name for name in self.by if name not in RECORD)

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `group` (UInt64, null: no group) and `draw` (UInt64). Raises RecipeError for a name that is no column."""
        missing = [name for name in self.by if name not in rows.columns]
        if missing:
            raise RecipeError([Mistake(f"{self.name}.by", f"there is no column {name!r}", nearest(name, rows.columns)) for name in missing])
        values = [pl.col(name).cast(pl.String).fill_null(NOTHING) for name in self.by]
        group = pl.when(pl.any_horizontal(pl.col(name).is_not_null() for name in self.by)).then(pl.concat_str(values, separator=BETWEEN))
        return rows.select(
            "row",
            _hashed(rows.select(group.alias("group")).to_series()),
            _hashed(rows.get_column("id").alias("draw")),
        )

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """Whoever stands behind the first `max` of its group, in the order of the draw; `value` is the size of the group."""
        grouped = related.filter(pl.col("group").is_not_null())
        place = pl.struct("draw", "row").rank("ordinal").over("group")
        over = grouped.with_columns(place.alias("place"), pl.len().over("group").alias("size")).filter(pl.col("place") > self.max)
        return over.sort("row").select(
            "row",
            pl.lit("dropped").alias("state"),
            pl.lit("over_cap").alias("reason"),
            pl.col("size").cast(pl.Float64).alias("value"),
            pl.lit(float(self.max)).alias("threshold"),
            pl.lit(None, dtype=DECISION["witness"]).alias("witness"),
        )

    def report(self, related: pl.DataFrame) -> dict[str, int]:
        """How many groups there are, and how many were over the cap."""
        sizes = related.filter(pl.col("group").is_not_null()).group_by("group").len().get_column("len")
        return {"groups": len(sizes), "over": int((sizes > self.max).sum())}


def _hashed(values: pl.Series) -> pl.Series:
    """xxh3-64 of each string; null stays null. (Polars' own hash differs between releases.)"""
    distinct = values.unique().drop_nulls()
    made = pl.Series([xxhash.xxh3_64_intdigest(text.encode()) for text in distinct.to_list()], dtype=pl.UInt64)
    if distinct.is_empty():
        return pl.Series(values.name, [None], dtype=pl.UInt64).new_from_index(0, len(values))
    return values.replace_strict(distinct, made, return_dtype=pl.UInt64, default=None)
