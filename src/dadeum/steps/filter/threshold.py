"""filter.threshold: a cut on any column, measured before: scores and cuts are separate.

Numbers are held against `min` and `max` (both still stay), text against lists. Text that spells a number counts as one. The
reason names the column: `quality_below`, `quality_above`, `lang_excluded`, `quality_missing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import RECORD
from dadeum.step import Filter, verdict


@dataclass(frozen=True)
class Threshold(Filter):
    """Drop by the value of a column."""

    column: str
    """The column: of the record, of a source's `fields`, or one that a step wrote."""
    min: float | None = None
    """Rows below it go."""
    max: float | None = None
    """Rows above it go."""
    values: tuple[str, ...] = ()
    """Rows with another text go."""
    exclude: tuple[str, ...] = ()
    """Rows with one of these texts go."""
    missing: Literal["keep", "drop"] = "keep"
    """What becomes of rows that have no value, or none that is a number where a number is asked."""

    def __post_init__(self) -> None:
        numbers, texts = self.min is not None or self.max is not None, bool(self.values or self.exclude)
        if not numbers and not texts and self.missing == "keep":
            raise RecipeError(Mistake("min", "is missing: the step would drop nothing", "give min, max, values, exclude or missing: drop"))
        if numbers and texts:
            raise RecipeError(Mistake("min", "does not go with values or exclude", "numbers or texts: use two steps for two cuts"))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise RecipeError(Mistake("min", f"is larger than max ({self.min} > {self.max}): every row would go"))
        if both := set(self.values) & set(self.exclude):
            raise RecipeError(Mistake("exclude", f"names what values names: {', '.join(sorted(both))}"))

    @property
    def reads(self) -> tuple[str, ...]:
        return () if self.column in RECORD else (self.column,)

    @property
    def looks(self) -> tuple[str, ...]:
        return (self.column,)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError if there is no such column, or it holds neither numbers nor text."""
        if self.column not in rows.columns:
            raise RecipeError(Mistake(f"{self.name}.column", f"there is no column {self.column!r}", nearest(self.column, rows.columns)))
        if rows.schema[self.column].is_nested():
            raise RecipeError(Mistake(f"{self.name}.column", f"{self.column} holds lists, neither numbers nor text"))
        none = pl.lit(None, dtype=pl.String)
        number: pl.Expr | None = None
        threshold: pl.Expr | None = None
        value = pl.col("value")
        if self.values or self.exclude or (self.min is None and self.max is None):
            frame = rows.select(pl.col(self.column).cast(pl.String).alias("value"))
            out = pl.lit(False)
            if self.values:
                out = out | ~value.is_in(list(self.values))
            if self.exclude:
                out = out | value.is_in(list(self.exclude))
            reason = pl.when(out).then(pl.lit(f"{self.column}_excluded")).otherwise(none)
        else:
            column = pl.col(self.column)
            if rows.schema[self.column] == pl.String:
                column = column.str.strip_chars()
            frame = rows.select(column.cast(pl.Float64, strict=False).fill_nan(None).alias("value"))
            below = value < self.min if self.min is not None else pl.lit(False)
            above = value > self.max if self.max is not None else pl.lit(False)
            low, high = pl.lit(f"{self.column}_below"), pl.lit(f"{self.column}_above")
            reason = pl.when(below).then(low).when(above).then(high).otherwise(none)
            number = value
            threshold = pl.when(below).then(pl.lit(self.min, dtype=pl.Float64)).otherwise(pl.lit(self.max, dtype=pl.Float64))
            threshold = pl.when(value.is_not_null()).then(threshold)
        absent = pl.lit(f"{self.column}_missing") if self.missing == "drop" else none
        return frame.select(*verdict(pl.when(value.is_null()).then(absent).otherwise(reason), number, threshold))
