"""Frames out of raw rows: the way for any row (`frame`), and the way for flat ones (`flat`), which costs a tenth.

Flat rows have few different sets of keys and one type a key: their values go from the parsed objects into columns without a
thought for the single row. Both ways give the same contents, and rows that are built again the same; a test compares them. What
`frame` carries as JSON in `meta`, `flat` carries as columns `meta.KEY`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import polars as pl

from dadeum.io.chunk import CONTENT, FRONT, Unreadable
from dadeum.io.kinds import CHATS, COMPLETIONS, EXTRAS, PROMPTS, TEXTS, own
from dadeum.io.layout import Got, parsed
from dadeum.io.lens import Lens
from dadeum.io.turns import Turn
from dadeum.io.value import dumps
from dadeum.record import CARRIED, MESSAGE, TURNS

TELLING: Final = frozenset((*PROMPTS, *COMPLETIONS, *TEXTS, *CHATS, *EXTRAS, "input", "history", "chosen", "rejected"))
"""Keys whose values decide what a row is."""
SHAPES: Final = 16
KEYS: Final = 512
_SCALARS: Final = {int: pl.Int64, float: pl.Float64, bool: pl.Boolean}


class Shapes(NamedTuple):
    """The different sets of keys that flat rows have, each in its order."""

    keys: list[tuple[str, ...]]
    of: pl.Series | None = None
    """Which of them each row has; null where there is one for all."""


def frame(lines: Sequence[int], rows: Sequence[Got], lens: Lens) -> pl.DataFrame:
    """A chunk's frame, row by row."""
    columns: dict[str, pl.Series] = {
        "line": pl.Series("line", lines, dtype=pl.UInt64),
        "key": pl.Series("key", [got.key for got in rows], dtype=pl.String),
    }
    metas = [got.meta() for got in rows]
    for name, dtype in CONTENT.items():
        if name == "meta":
            columns[name] = pl.Series(name, [dumps(m) if m else None for m in metas], dtype=dtype)
        elif name == "layout":
            columns[name] = pl.Series(name, [got.layout() for got in rows], dtype=dtype)
        elif dtype == TURNS:
            columns[name] = turns(name, [got.columns.get(name) for got in rows])
        else:
            columns[name] = pl.Series(name, [got.columns.get(name) for got in rows], dtype=dtype)
    for name in lens.named:
        columns[name] = pl.Series(name, [got.columns.get(name) for got in rows], dtype=pl.String)
    return pl.DataFrame(columns)


def turns(name: str, values: Sequence[list[Turn] | None]) -> pl.Series:
    """A TURNS column out of lists of MESSAGEs."""
    if not any(values):
        return pl.Series(name, [None if v is None else [] for v in values], dtype=TURNS)
    index = [i for i, v in enumerate(values) if v for _ in v]
    flat = [t for v in values if v for t in v]
    made = pl.DataFrame({k: pl.Series(k, [t[k] for t in flat], dtype=d) for k, d in MESSAGE.to_schema().items()})
    made = made.select(pl.Series("index", index, dtype=pl.UInt32), pl.struct(pl.all()).alias("turn"))
    lists = made.group_by("index", maintain_order=True).agg("turn")
    whole = pl.DataFrame({"index": pl.int_range(len(values), dtype=pl.UInt32, eager=True)}).join(
        lists, on="index", how="left", maintain_order="left"
    )
    none = pl.Series([v is None for v in values])
    out = pl.when(none).then(None).otherwise(pl.col("turn").fill_null([])).cast(TURNS).alias(name)
    return whole.select(out).to_series()


def columns_of(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, pl.Series], Shapes] | None:
    """Flat rows as typed columns, and their keys. Null where the rows aren't flat."""
    shapes = {shape: i for i, shape in enumerate(dict.fromkeys(map(tuple, rows)))}
    keys = list(dict.fromkeys(k for shape in shapes for k in shape))
    if len(shapes) > SHAPES or len(keys) > KEYS:
        return None
    columns = {}
    one = len(shapes) == 1
    for key in keys:
        values = [row[key] for row in rows] if one else [row.get(key) for row in rows]
        made = _typed(key, values)
        if made is None:
            return None
        columns[key] = made
    return columns, Shapes(list(shapes), None if one else pl.Series([shapes[tuple(row)] for row in rows], dtype=pl.UInt32))


def _typed(key: str, values: list[Any]) -> pl.Series | None:
    kind = type(next((v for v in values if v is not None), ""))
    if kind is str:
        try:
            return pl.Series(key, values, dtype=pl.String, strict=True)
        except TypeError:
            return None
    if kind not in _SCALARS or not set(map(type, values)) <= {kind, type(None)}:
        return None
    # From here on orjson may have rounded an integer.
    if kind is float and any(v is not None and abs(v) >= 2.0**63 for v in values):
        return None
    try:
        return pl.Series(key, values, dtype=_SCALARS[kind], strict=True)
    except TypeError:
        return None


