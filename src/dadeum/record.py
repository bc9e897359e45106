"""The one schema. A record is a row of a Polars frame; every step sees a batch of them.

    row       where the record stands in the input: file number * 2^32 + line (page, row) number.
              The only order a step may use; unique in a run
    id        the row's own where it has a unique one, else source/file:line
    source    name of the source in the recipe; licence and consent hang on it
    place     path:line (path#row, path#page) of the raw row
    parents   [] if collected; the ids of its seeds if synthetic
    text      a document, or null
    messages  the turns of a chat, or the prompt of a preference pair, or null
    chosen, rejected   the two continuations of a preference pair, or null
    tools     JSON of the tools that were on offer, or null
    label     a class, as text (of a scored pair too), or null
    score     a number that came with the row, or null
    meta      JSON of whatever else came along: carried, and read by no step but guard.pii
    layout    how the raw row was built, so that it can be built again (see io/layout.py)

A message's `content` is its text. A content of several parts keeps its text in `content` and the other parts, with the
lengths of the text parts, in `parts`; null there means that the content was a plain string. `tool_calls` is JSON and passes
through every step but guard.pii untouched. `rest` is JSON of the message's other keys.

A batch may hold more columns: those a recipe names (`fields:` of a source), scores that steps wrote, and `meta.KEY`, a raw
row's other fields carried as they were (folded into `meta` when the dataset is written).
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import polars as pl

MESSAGE: Final = pl.Struct(
    {
        "role": pl.String,
        "content": pl.String,
        "parts": pl.String,
        "name": pl.String,
        "tool_calls": pl.String,
        "tool_call_id": pl.String,
        "weight": pl.Float64,
        "rest": pl.String,
    }
)
TURNS: Final = pl.List(MESSAGE)
RECORD: Final = pl.Schema(
    {
        "row": pl.UInt64(),
        "id": pl.String(),
        "source": pl.String(),
        "place": pl.String(),
        "parents": pl.List(pl.String()),
        "text": pl.String(),
        "messages": TURNS,
        "chosen": TURNS,
        "rejected": TURNS,
        "tools": pl.String(),
        "label": pl.String(),
        "score": pl.Float64(),
        "meta": pl.String(),
        "layout": pl.String(),
    }
)
CHATS: Final = ("messages", "chosen", "rejected")
"""The columns that hold turns."""
CONTENTS: Final = ("text", *CHATS)
"""The columns whose change counts as an edit of the record's contents."""
EDITED: Final = (*CONTENTS, "tools", "meta", "layout")
"""The columns whose change an edit is counted and told for: contents, and what is carried with them."""
CARRIED: Final = "meta."
"""Prefix of the columns that carry a raw row's other fields."""
TEXT_PARTS: Final = ("text", "input_text", "output_text")
"""Types of the parts whose text is the message's; in `parts` their lengths stand for it."""
ROLES: Final = ("system", "developer", "user", "assistant", "tool")

Function = Callable[[pl.Expr], pl.Expr]
_PIECES: Final = re.compile(r"[A-Za-z]+|\s+|.", re.DOTALL)


