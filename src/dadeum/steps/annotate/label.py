"""annotate.label: what a row's own value (a rating, a code) means as a class.

    - annotate.label: {column: rating, map: {1-4: 부정, 5-8: 중간, 9-10: 긍정}}

A key of the map is a value or a range of whole numbers, both ends included; values are compared without the blanks around
them ("2   "), whole numbers as numbers ("03", 3.0). A class that is null leaves the row without a label. So does a missing
value. Any other value is a mistake in the map, and all such values are told at once with how often they occur.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import RECORD
from dadeum.step import Edit
from dadeum.steps.guard._pii.find import KINDS, find

RANGE: Final = re.compile(r"(-?\d{1,9})\s*-\s*(-?\d{1,9})")
WHOLE: Final = re.compile(r"-?\d+(?:\.0*)?")
TOLD: Final = 20
"""How many values outside the map are told."""
SHOWN: Final = 80
"""Characters of one that are shown."""


@dataclass(frozen=True)
class Label(Edit):
    """Write `label` from another column."""

    writes = ("label",)
    column: str
    """Where the value is."""
    map: dict[str, str | None]
    """Value, or range `a-b` of whole numbers, to label."""
    outside: Literal["error", "keep_null"] = "error"
    """A value that the map does not know: a mistake, or a row without a label."""

    def __post_init__(self) -> None:
        mistakes = [] if self.map else [Mistake("map", "is empty")]
        ranges = sorted((self._range(key), key) for key in self.map if self._range(key))
        for bounds, key in ranges:
            if bounds and bounds[0] > bounds[1]:
                mistakes.append(Mistake(f"map.{key}", "ends before it begins", f"{bounds[1]}-{bounds[0]}"))
        for (one, first), (two, second) in itertools.pairwise(ranges):
            if one and two and two[0] <= one[1] and one[0] <= one[1]:
                mistakes.append(Mistake(f"map.{second}", f"overlaps {first}: a value would have two labels"))
        if self.column == "label":
            # The step must be able to meet its own answers, or twice would not be once.
            for key, made in self.map.items():
                again = made if made is None or not self._knows(made) else self._label(made)
                if again != made:
                    mistakes.append(Mistake(f"map.{key}", f"gives {made!r}, which the map itself turns into {again!r}"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return () if self.column in RECORD else (self.column,)

    @property
    def looks(self) -> tuple[str, ...]:
        return (self.column,)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError with every value outside the map, unless `outside` is keep_null."""
        if self.column not in rows.columns:
            raise RecipeError(Mistake(f"{self.name}.column", f"there is no column {self.column!r}", nearest(self.column, rows.columns)))
        if rows.schema[self.column].is_nested():
            raise RecipeError(Mistake(f"{self.name}.column", f"{self.column} holds lists, not values"))
        value = rows.select(pl.col(self.column).cast(pl.String).str.strip_chars().alias("value")).to_series()
        counts = value.drop_nulls().value_counts(sort=True)
        known: dict[str, str | None] = {}
        unknown: list[tuple[str, int]] = []
        for distinct, n in zip(counts.get_column("value").to_list(), counts.get_column("count").to_list()):
            if self._knows(distinct):
                known[distinct] = self._label(distinct)
            elif self.column == "label" and distinct in self.map.values():
                known[distinct] = distinct
            else:
                known[distinct] = None
                unknown += [(distinct, n)] if distinct else []
        if unknown and self.outside == "error":
            raise RecipeError(self._told(unknown))
        if not known:
            return rows.with_columns(pl.lit(None, dtype=pl.String).alias("label"))
        labels = value.replace_strict(list(known), pl.Series(list(known.values()), dtype=pl.String), return_dtype=pl.String)
        return rows.with_columns(labels.alias("label"))

    def _knows(self, value: str) -> bool:
        return self._key(value) is not None

    def _label(self, value: str) -> str | None:
        key = self._key(value)
        return None if key is None else self.map[key]

    def _key(self, value: str) -> str | None:
        """The key of the map that speaks of a value."""
        value = value.strip()
        if value in self.map:
            return value
        if not WHOLE.fullmatch(value):
            return None
        number = int(value.partition(".")[0])
        if str(number) in self.map:
            return str(number)
        within = (key for key in self.map if (bounds := self._range(key)) and bounds[0] <= number <= bounds[1])
        return next(within, None)

    @staticmethod
    def _range(key: str) -> tuple[int, int] | None:
        found = RANGE.fullmatch(key.strip())
        return (int(found[1]), int(found[2])) if found else None

    def _told(self, unknown: list[tuple[str, int]]) -> list[Mistake]:
        where = f"{self.name}.map"
        shown = [("(personal data)" if find(value, KINDS) else repr(value[:SHOWN]), value, n) for value, n in sorted(unknown)[:TOLD]]
        told = [Mistake(where, f"does not know {text} ({n} rows)", nearest(value, self.map)) for text, value, n in shown]
        if len(unknown) > TOLD:
            told.append(Mistake(where, f"does not know {len(unknown) - TOLD} more values", "outside: keep_null leaves them without a label"))
        return told
