"""Records back into raw rows: in the shape they came in (`source`) or in another form (forms.py), row by row or in columns.

The way in columns (`columns_of`) serves flat rows and plain chats and gives the same values as the way row by row, which
a test compares. Columns that steps added (scores) are appended to rows written as `source`; so are a label and a score that
the raw row had no place for.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.io.chunk import Unreadable
from dadeum.io.forms import FORMS, known, openai
from dadeum.io.layout import parsed, put
from dadeum.io.value import dumps, loads
from dadeum.record import CARRIED, MESSAGE, RECORD

_COLUMNS: Final = ("text", "messages", "chosen", "rejected", "tools", "label", "score")
_PLAIN: Final = ("str", "json", "int", "float", "said")


def raws(rows: pl.DataFrame, format: str) -> list[dict[str, Any]]:
    """Every record as a raw row. Raises DadeumError with the id and the reason where one does not fit the format."""
    names = [c for c in rows.columns if c not in RECORD and not c.startswith(CARRIED)]
    carried = [c for c in rows.columns if c.startswith(CARRIED)]
    wanted = [c for c in ("id", *_COLUMNS, "meta", "layout", *names, *carried) if c in rows.columns]
    values = {c: rows.get_column(c).to_list() for c in wanted}
    made = []
    for i in range(rows.height):
        row = {c: v[i] for c, v in values.items()}
        try:
            made.append(_source(row, names, carried) if format == "source" or (format == "auto" and not known(row)) else FORMS[format](row))
        except Unreadable as error:
            raise DadeumError(f"record {row.get('id')} does not fit the format {format}: {error}") from None
    return made


def _source(row: dict[str, Any], names: list[str], carried: list[str]) -> dict[str, Any]:
    layout = _layout(row.get("layout"))
    rest = loads(row["meta"]) if row.get("meta") is not None else {c.removeprefix(CARRIED): row[c] for c in carried}
    if layout is None:
        raw = {**canonical(row), **{k: v for k, v in rest.items() if k not in ("text", "messages", "chosen", "rejected")}}
        placed: set[str] = set()
        named: list[str] = []
    else:
        raw = put(layout, row, rest)
        placed = {slot[1] for slot in layout["slots"]}
        named = layout.get("named", [])
    for name in ("label", "score"):
        if row.get(name) is not None and name not in placed and name not in raw:
            raw[name] = row[name]
    for name in names:
        if name not in placed and name not in raw and not (name in named and row[name] is None):
            raw[name] = row[name]
    return raw


def _layout(text: str | None) -> dict[str, Any] | None:
    layout = parsed(text) if text is not None else None
    if layout is not None and layout["kind"] == "record":
        return _layout(layout["of"])
    return layout


def canonical(row: dict[str, Any]) -> dict[str, Any]:
    """A record by what it holds: a pair, turns, or a text."""
    made: dict[str, Any] = {}
    if row.get("chosen") is not None or row.get("rejected") is not None:
        made = {"prompt": openai(row["messages"])} if row.get("messages") else {}
        made |= {name: openai(row[name]) for name in ("chosen", "rejected") if row.get(name) is not None}
    elif row.get("messages") is not None:
        made["messages"] = openai(row["messages"])
    if row.get("text") is not None:
        made["text"] = row["text"]
    if row.get("tools"):
        try:
            made["tools"] = loads(row["tools"])
        except ValueError:
            made["tools"] = row["tools"]
    return made


def columns_of(rows: pl.DataFrame, format: str, ordered: bool = True) -> pl.DataFrame | None:
    """The raw rows as a frame, a column a key, or null where they must go row by row.

    ordered: False where rows that differ in nothing but the order of their keys may share columns.
    """
    if format == "auto":
        chats = any(rows.get_column(c).null_count() < rows.height for c in ("messages", "chosen", "rejected"))
        format = "messages" if chats else "text"
    if format == "messages":
        return _messages(rows)
    if format == "text" and rows.get_column("text").null_count() == 0:
        return rows.select("text")
    if format != "source" or "meta" not in rows.columns or rows.get_column("meta").null_count() < rows.height:
        return None
    layouts = rows.get_column("layout").unique(maintain_order=True)
    if not len(layouts) or layouts.null_count():
        return None
    first, *others = (parsed(layout) for layout in layouts.to_list())
    if first["kind"] == "record" or any(ordered or not _alike(first, other) for other in others):
        return None
    return _flat(rows, first)


def _alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two layouts say the same but for the order of keys."""
    loose = [{**layout, "keys": sorted(layout.get("keys", [])), "slots": sorted(layout.get("slots", []), key=str)} for layout in (a, b)]
    return loose[0] == loose[1]


