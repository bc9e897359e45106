"""Counts that grow chunk by chunk and stay small: lengths, values, and what the fields of raw rows hold.

Nothing here keeps a row. Lengths are counted exactly, one number for each length that occurs; a field's values are counted as
long as they are few (a label, a split, a rating), else only that they are many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from dadeum.engine.collect import EDGES
from dadeum.io.frame import columns_of
from dadeum.io.value import as_text, loads
from dadeum.record import CARRIED, CHATS, RECORD

VALUES: Final = 50
"""Different values of a field that are counted; with more of them it is no category."""
REPEATS: Final = 5
"""A field is a category where a value stands on average in at least so many records; else values could be a person's."""
FIELDS: Final = 500
"""Fields that are counted; rows that use their keys as data have any number of them."""
FRONT: Final = ("line", "key", "row", "id", "source", "place", "parents", "layout", "meta")
Column = tuple[str, pl.Series, Counter[str] | None]
"""A field's name, its values in a chunk, and their types where the column no longer tells them."""
_TYPES: Final = {str: "text", bool: "bool", int: "number", float: "number", list: "list", dict: "object"}


class Lengths:
    """How often each length occurs."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, lengths: pl.Series) -> None:
        """Count whole numbers; nulls are left out."""
        self._counts.update(dict(lengths.drop_nulls().value_counts().iter_rows()))

    def tell(self, bins: bool = True) -> dict[str, Any] | None:
        """{n, total, min, median, p95, max, bins: [[low, high, n]]}, or None where nothing was counted.

        Median and 95 % by nearest rank: the smallest length that at least so many have or stay below. Bins run from low to
        below high; the last one's high is null where it is open.
        """
        n = self._counts.total()
        if not n:
            return None
        ordered = sorted(self._counts.items())
        told = {"n": n, "total": sum(size * k for size, k in ordered), "min": ordered[0][0]}
        told |= {"median": _rank(ordered, math.ceil(0.5 * n)), "p95": _rank(ordered, math.ceil(0.95 * n)), "max": ordered[-1][0]}
        return told | ({"bins": _bins(ordered)} if bins else {})


def _rank(ordered: list[tuple[int, int]], rank: int) -> int:
    seen = 0
    for size, n in ordered:
        seen += n
        if seen >= rank:
            return size
    return ordered[-1][0]


def _bins(ordered: list[tuple[int, int]]) -> list[list[int | None]]:
    """Counts between the edges that a run's own histograms have, from the first full bin to the last."""
    edges = [int(e) for e in EDGES]
    counts = [0] * len(edges)
    at = 0
    for size, n in ordered:
        while at + 1 < len(edges) and size >= edges[at + 1]:
            at += 1
        counts[at] += n
    full = [i for i, n in enumerate(counts) if n]
    highs: list[int | None] = [*edges[1:], None]
    return [[edges[i], highs[i], counts[i]] for i in range(full[0], full[-1] + 1)]


def bin_of(lengths: pl.Series) -> pl.Series:
    """Of each length, the lower edge of its bin as text; null for null."""
    cut = lengths.cast(pl.Float64).to_numpy()
    low = np.asarray(EDGES)[np.clip(np.searchsorted(EDGES, np.nan_to_num(cut), side="right") - 1, 0, None)]
    return pl.DataFrame([lengths.alias("n"), pl.Series("low", low)]).select(pl.when(pl.col("n").is_not_null()).then(pl.col("low").cast(pl.Int64).cast(pl.String))).to_series()


@dataclass
class Values:
    """How often each value occurs, while they are at most `most`; `counts` is None once there are more."""

    most: int = VALUES
    counts: Counter[str] | None = field(default_factory=Counter)

    def add(self, values: pl.Series) -> pl.Series | None:
        """Count values as text; nulls are left out. Gives each value's number (order of first sight), None once there are too many."""
        if self.counts is None:
            return None
        found = values.drop_nulls().value_counts()
        if found.height > self.most:
            self.counts = None
            return None
        told = [value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value:g}" for value in found.to_series(0)]
        self.counts.update(dict(zip(told, found.to_series(1).to_list())))
        if len(self.counts) > self.most:
            self.counts = None
            return None
        numbers = {value: n for n, value in enumerate(self.counts)}
        return values.replace_strict(found.to_series(0), [numbers[v] for v in told], default=None, return_dtype=pl.UInt16)

    def ranked(self) -> list[tuple[str, int]]:
        """(value, n), the most frequent first, equal ones in the order of their letters."""
        return sorted((self.counts or {}).items(), key=lambda v: (-v[1], v[0]))


