"""guard.pii: personal data found, and replaced.

Kinds: email; resident (Korea's resident and foreigner registration numbers); card; phone (Korean mobile and fixed lines,
international numbers); business (registration numbers); ip. See `_pii/find.py` for what counts as one.

mode `surrogate` puts something of the same shape that can't be real in its place, the same for the same value throughout a
record; `mask` puts [EMAIL], [PHONE], ...; `flag` edits nothing and names the kinds found in the column `pii`. The ledger shows
keyed digests, never values.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import polars as pl

from dadeum.record import CHATS, CONTENTS, chats, put, say, turns
from dadeum.step import Edit, TextStep
from dadeum.steps.guard._pii.find import KINDS, SUSPECT, Kind, Span, find
from dadeum.steps.guard._pii.key import digest
from dadeum.steps.guard._pii.surrogate import MASKS, surrogate

ROUNDS = 8
"""A replacement can end a stretch that hid another value: looked for until nothing is found, this often at most."""


@dataclass(frozen=True)
class Pii(TextStep, Edit):
    """Find and replace personal data."""

    writes = (*CONTENTS, "pii")
    secret = True

    kinds: tuple[Kind, ...] = KINDS
    """What to look for."""
    mode: Literal["surrogate", "mask", "flag"] = "surrogate"
    """What to do about it."""

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(SUSPECT)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        places = self._places(rows)
        if self.mode == "flag":
            return self._flag(rows, places)
        ids = rows.get_column("id").to_list()
        known: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
        for place in places:
            at, new = [], []
            for line, owner, string in zip(place.lines.to_list(), place.owners.to_list(), place.strings.to_list()):
                clean = self._replace(string, ids[owner], known[owner])
                if clean != string:
                    at.append(line)
                    new.append(clean)
            if at:
                rows = place.put(rows, pl.Series(at, dtype=pl.UInt32), pl.Series(new, dtype=pl.String))
        return rows

    def conceal(self, before: str, after: str) -> str:
        """`before` with every value as ⟨kind:keyed digest⟩."""
        for _ in range(ROUNDS):
            spans = find(before, self.kinds)
            if not spans:
                break
            before = _with(before, spans, [f"⟨{span.kind}:{digest(span.value)}⟩" for span in spans])
        return before

    def _places(self, rows: pl.DataFrame) -> list[_Place]:
        """The strings that may hold something: the text, then the turns of the addressed roles."""
        found = []
        if "text" in self.on:
            at = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
            found.append(self._suspects("text", None, pl.DataFrame({"line": at, "index": at, "content": rows.get_column("text")})))
        roles = [role for role in self.on if role != "text"]
        for field in CHATS if roles else ():
            if rows.get_column(field).null_count() == rows.height:
                continue
            flat = turns(rows, field)
            lines = flat.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("line")).filter(pl.col("role").is_in(roles))
            found.append(self._suspects(field, flat, lines))
        return found

    def _suspects(self, field: str, flat: pl.DataFrame | None, lines: pl.DataFrame) -> _Place:
        guard = self.guard()
        lines = lines.filter(pl.col("content").is_not_null() if guard is None else guard)
        return _Place(field, flat, lines.get_column("line"), lines.get_column("index"), lines.get_column("content"))

    def _flag(self, rows: pl.DataFrame, places: list[_Place]) -> pl.DataFrame:
        kinds: dict[int, set[str]] = defaultdict(set)
        for place in places:
            for owner, string in zip(place.owners.to_list(), place.strings.to_list()):
                kinds[owner] |= {span.kind for span in find(string, self.kinds)}
        told = {owner: ",".join(kind for kind in KINDS if kind in found) for owner, found in kinds.items() if found}
        empty = pl.Series("pii", [None], dtype=pl.String).new_from_index(0, rows.height)
        return rows.with_columns(put(empty, pl.Series(list(told), dtype=pl.UInt32), pl.Series(list(told.values()), dtype=pl.String)))

    def _replace(self, string: str, id: str, known: dict[tuple[str, str], str]) -> str:
        for _ in range(ROUNDS):
            spans = find(string, self.kinds)
            if not spans:
                break
            string = _with(string, spans, [self._stand_in(string[s.start : s.end], s, id, known) for s in spans])
        return string

    def _stand_in(self, shown: str, span: Span, id: str, known: dict[tuple[str, str], str]) -> str:
        if self.mode == "mask":
            return MASKS[span.kind]
        # Numbered in the order of the record: the value itself leaves no trace in its stand-in.
        key = (span.kind, span.value)
        seed = known.setdefault(key, f"{id}\0{span.kind}\0{sum(kind == span.kind for kind, _ in known)}")
        return surrogate(shown, span.kind, seed)


@dataclass(frozen=True)
class _Place:
    """Strings of one field: where they stand in it, whose they are, what they say."""

    field: str
    flat: pl.DataFrame | None
    lines: pl.Series
    owners: pl.Series
    strings: pl.Series

    def put(self, rows: pl.DataFrame, at: pl.Series, strings: pl.Series) -> pl.DataFrame:
        """`rows` with these strings at these positions of the field."""
        if self.flat is None:
            return rows.with_columns(put(rows.get_column(self.field), at, strings))
        flat = say(self.flat, put(self.flat.get_column("content"), at, strings))
        touched = self.flat.get_column("index").gather(at).unique()
        flat = flat.filter(pl.col("index").is_in(touched.implode()))
        return rows.with_columns(put(rows.get_column(self.field), *chats(rows, flat)))


def _with(text: str, spans: list[Span], replacements: list[str]) -> str:
    out, end = [], 0
    for span, replacement in zip(spans, replacements):
        out += [text[end : span.start], replacement]
        end = span.end
    return "".join(out) + text[end:]