def flat(lines: Sequence[int] | pl.Series, columns: dict[str, pl.Series], shapes: Shapes, lens: Lens) -> pl.DataFrame | None:
    """The frame of flat rows, or null where their contents take more than columns.

    columns: every key's values, null where a row lacks the key.
    """
    n = len(lines)
    telling = {k for k in columns if k in lens.source.fields.values()} if lens.mapped else TELLING & set(columns)
    if "system" in columns or (not lens.mapped and any(columns[k].null_count() for k in telling)):
        return None
    if not lens.mapped and any(_transcript(columns[k]) for k in ("text", "chosen") if k in columns):
        return None
    some = {k: next(iter(s.drop_nulls().head(1)), None) for k, s in columns.items()}
    layouts = {}
    slots: dict[str, list[Any]] = {}
    said: list[list[list[Any]]] = []
    for shape in shapes.keys:
        try:
            got = lens.get({k: some[k] for k in shape})
        except Unreadable:
            return None
        if got.kind not in ("rest", "text", "prompt", "kto") or any(len(slot[0]) > 1 for slot in got.slots):
            return None
        if any(slots.setdefault(slot[0][0], slot) != slot for slot in got.slots):
            return None
        if any(slot[2] not in ("str", "json", "int", "float", "said") for slot in got.slots):
            return None
        said.append([slot for slot in got.slots if slot[2] == "said"])
        layouts[shape] = got.layout()
    if any(s != said[0] for s in said) or any((set(shape) & set(slots)) - _paths(text) for shape, text in layouts.items()):
        return None
    if any(len(slot) > 5 or columns[slot[0][0]].null_count() for slot in said[0]):
        return None
    made = _columns(n, columns, list(slots.values()), lens)
    texts = pl.Series("layout", [layouts[shape] for shape in shapes.keys], dtype=pl.String)
    made["layout"] = texts.new_from_index(0, n) if shapes.of is None else texts.gather(shapes.of)
    front = {"line": lines if isinstance(lines, pl.Series) else pl.Series("line", lines, dtype=pl.UInt64), "key": _keys(columns, lens, n)}
    order = [*FRONT, *CONTENT, *lens.named]
    carried = {CARRIED + k: s.alias(CARRIED + k) for k, s in columns.items() if k not in slots}
    every = {**front, **made}
    return pl.DataFrame([*(every[name].alias(name) for name in order), *carried.values()])


def _paths(layout: str) -> set[str]:
    return {slot[0][0] for slot in parsed(layout)["slots"]}


def _transcript(column: pl.Series) -> bool:
    return column.dtype == pl.String and bool((column.str.starts_with("\n\nHuman:") | column.str.starts_with("\n\nAssistant:")).any())


def _columns(n: int, columns: dict[str, pl.Series], slots: list[list[Any]], lens: Lens) -> dict[str, pl.Series]:
    made = {name: pl.Series(name, [None], dtype=dtype).new_from_index(0, n) for name, dtype in CONTENT.items()}
    for name in lens.named:
        made[name] = pl.Series(name, [None], dtype=pl.String).new_from_index(0, n)
    saying = sorted((slot for slot in slots if slot[2] == "said"), key=lambda slot: slot[3] % 2)
    for path, column, codec, *_ in slots:
        values = columns[path[0]]
        if codec == "str":
            made[column] = values.cast(pl.String)
        elif codec == "json":
            made[column] = _json(values)
        elif codec in ("int", "float"):
            made[column] = values.cast(pl.Float64)
    if saying:
        said = [_message(columns[slot[0][0]], slot[4]) for slot in saying]
        whole = pl.DataFrame([s.alias(str(i)) for i, s in enumerate(said)])
        made["messages"] = whole.select(pl.concat_list(pl.all()).cast(TURNS)).to_series()
    return made


def _message(content: pl.Series, role: str) -> pl.Series:
    given = {"role": pl.lit(role), "content": pl.col("content")}
    fields = (given.get(k, pl.lit(None)).cast(d).alias(k) for k, d in MESSAGE.to_schema().items())
    return content.to_frame("content").select(pl.struct(fields)).to_series()


def _json(values: pl.Series) -> pl.Series:
    return pl.Series([None if v is None else dumps(v) for v in values.to_list()], dtype=pl.String)


def _keys(columns: dict[str, pl.Series], lens: Lens, n: int) -> pl.Series:
    name = lens.source.fields.get("id", "id")
    if name in columns and columns[name].dtype == pl.String:
        return pl.select(pl.when(columns[name] != "").then(columns[name])).to_series()
    values = columns[name].to_list() if name in columns else [None] * n
    return pl.Series([own(v) for v in values], dtype=pl.String)