def records(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """A batch out of plain dicts, missing columns filled: for tests, doctests and generators, not for hot paths.

    >>> records([{"text": "a"}, {"text": "b"}]).select("row", "id", "text").rows()
    [(0, '0', 'a'), (1, '1', 'b')]
    """
    rows = list(rows)
    extra = sorted({k for row in rows for k in row} - set(RECORD))
    columns: dict[str, pl.Series] = {}
    for name, dtype in RECORD.items():
        values: list[Any] = [row.get(name) for row in rows]
        if name == "row":
            values = [i if v is None else v for i, v in enumerate(values)]
        elif name == "id":
            values = [str(i) if v is None else v for i, v in enumerate(values)]
        elif name == "parents":
            values = [[] if v is None else v for v in values]
        elif name in CHATS:
            values = [None if v is None else [{k: m.get(k) for k in MESSAGE.to_schema()} for m in v] for v in values]
        columns[name] = pl.Series(name, values, dtype=dtype)
    return pl.DataFrame(columns).with_columns(*(pl.Series(k, [row.get(k) for row in rows]) for k in extra))


def turns(rows: pl.DataFrame, field: str) -> pl.DataFrame:
    """The turns of one field, one per line: `index` (position of the record in `rows`, UInt32), then MESSAGE's columns."""
    column = rows.get_column(field)
    if column.null_count() == rows.height:  # also because Polars 2.1 fails to explode an all-null column that was reversed
        return pl.DataFrame(schema={"index": pl.UInt32(), **MESSAGE.to_schema()})
    flat = pl.DataFrame({"index": pl.int_range(rows.height, dtype=pl.UInt32, eager=True), "turn": column})
    flat = flat.filter(pl.col("turn").list.len() > 0)
    return flat.explode("turn", empty_as_null=True, keep_nulls=True).unnest("turn")


def chats(rows: pl.DataFrame, flat: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """The opposite of `turns`: (`index`, a TURNS series), one entry for every record that has lines in `flat`."""
    made = flat.group_by("index", maintain_order=True).agg(pl.struct(*MESSAGE.to_schema()).alias("turn"))
    return made.get_column("index"), made.get_column("turn").cast(TURNS)


def say(flat: pl.DataFrame, contents: pl.Series) -> pl.DataFrame:
    """The turns `flat` with these contents. Where one came in parts and changed, the lengths in `parts` follow it."""
    parts = flat.get_column("parts")
    if parts.null_count() < flat.height:
        changed = (parts.is_not_null() & contents.ne_missing(flat.get_column("content"))).arg_true()
        told = zip(*(column.gather(changed).to_list() for column in (parts, flat.get_column("content"), contents)))
        parts = put(parts, changed, pl.Series([recut(p, old or "", new or "") for p, old, new in told], dtype=pl.String))
    return flat.with_columns(contents.alias("content"), parts)


def recut(parts: str, old: str, new: str) -> str:
    """`parts` with the lengths of its text parts moved from the old content to the new one: each cut stays between the
    words that it stood between.

    >>> recut('[{"type":"text","text":4},{"type":"image"},{"type":"text","text":2}]', "a  b c", "a b c")
    '[{"type":"text","text":3},{"type":"image"},{"type":"text","text":2}]'
    """
    made = json.loads(parts)
    texts = [part for part in made if part.get("type") in TEXT_PARTS]
    if not texts or sum(part["text"] for part in texts) != len(old):
        return parts
    pieces: list[str] = []
    ends = []
    at = 0
    for part in texts:
        pieces += _PIECES.findall(old[at : at + part["text"]])
        at += part["text"]
        ends.append(len(pieces))
    after = _PIECES.findall(new)
    lengths = [0, *itertools.accumulate(map(len, after))]
    matched = difflib.SequenceMatcher(None, pieces, after).get_opcodes()
    cuts = [0]
    for end in ends[:-1]:
        _, i1, i2, j1, j2 = next((m for m in matched if m[1] <= end <= m[2]), ("", 0, 0, 0, 0))
        cuts.append(lengths[j1 + round((end - i1) / max(1, i2 - i1) * (j2 - j1))])
    for part, start, end in zip(texts, cuts, [*cuts[1:], len(new)]):
        part["text"] = end - start
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def put(column: pl.Series, index: pl.Series, values: pl.Series) -> pl.Series:
    """`column` with `values` at the positions `index`, of any dtype.

    >>> put(pl.Series([1, 2, 3]), pl.Series([1]), pl.Series([9])).to_list()
    [1, 9, 3]
    """
    if index.is_empty():
        return column
    if not column.dtype.is_nested():
        return column.clone().scatter(index, values)
    # Series.scatter knows no lists. For strings it takes a tenth of the time of this.
    take = pl.int_range(len(column), dtype=pl.UInt32, eager=True)
    take = take.scatter(index, pl.int_range(len(column), len(column) + len(values), dtype=pl.UInt32, eager=True))
    return pl.concat([column, values.alias(column.name).cast(column.dtype)], rechunk=True).gather(take)


def rewrite(rows: pl.DataFrame, on: Sequence[str], f: Function, where: pl.Expr | None = None) -> pl.DataFrame:
    """Apply `f`, an expression on a string, to the text and to the contents of turns alike.

    on: which strings: `text` and roles (`user`, `assistant`, ...), wherever turns live (messages, chosen, rejected).
    where: an expression on the strings' column `content`; strings for which it is false or null stay as they are and
        cost nothing more, which is how a step in Python stays fast.

    Nulls stay null. Turns keep their number, order, roles and everything but `content`.

    >>> rewrite(records([{"text": "A"}]), ["text"], lambda e: e.str.to_lowercase())["text"].to_list()
    ['a']
    """
    if "text" in on and rows.get_column("text").null_count() < rows.height:
        rows = rows.with_columns(_rewritten(rows.get_column("text"), f, where).alias("text"))
    roles = [role for role in on if role != "text"]
    for field in CHATS if roles else ():
        column = rows.get_column(field)
        if column.null_count() == rows.height:
            continue
        flat = turns(rows, field)
        old = flat.get_column("content")
        addressed = flat.get_column("role").is_in(roles)
        new = put(old, addressed.arg_true(), _rewritten(old.filter(addressed), f, where))
        touched = flat.filter(new.ne_missing(old)).get_column("index").unique()
        if touched.is_empty():
            continue
        flat = say(flat, new).filter(pl.col("index").is_in(touched.implode()))
        rows = rows.with_columns(put(column, *chats(rows, flat)))
    return rows


def _rewritten(strings: pl.Series, f: Function, where: pl.Expr | None) -> pl.Series:
    frame = pl.DataFrame({"content": strings})
    if where is None:
        return frame.select(f(pl.col("content"))).to_series()
    chosen = frame.select(where.fill_null(False)).to_series().arg_true()
    if chosen.is_empty():
        return strings
    return put(strings, chosen, frame[chosen].select(f(pl.col("content"))).to_series())


def lift(f: Callable[[str], str]) -> Function:
    """Turn any `str -> str` into the expression that `rewrite` takes.

    >>> rewrite(records([{"text": "A"}]), ["text"], lift(str.lower))["text"].to_list()
    ['a']
    """

    def each(strings: pl.Series) -> pl.Series:
        return pl.Series(strings.name, [None if s is None else f(s) for s in strings.to_list()], dtype=pl.String)

    return lambda e: e.map_batches(each, return_dtype=pl.String, is_elementwise=True)


def prose(rows: pl.DataFrame, on: Sequence[str]) -> pl.Series:
    """What a reader would read of each record, as one string: the text, then the turns' contents, joined by newlines.

    A record with none of the asked strings gives null; empty strings count as strings.

    >>> prose(records([{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]), ["user"]).to_list()
    ['a']
    """
    parts = []
    if "text" in on:
        parts.append(rows.get_column("text"))
    roles = [role for role in on if role != "text"]
    for field in CHATS if roles else ():
        column = rows.get_column(field)
        if column.null_count() == rows.height:
            continue
        flat = turns(rows, field).filter(pl.col("role").is_in(roles) & pl.col("content").is_not_null())
        said = flat.group_by("index", maintain_order=True).agg(pl.col("content").str.join("\n"))
        empty = pl.Series("content", [None], dtype=pl.String).new_from_index(0, rows.height)
        parts.append(put(empty, said.get_column("index"), said.get_column("content")))
    if not parts:
        return pl.Series("prose", [None], dtype=pl.String).new_from_index(0, rows.height)
    if len(parts) == 1:
        return parts[0].alias("prose")
    frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts)])
    some = pl.any_horizontal(pl.all().is_not_null())
    return frame.select(pl.when(some).then(pl.concat_str(pl.all(), separator="\n", ignore_nulls=True)).alias("prose")).to_series()