def _flat(rows: pl.DataFrame, layout: dict[str, Any]) -> pl.DataFrame | None:
    slots = {slot[0][0]: slot for slot in layout["slots"]}
    if any(slot[2] not in _PLAIN or len(slot[0]) > 1 for slot in layout["slots"]):
        return None
    placed = {slot[1] for slot in layout["slots"]}
    made: list[pl.Series] = []
    for key in layout["keys"]:
        if key in slots:
            column = _column(rows, slots[key])
        else:
            column = rows.get_column(CARRIED + key) if CARRIED + key in rows.columns else None
        if column is None:
            return None
        made.append(column.alias(key))
    have = set(layout["keys"])
    for name in ("label", "score"):
        column = rows.get_column(name)
        if name not in placed and name not in have and (missing := column.null_count()) < rows.height:
            if missing:
                return None
            made.append(column)
            have.add(name)
    for name in rows.columns:
        if name in RECORD or name.startswith(CARRIED) or name in placed or name in have:
            continue
        column = rows.get_column(name)
        if name in layout.get("named", []) and (missing := column.null_count()):
            if missing < rows.height:
                return None
            continue
        made.append(column)
    return pl.DataFrame(made)


def _column(rows: pl.DataFrame, slot: list[Any]) -> pl.Series | None:
    _, name, codec, *told = slot
    if name not in rows.columns:
        return None
    column = rows.get_column(name)
    if codec == "int":
        whole = column.is_null() | ((column.floor() == column) & (column.abs() <= 2.0**53))
        return column.cast(pl.Int64) if whole.all() else None
    if codec == "json":
        try:
            values = [None if v is None else loads(v) for v in column.to_list()]
        except ValueError:
            return None
        kinds = {type(v) for v in values} - {type(None)}
        dtype = {int: pl.Int64, bool: pl.Boolean, float: pl.Float64}.get(kinds.pop()) if len(kinds) == 1 else None
        if dtype == pl.Int64 and any(v is not None and abs(v) >= 2**63 for v in values):
            return None
        return pl.Series(name, values, dtype=dtype) if dtype else None
    if codec == "said":
        at, role = told
        if column.null_count() or (column.list.len() != 2).any():
            return None
        turn = column.list.get(at)
        return turn.struct.field("content") if (turn.struct.field("role") == role).all() else None
    return column


def _messages(rows: pl.DataFrame) -> pl.DataFrame | None:
    """Chats whose turns are role and content alone."""
    column = rows.get_column("messages")
    empty = all(rows.get_column(c).null_count() == rows.height for c in ("chosen", "rejected", "tools"))
    if not empty or column.null_count() or (column.list.len() == 0).any():
        return None
    flat = pl.DataFrame({"turn": column}).explode("turn", empty_as_null=True, keep_nulls=True).unnest("turn")
    others = [name for name in MESSAGE.to_schema() if name not in ("role", "content")]
    if any(flat.get_column(name).null_count() < flat.height for name in others):
        return None
    return rows.select(pl.col("messages").list.eval(pl.struct(pl.element().struct.field("role", "content"))))


def json_lines(rows: pl.DataFrame, format: str) -> list[str] | str:
    """The raw rows as JSON: one string of lines where they went in columns, else one string a row."""
    made = columns_of(rows, format)
    if made is not None and _exact(made):
        return made.write_ndjson()
    return [dumps(raw) for raw in raws(rows, format)]


def _exact(made: pl.DataFrame) -> bool:
    """Whether every column's type has a JSON form of its own."""
    fine = (pl.String, pl.Int64, pl.Boolean, pl.List, pl.Struct, pl.Null, pl.Int32, pl.UInt32, pl.UInt64)
    for column in made.get_columns():
        if column.dtype == pl.Float64:
            if column.is_nan().any() or column.is_infinite().any():
                return False
        elif not isinstance(column.dtype, fine):
            return False
    return bool(made.width)