@dataclass
class Field:
    """One field: how often it is there, empty (no character but white space; no element), and of which type."""

    present: int = 0
    empty: int = 0
    types: Counter[str] = field(default_factory=Counter)
    lengths: Lengths = field(default_factory=Lengths)
    values: Values = field(default_factory=Values)

    def add(self, column: pl.Series, types: Counter[str] | None = None) -> pl.Series | None:
        """Count one chunk's values, and number them while they are few. types: what they were, where the column no longer tells."""
        some = column.drop_nulls()
        self.present += len(some)
        self.types.update(types or ({kind_of(column.dtype): len(some)} if len(some) else {}))
        if column.dtype == pl.String:
            self.empty += int((some.str.strip_chars() == "").sum())
            if not types or set(types) == {"text"}:
                self.lengths.add(some.str.len_chars())
        elif column.dtype.is_nested():
            self.empty += int((some.list.len() == 0).sum()) if isinstance(column.dtype, pl.List) else 0
            self.values.counts = None
            return None
        return self.values.add(column)

    def category(self) -> list[tuple[str, int]]:
        """The values of a category, or nothing: long ones, long numbers and rarely repeated ones are not shown."""
        ranked = self.values.ranked()
        known = self.values.counts is not None and self.present >= REPEATS * len(ranked)
        plain = all(len(v) <= 60 and sum(c.isdigit() for c in v) <= 6 for v, _ in ranked)
        return ranked if known and plain else []

    def tell(self, name: str, records: int) -> dict[str, Any]:
        """{name, types, present, missing, empty, length, values}."""
        told = {"name": name, "types": dict(self.types.most_common()), "present": self.present, "missing": records - self.present}
        return told | {"empty": self.empty, "length": self.lengths.tell(bins=False), "values": [list(v) for v in self.category()]}


@dataclass
class Fields:
    """All fields of the rows: the record's own and those that are only carried."""

    known: dict[str, Field] = field(default_factory=dict)
    more: set[str] = field(default_factory=set)

    def add(self, columns: Iterable[Column]) -> dict[str, pl.Series]:
        """Count one chunk's columns; gives those whose values are few, numbered."""
        few: dict[str, pl.Series] = {}
        for name, column, types in columns:
            if name not in self.known and len(self.known) >= FIELDS:
                if len(self.more) < 100_000:
                    self.more.add(name)
                continue
            numbers = self.known.setdefault(name, Field()).add(column, types)
            if numbers is not None:
                few[name] = numbers
        return few

    def tell(self, records: int) -> list[dict[str, Any]]:
        """What was counted of every field: the record's own first, then the others as they came."""
        order = sorted(self.known.items(), key=lambda f: f[0] not in RECORD)
        return [found.tell(name, records) for name, found in order]


def kind_of(dtype: pl.DataType) -> str:
    """What a column's values are called: text, number, bool, list or object."""
    if dtype == pl.String:
        return "text"
    if dtype == pl.Boolean:
        return "bool"
    if dtype.is_nested():
        return "object" if isinstance(dtype, pl.Struct) else "list"
    return "number" if dtype.is_numeric() else "text"


def own(rows: pl.DataFrame, text: str = "text") -> list[Column]:
    """The record's own columns; the text under the name that it has in the raw rows."""
    columns = [c for name in RECORD if name not in FRONT and (c := rows.get_column(name)).null_count() < rows.height]
    named = [c.alias(text) if c.name == "text" else c for c in columns]
    return [(c.name, c, Counter({"chat": n} if (n := len(c) - c.null_count()) else {}) if c.name in CHATS else None) for c in named]


def carried(rows: pl.DataFrame) -> list[Column]:
    """The other fields of the raw rows, under their own names, whether they came as columns or as JSON in `meta`.

    As long as `rows`; fields beyond FIELDS, in rows that use their keys as data, have their names alone.
    """
    named = [rows.get_column(name) for name in rows.columns if name not in RECORD and name not in FRONT]
    found: list[Column] = [(c.name.removeprefix(CARRIED), _plain(c), None) for c in named]
    told = rows.get_column("meta")
    if told.null_count() == rows.height:
        return found
    metas = [value if isinstance(value := loads(m or "{}"), dict) else {} for m in told.to_list()]
    flat = columns_of(metas)
    if flat is not None:
        return found + [(name, column, None) for name, column in flat[0].items()]
    keys = list(dict.fromkeys(k for meta in metas for k in meta))
    rest: list[Column] = [(name, pl.Series(name, [], dtype=pl.String), None) for name in keys[FIELDS:]]
    return found + [_mixed(name, metas) for name in keys[:FIELDS]] + rest


def _plain(column: pl.Series) -> pl.Series:
    return column if column.dtype == pl.String or column.dtype.is_numeric() or column.dtype.is_nested() else column.cast(pl.String)


def _mixed(name: str, metas: list[dict[str, Any]]) -> Column:
    """A key whose values are of any type: strings as they are, everything else as JSON text."""
    values = [meta.get(name) for meta in metas]
    types = Counter(_TYPES[type(v)] for v in values if v is not None)
    texts = ["" if v in ([], {}) else as_text(v) for v in values]
    return name, pl.Series(name, texts, dtype=pl.String), types
