"""guard.pii: personal data found, and replaced.

Kinds: e-mail, telephone, card, IP, IBAN, MAC, passport, US Social Security number, street address, keys and secrets; of Korea the
resident and foreigner registration numbers, business and corporate registration, driver's licence, customs code, bank account,
number plate, road and lot addresses, names on messengers. On request: `hotline` (1588-1234, 080), which is nobody's, and `name`, the names of people, whose Korean
ones take the analyser of `dadeum[ko]` (a thousand short texts a second): by the words around them (이름:, 님, Dear, Ms.), and at a `threshold` of .5 also Korean full names that stand
alone, which finds the names of the news, too. `_pii/` says what counts as one and how sure it is; `threshold` says how sure it has
to be.

mode `surrogate` puts something of the same shape that can't be real in its place, the same for the same value throughout a record;
`mask` puts [EMAIL], [PHONE], ...; `vault` is `surrogate`, with the values kept sealed in the run's ledger (see `_pii/vault.py`);
`flag` edits nothing and names the kinds found in the column `pii`. The ledger shows keyed digests, never values.

Every role is searched: a system prompt holds the customer it speaks of, a tool's result the row of a database. Tool calls and the
`name` of a turn are left alone until `on` names them, because programs read them; then only string values change, and the JSON stays
valid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import CHATS, CONTENTS, RECORD, chats, put, say, turns
from dadeum.step import Edit, Role, TextStep
from dadeum.steps.guard._pii import names, vault
from dadeum.steps.guard._pii.find import ALL, KINDS, THRESHOLD, Kind, Span, find, suspect
from dadeum.steps.guard._pii.key import digest
from dadeum.steps.guard._pii.strings import inside
from dadeum.steps.guard._pii.surrogate import MASKS, surrogate

ROUNDS = 8
"""A replacement can end a stretch that hid another value: looked for until nothing is found, this often at most."""
TRIES = 20
"""Two values of a record have two surrogates: another is drawn where the first is taken."""
BESIDE = ("name", "tool_calls")
"""What turns hold besides their content."""


@dataclass(frozen=True)
class Pii(TextStep, Edit):
    """Find and replace personal data."""

    version = 2
    secret = True

    on: tuple[Literal[Role, "name", "tool_calls"], ...] = field(  # type: ignore[assignment]
        default=("text", "system", "developer", "user", "assistant", "tool"), kw_only=True
    )
    """The strings it works on: `text`, the turns of these roles, and of any role the `name` and the string values of `tool_calls`."""
    kinds: tuple[Kind, ...] = KINDS
    """What to look for."""
    mode: Literal["surrogate", "mask", "vault", "flag"] = "surrogate"
    """What to do about it."""
    threshold: Annotated[float, Field(ge=0, le=1)] = THRESHOLD
    """How sure a find has to be. Higher spares more numbers that only look like one; lower takes bare digits for a review."""
    columns: tuple[str, ...] = ()
    """Columns of text beside the contents, whose name tells what they hold (`phone`)."""

    def __post_init__(self) -> None:
        mistakes = [Mistake(f"columns.{i}", f"{c} is a part of every record", "contents are named in `on`") for i, c in enumerate(self.columns) if c in RECORD]
        if not self.kinds:
            mistakes.append(Mistake("kinds", "is empty: the step would find nothing", "name some, or leave the step out"))
        if self.mode == "vault" and (beside := sorted({*self.columns, *set(BESIDE).intersection(self.on)})):
            mistakes.append(Mistake("mode", f"vault keeps what stood in texts and turns, not in {', '.join(beside)}", "use another guard.pii with mode: surrogate for these"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Contents, the column `pii`, and the named columns."""
        return (*CONTENTS, "pii", *self.columns)

    @property
    def reads(self) -> tuple[str, ...]:
        return self.columns

    def guard(self) -> pl.Expr:
        found = pl.col("content").map_batches(suspect, return_dtype=pl.Boolean, is_elementwise=True)
        return found | pl.col("content").str.contains(names.SUSPECT) if "name" in self.kinds else found

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError if a column is not there, or holds no text; MissingExtra where a vault is asked for without `dadeum[vault]`."""
        for name in self.columns:
            if name not in rows.columns:
                raise RecipeError(Mistake(f"{self.name}.columns", f"there is no column {name!r}", nearest(name, rows.columns)))
            if rows.schema[name] not in (pl.String, pl.Null):
                raise RecipeError(Mistake(f"{self.name}.columns", f"{name} holds no text"))
        if self.mode == "vault":
            vault.cipher()  # before anything is replaced that could not be kept
        places = self._places(rows)
        if self.mode == "flag":
            return self._flag(rows, places)
        ids = rows.get_column("id").to_list()
        known: dict[int, _Known] = {}
        for place in places:
            at, new = [], []
            for line, owner, string in zip(place.lines.to_list(), place.owners.to_list(), place.strings.to_list()):
                clean = place.walk(string, partial(self._replace, known.setdefault(owner, _Known(ids[owner]))))
                if clean != string:
                    at.append(line)
                    new.append(clean)
            if at:
                rows = place.put(rows, pl.Series(at, dtype=pl.UInt32), pl.Series(new, dtype=pl.String))
        return rows

    def conceal(self, before: str, after: str) -> str:
        """`before` with every value as ⟨kind:keyed digest⟩, and its seal behind that in a vault."""
        for _ in range(ROUNDS):
            spans = find(before, self.kinds, self.threshold)
            if not spans:
                break
            if self.mode == "vault":
                told = [vault.sealed(span.kind, before[span.start : span.end]) for span in spans]
            else:
                told = [f"⟨{span.kind}:{digest(span.value)}⟩" for span in spans]
            before = _with(before, spans, told)
        return before

    def _places(self, rows: pl.DataFrame) -> list[_Place]:
        """The strings that may hold something: the text, the turns of the addressed roles, what stands beside, the columns."""
        found = []
        at = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
        if "text" in self.on:
            found.append(self._suspects("text", "", pl.DataFrame({"line": at, "index": at, "content": rows.get_column("text")})))
        roles = [role for role in self.on if role not in ("text", *BESIDE)]
        beside = [part for part in BESIDE if part in self.on]
        for name in CHATS if roles or beside else ():
            if rows.get_column(name).null_count() == rows.height:
                continue
            flat = turns(rows, name).with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("line"))
            found.append(self._suspects(name, "content", flat.filter(pl.col("role").is_in(roles))))
            for part in beside:
                found.append(self._suspects(name, part, flat.select("line", "index", pl.col(part).alias("content"))))
        for name in self.columns:
            told = pl.DataFrame({"line": at, "index": at, "content": rows.get_column(name).cast(pl.String)})
            # A column's name is a word next to each of its values, which the guard does not see.
            found.append(self._suspects(name, "", told, guarded=False))
        return found

    def _suspects(self, field: str, part: str, lines: pl.DataFrame, guarded: bool = True) -> _Place:
        # In JSON a key may be the word that the guard asks for, and escapes hide characters.
        guard = self.guard() if guarded and part != "tool_calls" else None
        lines = lines.filter(pl.col("content").is_not_null() if guard is None else guard)
        return _Place(field, part, lines.get_column("line"), lines.get_column("index"), lines.get_column("content"))

    def _flag(self, rows: pl.DataFrame, places: list[_Place]) -> pl.DataFrame:
        kinds: dict[int, set[str]] = defaultdict(set)
        for place in places:
            for owner, string in zip(place.owners.to_list(), place.strings.to_list()):
                place.walk(string, partial(self._look, kinds[owner]))
        told = {owner: ",".join(kind for kind in ALL if kind in found) for owner, found in kinds.items() if found}
        empty = pl.Series("pii", [None], dtype=pl.String).new_from_index(0, rows.height)
        return rows.with_columns(put(empty, pl.Series(list(told), dtype=pl.UInt32), pl.Series(list(told.values()), dtype=pl.String)))

    def _look(self, kinds: set[str], string: str, key: str) -> str:
        kinds.update(span.kind for span in self._find(string, key))
        return string

    def _find(self, string: str, key: str) -> list[Span]:
        """The values in a string; `key`, the name of a field or column, counts as a word in front of it."""
        if not key:
            return find(string, self.kinds, self.threshold)
        front = f"{key[:40].replace('_', ' ')}: "
        spans = find(front + string, self.kinds, self.threshold)
        cut = len(front)
        return [Span(s.start - cut, s.end - cut, s.kind, s.value, s.confidence) for s in spans if s.start >= cut]

    def _replace(self, known: _Known, string: str, key: str) -> str:
        for _ in range(ROUNDS):
            spans = self._find(string, key)
            if not spans:
                break
            string = _with(string, spans, [self._stand_in(string[s.start : s.end], s, known) for s in spans])
        return string

    def _stand_in(self, shown: str, span: Span, known: _Known) -> str:
        return MASKS[span.kind] if self.mode == "mask" else known.surrogate(shown, span)


class _Known:
    """The surrogates of one record: one for each value, another for each other value."""

    def __init__(self, id: str) -> None:
        self._id = id
        self._seeds: dict[tuple[str, str], str] = {}
        self._made: dict[str, tuple[str, str]] = {}

    def surrogate(self, shown: str, span: Span) -> str:
        # Numbered in the order of the record: the value itself leaves no trace in its stand-in.
        value = (span.kind, span.value)
        seed = self._seeds.setdefault(value, f"{self._id}\0{span.kind}\0{sum(kind == span.kind for kind, _ in self._seeds)}")
        made = surrogate(shown, span.kind, seed)
        for again in range(TRIES):
            if self._made.setdefault(made, value) == value:
                break
            self._seeds[value] = f"{seed}\0{again}"
            made = surrogate(shown, span.kind, self._seeds[value])
        return made


@dataclass(frozen=True)
class _Place:
    """Strings of one field: where they stand in it, whose they are, what they say. part: which part of its turns."""

    field: str
    part: str
    lines: pl.Series
    owners: pl.Series
    strings: pl.Series

    def walk(self, string: str, change: Callable[[str, str], str]) -> str:
        """`change(value, key)` of every value that a string of this place holds."""
        if self.part == "tool_calls":
            return inside(string, change)
        return change(string, "" if self.part or self.field == "text" else self.field)

    def put(self, rows: pl.DataFrame, at: pl.Series, strings: pl.Series) -> pl.DataFrame:
        """`rows` with these strings at these positions of the field."""
        if not self.part:
            return rows.with_columns(put(rows.get_column(self.field), at, strings))
        flat = turns(rows, self.field)
        made = put(flat.get_column(self.part), at, strings)
        touched = flat.get_column("index").gather(at).unique()
        flat = say(flat, made) if self.part == "content" else flat.with_columns(made)
        return rows.with_columns(put(rows.get_column(self.field), *chats(rows, flat.filter(pl.col("index").is_in(touched.implode())))))


def _with(text: str, spans: list[Span], replacements: list[str]) -> str:
    out, end = [], 0
    for span, replacement in zip(spans, replacements):
        out += [text[end : span.start], replacement]
        end = span.end
    return "".join(out) + text[end:]
