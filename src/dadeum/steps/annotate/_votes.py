"""Votes out of rows: a vote a row, a column an annotator, or a list in one column; and all of them as one table.

A sketch holds, for each row, `names` and `votes`, lists of equal length. A vote that is null or blank is none; a name that is null
is an annotator nobody named: such votes count for the item, and for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.steps.annotate._agreement import Level

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
STRINGS: Final = pl.List(pl.String)
CLASSES: Final = 500
"""More different votes than this are taken for a wrong column."""


@dataclass(frozen=True, eq=False)
class Table:
    """All votes: entry by entry `item`, `annotator` (-1: unnamed), `said`; sorted, so that the order of rows is irrelevant."""

    item: Ints
    annotator: Ints
    said: Ints
    rows: pl.DataFrame
    """`row`, `id`, `at` (the number of its item), `leads` (the item's first row), `first` (whether it is that), in the order of `row`."""
    items: int
    annotators: list[str]
    classes: list[str]
    values: Floats
    """The classes as numbers: their own, or their place in the order."""
    repeats: int
    """Votes by someone who had voted on the same item before."""
    consistent: int
    """Those of them that say the same as the first."""

    @property
    def counts(self) -> Floats:
        """`[items, classes]`"""
        many = len(self.classes)
        return np.bincount(self.item * many + self.said, minlength=self.items * many).reshape(self.items, many).astype(np.float64)


def lists(rows: pl.DataFrame, columns: tuple[str, ...], annotator: str, value: str) -> tuple[pl.Series, pl.Series]:
    """(`names`, `votes`) of each row. columns: one an annotator, or one column of votes or lists; annotator and value: see the step."""
    if len(columns) > 1:
        names = pl.Series("names", [list(columns)], dtype=STRINGS).new_from_index(0, rows.height)
        return names, rows.select(pl.concat_list(pl.col(c).cast(pl.String) for c in columns).alias("votes")).to_series()
    column = rows.get_column(columns[0])
    if value:
        return _objects(column, value, annotator)
    if column.dtype == pl.List:
        votes = column.cast(STRINGS)
        return _unnamed(votes), votes.alias("votes")
    column = column.cast(pl.String)
    if not annotator and column.str.starts_with("[").any():
        votes = pl.Series("votes", [_array(text) for text in column.to_list()], dtype=STRINGS)
        return _unnamed(votes), votes
    name = rows.get_column(annotator).cast(pl.String) if annotator else pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
    frame = pl.DataFrame({"names": name, "votes": column}).select(pl.concat_list(c).alias(c) for c in ("names", "votes"))
    return frame.get_column("names"), frame.get_column("votes")


def table(sketches: pl.DataFrame, level: Level, order: tuple[str, ...], repeats: str) -> Table:
    """All votes of all sketches (`row`, `id`, `item`, `names`, `votes`).

    Raises RecipeError for votes that the level can't take: no numbers, or not in `order`; and for more than `CLASSES` different ones.
    """
    rows = sketches.sort("row").with_columns(pl.col("row").min().over("item").alias("leads"))
    rows = rows.with_columns(at=pl.col("leads").rank("dense").cast(pl.Int64) - 1, first=pl.col("row") == pl.col("leads"))
    items = rows.get_column("at").n_unique()
    flat = rows.select("row", "at", "names", "votes").explode("names", "votes", empty_as_null=True, keep_nulls=True)
    flat = flat.with_columns(pl.col("names", "votes").str.strip_chars()).filter(pl.col("votes").is_not_null() & (pl.col("votes") != ""))
    classes, values = _classes(flat.get_column("votes").unique().to_list(), level, order)
    known = flat.get_column("names").drop_nulls().unique().sort().to_list()
    said = {name: i for i, (_, names) in enumerate(classes) for name in names}
    flat = flat.with_columns(
        pl.col("votes").replace_strict(list(said), list(said.values()), return_dtype=pl.Int64, default=None),
        pl.col("names").replace_strict(known, list(range(len(known))), return_dtype=pl.Int64, default=-1),
    )
    flat = flat.sort("at", "names", "row", "votes")
    mine = pl.col("names") >= 0
    flat = flat.with_columns(
        again=mine & (pl.int_range(pl.len()).over("at", "names") > 0),
        same=pl.col("votes") == pl.col("votes").first().over("at", "names"),
    )
    again = int(flat.get_column("again").sum())
    consistent = flat.filter(pl.col("again") & pl.col("same")).height
    if repeats == "first":
        flat = flat.filter(~pl.col("again"))
    item, annotator, voted = (flat.get_column(c).to_numpy() for c in ("at", "names", "votes"))
    placed = rows.select("row", "id", "at", "first", "leads")
    return Table(item, annotator, voted, placed, items, known, [name for name, _ in classes], values, again, consistent)


def _classes(found: list[str], level: Level, order: tuple[str, ...]) -> tuple[list[tuple[str, list[str]]], Floats]:
    """([(class, the spellings that mean it)], its number), in order."""
    if level == "nominal" or order:
        names = list(order) or sorted(found)
        if odd := [name for name in found if name not in names]:
            raise RecipeError(Mistake("order", f"does not name {len(odd)} of the {len(found)} different votes", "name every vote, from least to most"))
        classes = [(name, [name]) for name in names]
        values = np.arange(len(names), dtype=np.float64)
    else:
        numbers = {name: _number(name) for name in found}
        if odd := [name for name, number in numbers.items() if number is None]:
            hint = "name them from least to most in `order`" if level == "ordinal" else "make them numbers, or set `level: ordinal` and `order`"
            raise RecipeError(Mistake("level", f"{level} needs numbers, and {len(odd)} of the {len(found)} different votes are none", hint))
        spelt: dict[float, list[str]] = {}
        for name, number in sorted(numbers.items()):
            spelt.setdefault(number or 0.0, []).append(name)
        classes = [(f"{number:g}", spelt[number]) for number in sorted(spelt)]
        values = np.array(sorted(spelt), dtype=np.float64)
    if len(classes) > CLASSES:
        raise RecipeError(Mistake("votes", f"holds {len(classes)} different votes, at most {CLASSES} can be counted", "is it the right column?"))
    return classes, values


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number + 0.0 if np.isfinite(number) else None


def _unnamed(votes: pl.Series) -> pl.Series:
    """Nulls, as many as each list of votes has."""
    many = pl.col("votes").list.len().fill_null(1)
    return votes.to_frame("votes").select(pl.lit(None, dtype=pl.String).repeat_by(many).alias("names")).to_series()


def _array(text: str | None) -> list[str | None] | None:
    found = _parsed(text)
    return [_spelt(v) for v in found] if isinstance(found, list) else None if text is None else [text]


def _objects(column: pl.Series, value: str, annotator: str) -> tuple[pl.Series, pl.Series]:
    """Lists of objects, as JSON or as lists of structs: `value` names the vote's key, `annotator` the name's."""
    names: list[list[str | None]] = []
    votes: list[list[str | None]] = []
    for cell in column.to_list():
        found = _parsed(cell) if isinstance(cell, str) else cell
        told = [v for v in (found if isinstance(found, list) else []) if isinstance(v, dict)]
        names.append([_spelt(v.get(annotator)) if annotator else None for v in told] or [None])
        votes.append([_spelt(v.get(value)) for v in told] or [None])
    return pl.Series("names", names, dtype=STRINGS), pl.Series("votes", votes, dtype=STRINGS)


def _parsed(text: str | None) -> Any:
    if not text or text[:1] != "[":
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _spelt(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
