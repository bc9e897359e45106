"""From strings to letters and back: what of a record is compared, and where in its strings a run of letters stands.

A run of letters begins and ends anywhere, also within a word: two texts that differ before "국제 회의" may both go on with "제 회의".
What is shown and cut therefore ends at whole words (`spelled`), unless the next white space is further away than `WORD` characters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
import polars as pl

from dadeum.record import CHATS, turns
from dadeum.steps import _key
from dadeum.steps._key import Codes
from dadeum.steps.clean._code import FENCE, FENCED, is_code
from dadeum.steps.dedup._spans import Ints

WORD: Final = 15
PIECE: Final = pl.Struct({"place": pl.String, "start": pl.UInt32, "string": pl.String})
"""A part of a record's strings: `text` or a turn (`messages.2`), the place of its first character there, and itself."""

_AFTER: Final = re.compile(r"[.,!?…·~。，、！？:;\"'”’)\]」』》]++(?=\s|$)")


def strings(rows: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """`index` (position of the record), `place`, `content`: the text and every turn of these roles, in the record's order."""
    parts = []
    if "text" in on:
        index = pl.int_range(rows.height, dtype=pl.UInt32, eager=True).alias("index")
        parts.append(pl.DataFrame([index, rows.get_column("text").alias("content")]).with_columns(pl.lit("text").alias("place")))
    for field in CHATS:
        flat = turns(rows, field).select("index", "role", "content")
        place = pl.concat_str(pl.lit(f"{field}."), pl.int_range(pl.len()).over("index").cast(pl.String))
        parts.append(flat.with_columns(place.alias("place")).filter(pl.col("role").is_in(list(on))))
    every = pl.concat([part.select("index", "place", "content") for part in parts]).drop_nulls("content")
    return every.sort("index", maintain_order=True)


def prose(found: pl.DataFrame, profile: str) -> pl.DataFrame:
    """`strings` cut into pieces: `index`, `place`, `start`, `string`. Code, a whole string or a fenced block, is no piece of prose;
    where the profile told is `code`, every string is a piece."""
    found = found.select("index", "place", pl.lit(0, dtype=pl.UInt32).alias("start"), pl.col("content").alias("string"))
    if profile == "code":
        return found
    marked = found.select(pl.col("string").str.contains(FENCED).alias("fenced"), is_code(pl.col("string"), profile).alias("code"))
    plain = found.filter(~marked["fenced"] & ~marked["code"])
    fenced = found.filter(marked["fenced"])
    if fenced.is_empty():
        return plain
    out: dict[str, list[object]] = {name: [] for name in found.columns}
    for index, place, string in zip(*(fenced.get_column(c).to_list() for c in ("index", "place", "string"))):
        start = 0
        for a, b in [*(block.span() for block in FENCE.finditer(string)), (len(string), len(string))]:
            if a > start:
                for name, value in zip(found.columns, (index, place, start, string[start:a])):
                    out[name].append(value)
            start = b
    # By place: text before turns, and `index` as it was. The fenced strings' pieces go back between the others.
    order = found.select("index", "place").with_row_index("order")
    both = pl.concat([plain, pl.DataFrame(out, schema=found.schema)])
    return both.join(order, on=["index", "place"]).sort("order", "start").drop("order")


def letters(column: pl.Series, profile: str) -> Codes:
    """The letters that are compared, a 0 after each string."""
    return _key.characters(column) if profile == "code" else _key.letters(column, profile != "en")


def places(string: str, profile: str) -> tuple[Ints, Ints]:
    """(begin, end) in the string of each of its letters."""
    if profile == "code":
        at = np.array([i for i, c in enumerate(string) if not (c.isspace() or c == "\0")], dtype=np.int64)
        return at, at + 1
    laughter = profile != "en"
    if unicodedata.is_normalized("NFC", string):
        at = _key.kept(string, laughter)
        return at, at + 1
    clusters = _clusters(string)
    composed = [unicodedata.normalize("NFC", c) for c in clusters]
    owner = np.repeat(np.arange(len(clusters)), [len(c) for c in composed])[_key.kept("".join(composed), laughter)]
    end = np.cumsum([len(c) for c in clusters])
    return np.append(0, end[:-1])[owner].astype(np.int64), end[owner].astype(np.int64)


def spelled(string: str, begin: Ints, end: Ints, first: int, last: int, joined: tuple[bool, bool]) -> tuple[int, int]:
    """(start, stop) of letters `first` to `last` (past the end) in the string, without the halves of words at its ends.

    joined: whether another span follows on that side, so that no half of a word is left over.
    """
    start, stop = int(begin[first]), int(end[last - 1])
    if not joined[0] and start and _letter(string[start - 1]):
        ahead = next((i for i in range(start, min(start + WORD, stop)) if string[i].isspace()), None)
        if ahead is not None:
            start = int(begin[min(int(np.searchsorted(begin, ahead)), len(begin) - 1)])
    if joined[1]:
        return start, int(begin[last]) if last < len(begin) else stop
    if stop < len(string) and _letter(string[stop]):
        back = next((i for i in range(stop, max(stop - WORD, start), -1) if string[i - 1].isspace()), None)
        if back is not None and (at := int(np.searchsorted(end, back, side="right"))):
            stop = int(end[at - 1])
    after = _AFTER.match(string, stop)
    return start, after.end() if after else max(start, stop)


def _letter(c: str) -> bool:
    return unicodedata.category(c)[0] in "LNM"


def _clusters(string: str) -> list[str]:
    """The string in parts that compose by themselves: a character and the marks, vowels and finals behind it."""
    out: list[str] = []
    for c in string:
        joins = unicodedata.category(c)[0] == "M" or "\u1160" <= c <= "\u11ff" or "\ud7b0" <= c <= "\ud7ff"
        if out and joins:
            out[-1] += c
        else:
            out.append(c)
    return out
