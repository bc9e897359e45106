"""clean.missing: strings and fields that are there and say nothing.

Empty ones, the ways of writing that there is nothing (N/A, null, 없음, 해당 없음, -), and the values that a form put in by default,
which the user names by column. `missing` counts them per record and `missing_in` says where, so that a filter can cut:
`filter.threshold: {column: missing, max: 0}`. By `rule` they are also turned into null, or filled.

A turn is told but never changed: an empty user turn or a one-word answer ("없음") may be the answer, and only a filter should judge it.
Which default a column has, `annotate.defaults` finds: one value in a large share of the rows, where values differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import CONTENTS, RECORD
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._strings import by_row, earlier, strings

NULLS: Final = (
    "n/a", "na", "n.a.", "nan", "null", "none", "nil", "undefined", "unknown", "not available", "not applicable", "no data", "#n/a", "(null)", "<na>", "-", "--", "---",
    "_", ".", "..", "...", "?", "없음", "없습니다", "해당없음", "해당 없음", "해당사항없음", "해당사항 없음", "해당 사항 없음", "미상", "미입력", "미기재", "미정", "내용없음", "내용 없음",
    "입력안함", "입력 안 함", "값없음", "값 없음", "알수없음", "알 수 없음", "데이터 없음", "데이터없음", "(없음)", "무응답", "모름",
)  # fmt: skip
"""What stands for nothing, in lower case."""
BLANK: Final = "^[\\s\u3164\u115f\u1160\uffa0\u200b\ufeff\u2800]*$"
"""Hangul fillers are letters to Unicode: no strip() takes them away."""
EDGES: Final = " \t\r\n\u3000\xa0\u3164\u200b\ufeff"


@dataclass(frozen=True)
class Missing(TextStep, Edit):
    """Empty, null-like and default values."""

    columns: tuple[str, ...] = ()
    """Columns of text to look at beside the strings of `on`."""
    rule: Literal["flag", "null", "fill", None] = "flag"
    """flag: only tell. null: the text and the columns become null (YAML reads the bare word as
    nothing, which is taken for it). fill: the columns become what `fill` says, the text null."""
    fill: dict[str, str] = field(default_factory=dict)
    """Column to the value that stands in for a missing one."""
    values: tuple[str, ...] = ()
    """Further ways of saying nothing, without case."""
    allow: tuple[str, ...] = ()
    """Of the known ones, those that say something here (`.`, `none`)."""
    defaults: dict[str, str] = field(default_factory=dict)
    """Column to the value that a form puts in by default; it counts as missing."""
    defaulted: bool = False
    """Whether the values that `annotate.defaults` suspects (its column `defaulted`) count as missing, in `columns`."""

    def __post_init__(self) -> None:
        mistakes = []
        if self.defaulted and not self.columns:
            mistakes.append(Mistake("defaulted", "speaks of columns, and `columns` names none"))
        if self.rule is None:
            object.__setattr__(self, "rule", "null")
        known = self._known()
        if (self.rule == "fill") != bool(self.fill):
            mistakes.append(Mistake("fill", "and rule: fill go together", "give both, or neither"))
        for name, value in self.fill.items():
            if name not in (*self.columns, *self.defaults):
                mistakes.append(Mistake(f"fill.{name}", "is not among the columns", nearest(name, self.columns)))
            if value.strip(EDGES).lower() in (*known, "") or value == self.defaults.get(name):
                mistakes.append(Mistake(f"fill.{name}", f"{value!r} counts as missing itself"))
        for name in self._columns():
            if name in RECORD and name != "label":
                mistakes.append(Mistake(f"columns.{name}", "is a part of every record", "the text and turns are named in `on`"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Its own two columns; the contents and the named columns too where the rule changes them."""
        return ("missing", "missing_in", *(() if self.rule == "flag" else (*CONTENTS, *self._columns())))

    @property
    def reads(self) -> tuple[str, ...]:
        return (*(c for c in self._columns() if c not in RECORD), *(("defaulted",) if self.defaulted else ()))

    @property
    def looks(self) -> tuple[str, ...]:
        return (*CONTENTS, *self._columns(), "missing", "missing_in", "defaulted")

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError if a column is not there, or holds no text."""
        for name in self._columns():
            if name not in rows.columns:
                raise RecipeError(Mistake(f"{self.name}.columns", f"there is no column {name!r}", nearest(name, rows.columns)))
            if rows.schema[name] not in (pl.String, pl.Null):
                raise RecipeError(Mistake(f"{self.name}.columns", f"{name} holds no text"))
        absent = {name: rows.select(self._absent(pl.col(name), name)).to_series() for name in self._columns()}
        said = strings(rows, self.on, self._absent(pl.col("content"))).select("index", pl.col("role").alias("where"))
        told = [said, *(gone.arg_true().alias("index").to_frame().select("index", pl.lit(name).alias("where")) for name, gone in absent.items())]
        where = pl.col("where").unique(maintain_order=True).str.join(", ").alias("missing_in")
        columns = by_row(rows, pl.concat(told), pl.len().cast(pl.UInt32).alias("missing"), where)
        columns = columns.select(pl.col("missing").fill_null(0), "missing_in")
        if "missing" in rows.columns:  # found before, and mended since
            before = rows.get_column("missing").cast(pl.UInt32, strict=False).fill_null(0)
            columns = columns.with_columns(pl.when(before > pl.col("missing")).then(before).otherwise("missing").alias("missing"))
        made = [columns.get_column("missing"), *earlier(rows, columns.select("missing_in"))]
        return rows.with_columns(*made, *self._mended(rows, absent))

    def _columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.columns, *self.defaults)))

    def _known(self) -> frozenset[str]:
        return frozenset({*NULLS, *(v.strip(EDGES).lower() for v in self.values)} - {v.strip(EDGES).lower() for v in self.allow})

    def _absent(self, text: pl.Expr, column: str | None = None) -> pl.Expr:
        """Strings that say nothing. A null counts in a column; a record without text has turns instead."""
        bare = text.str.strip_chars(EDGES).str.to_lowercase()
        found = text.str.contains(BLANK) | bare.is_in(sorted(self._known()))
        if column is None:
            return found
        if column in self.defaults:
            found = found | (text.str.strip_chars() == self.defaults[column].strip())
        if self.defaulted:
            found = found | pl.col("defaulted").cast(pl.String).str.split(", ").list.contains(column).fill_null(False)
        return found | text.is_null()

    def _mended(self, rows: pl.DataFrame, absent: dict[str, pl.Series]) -> list[pl.Series]:
        if self.rule == "flag":
            return []
        made = []
        if "text" in self.on:
            nothing = self._absent(pl.col("text")).fill_null(False)
            made.append(rows.select(pl.when(~nothing).then("text").alias("text")).to_series())
        for name, gone in absent.items():
            frame = pl.DataFrame({"value": rows.get_column(name).cast(pl.String), "gone": gone})
            value = pl.lit(self.fill.get(name), dtype=pl.String)
            made.append(frame.select(pl.when("gone").then(value).otherwise("value").alias(name)).to_series())
        return made
