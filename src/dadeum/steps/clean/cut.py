"""clean.cut: take out of each record the spans that `dedup.substring` found in earlier ones.

The white space on both sides of a cut becomes one: the side with more line ends, else a blank. Turns stay, empty if need be. A span
is cut only where its characters are still those that were found (`check`); if a step between the two changed them, it stays in the
text and in `repeated`.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dadeum.record import CHATS, CONTENTS, chats, put, say, turns
from dadeum.step import Edit

COLUMN: Final = "repeated"


@dataclass(frozen=True)
class Cut(Edit):
    """Cuts what `repeated` names, and takes it off that list."""

    writes = (*CONTENTS, COLUMN)

    @property
    def reads(self) -> tuple[str, ...]:
        return (COLUMN,)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        found = rows.get_column(COLUMN)
        if found.dtype.base_type() is not pl.List or not (found.list.len() > 0).any():
            return rows
        at = (found.list.len() > 0).fill_null(False).arg_true()
        spans: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
        for index, held in zip(at.to_list(), found.gather(at).to_list()):
            for span in held:
                spans[index, span["place"]].append(span)
        done: set[tuple[int, str]] = set()
        named = pl.Series(sorted({index for index, place in spans if place == "text"}), dtype=pl.UInt32)
        texts = [_cut(text, spans[i, "text"]) for i, text in zip(named.to_list(), rows.get_column("text").gather(named).to_list())]
        done |= {(i, "text") for i, text in zip(named.to_list(), texts) if text is not None}
        kept = rows.get_column("text").gather(named).to_list()
        made = [old if new is None else new for old, new in zip(kept, texts)]
        rows = rows.with_columns(put(rows.get_column("text"), named, pl.Series(made, dtype=pl.String)))
        for field in CHATS:
            rows, cut = _in_turns(rows, field, spans)
            done |= cut
        left = [[s for s in held if (i, s["place"]) not in done] for i, held in zip(at.to_list(), found.gather(at).to_list())]
        return rows.with_columns(put(found, at, pl.Series(left, dtype=found.dtype)).alias(COLUMN))


def _in_turns(rows: pl.DataFrame, field: str, spans: dict[tuple[int, str], list[dict[str, Any]]]) -> tuple[pl.DataFrame, set[tuple[int, str]]]:
    """The rows with the turns of one field cut, and the places at which that was done."""
    wanted = {i for i, place in spans if place.startswith(f"{field}.")}
    if not wanted:
        return rows, set()
    flat = turns(rows, field).filter(pl.col("index").is_in(list(wanted)))
    place = flat.select(pl.concat_str(pl.lit(f"{field}."), pl.int_range(pl.len()).over("index").cast(pl.String))).to_series()
    done: set[tuple[int, str]] = set()
    contents: list[str | None] = []
    for i, name, content in zip(flat.get_column("index").to_list(), place.to_list(), flat.get_column("content").to_list()):
        new = _cut(content, spans[i, name]) if (i, name) in spans else None
        contents.append(content if new is None else new)
        if new is not None:
            done.add((i, name))
    flat = say(flat, pl.Series("content", contents, dtype=pl.String))
    return rows.with_columns(put(rows.get_column(field), *chats(rows, flat))), done


def _cut(string: str | None, spans: Sequence[dict[str, Any]]) -> str | None:
    """The string without the spans; null where one of them is no longer what was found."""
    if string is None:
        return None
    out, done = "", 0
    for span in sorted(spans, key=lambda span: span["start"]):
        start, stop = span["start"], span["start"] + span["length"]
        if start < done or zlib.crc32(string[start:stop].encode()) != span["check"]:
            return None
        out, done = _joined(out, string[done:start]) if done else string[:start], stop
    return _joined(out, string[done:])


def _joined(left: str, right: str) -> str:
    """Two sides of a cut, one white space between them."""
    before, after = left.rstrip(), right.lstrip()
    if not before or not after:
        return before + after
    gap = max(left[len(before) :], right[: len(right) - len(after)], key=lambda g: (g.count("\n"), len(g) > 0))
    return before + (gap if "\n" in gap else " " if gap else "") + after
