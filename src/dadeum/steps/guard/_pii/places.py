"""Where a record holds strings: its text, its turns and what stands beside their words, its carried fields, named columns.

What stands beside the words is JSON mostly, of which only string values change, each in its place (strings.py), so that programs
can go on reading it. Of `layout` (io/layout.py) only what came with the raw row is touched: the entries of a dialogue with their
speakers, and roles that were written as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dadeum.io.value import dumps, loads
from dadeum.record import CARRIED, CHATS, ROLES, chats, put, say, turns
from dadeum.steps.guard._pii.find import fields
from dadeum.steps.guard._pii.speakers import entries
from dadeum.steps.guard._pii.strings import inside

Change = Callable[[str, str], str]
"""(value, name of its field or empty) to what stands there instead."""
BESIDE: Final = {"name": ("name", "role"), "tool_calls": ("tool_calls",), "meta": ("rest",)}
"""What `on` may name besides contents, and the parts of turns that it means."""
JSON: Final = ("tool_calls", "rest")
FIELDS: Final = {"tool_calls": ("tools",), "meta": ("meta", "layout")}
"""The record's own columns that it means."""


@dataclass(frozen=True)
class Place:
    """Strings of one field: where they stand in it, whose they are, what they say. part: which part of its turns."""

    field: str
    part: str
    lines: pl.Series
    owners: pl.Series
    strings: pl.Series

    @property
    def beside(self) -> bool:
        """Whether the strings are structure, not words that somebody wrote."""
        return self.field != "text" and self.part != "content"

    def walk(self, string: str, change: Change) -> str:
        """`string` with `change` made to every value that it holds."""
        if self.field == "layout":
            return _carried(string, change)
        if self.part in JSON or self.field in ("tools", "meta"):
            return inside(string, change)
        return change(string, "" if self.part or self.field == "text" else self.field.removeprefix(CARRIED))

    def put(self, rows: pl.DataFrame, at: pl.Series, strings: pl.Series) -> pl.DataFrame:
        """`rows` with these strings at these positions of the field."""
        if not self.part:
            return rows.with_columns(put(rows.get_column(self.field), at, strings))
        flat = turns(rows, self.field)
        made = put(flat.get_column(self.part), at, strings)
        touched = flat.get_column("index").gather(at).unique()
        flat = say(flat, made) if self.part == "content" else flat.with_columns(made)
        return rows.with_columns(put(rows.get_column(self.field), *chats(rows, flat.filter(pl.col("index").is_in(touched.implode())))))


def places(rows: pl.DataFrame, on: Iterable[str], columns: Iterable[str], guard: pl.Expr | None, named: Iterable[int], sure: bool = True) -> Iterator[Place]:
    """The strings that may hold something. guard: which (null: all); named: the rows whose people have names, of which all are looked at;
    sure: numbers of which nothing says what they are need not be given."""
    on = tuple(on)
    mine = pl.col("index").is_in(pl.Series(list(named), dtype=pl.UInt32).implode())
    given = pl.col("content").is_not_null()
    suspects = given if guard is None else given & (guard | mine)
    # Escapes of JSON hide characters that the guard asks for.
    coded = given if guard is None else given & (guard | mine | pl.col("content").str.contains("\\", literal=True))
    at = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)

    def whole(name: str) -> pl.DataFrame:
        return pl.DataFrame({"line": at, "index": at, "content": rows.get_column(name).cast(pl.String)})

    if "text" in on:
        yield _place("text", "", whole("text").filter(suspects))
    roles = [role for role in on if role in ROLES]
    # A role that is none of the known ones is somebody's name or a form's own word: what is said in it is looked at with the others.
    asked = pl.col("role").is_in(roles) | ~pl.col("role").is_in(list(ROLES)) if roles else pl.lit(False)
    parts = [part for what, told in BESIDE.items() if what in on for part in told]
    for name in CHATS if roles or parts else ():
        if rows.get_column(name).null_count() == rows.height:
            continue
        flat = turns(rows, name).with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("line"))
        yield _place(name, "content", flat.filter(asked & suspects))
        for part in parts:
            lines = flat.select("line", "index", pl.col(part).alias("content"))
            lines = lines.filter(mine & ~pl.col("content").is_in(list(ROLES))) if part == "role" else lines.filter(coded if part in JSON else suspects)
            yield _place(name, part, lines)
    for name in (field for what, told in FIELDS.items() if what in on for field in told):
        entry = (mine | pl.col("content").str.contains("dialogue", literal=True)) & given if name == "layout" else coded
        yield _place(name, "", whole(name).filter(entry))
    carried = [c for c in rows.columns if c.startswith(CARRIED) and rows.schema[c] == pl.String] if "meta" in on else []
    for name in (*carried, *columns):
        # A field's name is a word next to each of its values.
        words = fronted(name.removeprefix(CARRIED))
        some = whole(name) if guard is None or not sure else whole(name).filter(given & (mine | fields(words, pl.col("content"))))
        fronts = some.with_columns(content=pl.lit(words) + pl.col("content"))
        yield _place(name, "", some.filter(fronts.select(suspects.fill_null(False)).to_series()))


def fronted(field: str) -> str:
    """A field's name as the words in front of its value."""
    return f"{field[:40].replace('_', ' ')}: " if field else ""


def _place(field: str, part: str, lines: pl.DataFrame) -> Place:
    return Place(field, part, lines.get_column("line"), lines.get_column("index"), lines.get_column("content"))


def _carried(layout: str, change: Change) -> str:
    """A layout with `change` made to what its entries and roles say."""
    value = loads(layout)
    if isinstance(value.get("of"), str):
        return dumps({**value, "of": _carried(value["of"], change)})
    for item, _ in entries(value):
        item.update({key: _changed(inner, key, change) for key, inner in item.items()})
    for slot in value.get("slots", ()):
        if slot[2] in ("chat", "sharegpt"):
            for shape in filter(None, slot[4]):
                shape[0] = change(shape[0], "role") if isinstance(shape[0], str) and shape[0] not in ROLES else shape[0]
    made = dumps(value)
    return layout if loads(layout) == value else made


def _changed(value: Any, key: str, change: Change) -> Any:
    if isinstance(value, dict):
        return {k: _changed(inner, k, change) for k, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, key, change) for inner in value]
    return change(value, key) if isinstance(value, str) else value


def beside(rows: pl.DataFrame) -> Iterator[pl.Series]:
    """Of every field and part that is not words, one string a record, named as the ledger names it."""
    for field in CHATS:
        if rows.get_column(field).null_count() < rows.height:
            for part in ("role", "name", "tool_calls", "rest"):
                each = pl.col(field).list.eval(pl.element().struct.field(part)).list.drop_nulls()
                yield rows.select(each.list.unique(maintain_order=True).list.join(", ").alias(part)).to_series()
    for field in ("tools", "meta", "layout", *(c for c in rows.columns if c.startswith(CARRIED))):
        if rows.get_column(field).null_count() < rows.height:
            yield rows.get_column(field).cast(pl.String)
