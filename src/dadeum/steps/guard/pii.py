"""guard.pii: personal data found, and replaced.

Kinds: e-mail, telephone, card, IP, IBAN, MAC, passport, US Social Security number, street address, keys and secrets; of Korea the
resident and foreigner registration numbers, business and corporate registration, driver's licence, customs code, bank account,
number plate, road and lot addresses, names on messengers; and `speaker`, who a conversation's structure names (`_pii/speakers.py`), there and where others
address them. On request: `hotline` (1588-1234, 080), which is nobody's, and `name`, the names of people, whose Korean
ones take the analyser of `dadeum[ko]` (a thousand short texts a second): by the words around them (이름:, 님, Dear, Ms.), and at a `threshold` of .5 also Korean full names that stand
alone, which finds the names of the news, too. `_pii/` says what counts as one and how sure it is; `threshold` says how sure it has
to be.

mode `surrogate` puts something of the same shape that can't be real in its place, the same for the same value throughout a record;
`mask` puts [EMAIL], [PHONE], [SPEAKER1], ...; `vault` is `surrogate`, with the values kept sealed in the run's ledger (see `_pii/vault.py`);
`flag` edits nothing and names the kinds found in the column `pii`. The ledger shows keyed digests, never values.

Everything is searched: a system prompt holds the customer it speaks of, a tool's result the row of a database, a call of a tool the
number that the user has just said, and the fields that a row carries along whatever its table had. Of JSON only string values change, so that it
stays valid, and a value that is said and called with has one surrogate in both places. A speaker is another stand-in in each record: to keep
the conversations of a room together, split them (`mix.split`) before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.record import CONTENTS, RECORD, ROLES, prose, put
from dadeum.step import Edit, Role, TextStep
from dadeum.steps.guard._pii import names, vault
from dadeum.steps.guard._pii.find import ALL, KINDS, MAYBE, THRESHOLD, TIME, Kind, Span, find, suspect
from dadeum.steps.guard._pii.known import Digests, Masks, StandIn, Surrogates
from dadeum.steps.guard._pii.places import BESIDE, beside, fronted, places
from dadeum.steps.guard._pii.speakers import People, named

ROOMS = ("room", "server", "title")
"""Fields that may be made of people's names."""
NOBODY = People(())
ROUNDS = 8
"""A replacement can end a stretch that hid another value: looked for until nothing is found, this often at most."""
_NAMES = re.compile(names.SUSPECT)
_TIME = re.compile(rf"(?:^|: ){TIME}$")


@dataclass(frozen=True)
class Pii(TextStep, Edit):
    """Find and replace personal data."""

    version = 3
    secret = True
    carries = True

    on: tuple[Literal[Role, "name", "tool_calls", "meta"], ...] = field(  # type: ignore[assignment]
        default=("text", "system", "developer", "user", "assistant", "tool", "name", "tool_calls", "meta"), kw_only=True
    )
    """The strings it works on: `text`, the turns of these roles, and of any role the `name` (also what stands for a role and is one), the string values of `tool_calls`
    and of the tools on offer; `meta`: the fields that a row carries along."""
    kinds: tuple[Kind, ...] = KINDS
    """What to look for."""
    mode: Literal["surrogate", "mask", "vault", "flag"] = "surrogate"
    """What to do about it."""
    threshold: Annotated[float, Field(ge=0, le=1)] = THRESHOLD
    """How sure a find has to be. Higher spares more numbers that only look like one; lower takes bare digits for a review."""
    columns: tuple[str, ...] = ()
    """Columns of text that `fields` of a source made, whose name tells what they hold (`phone`)."""

    def __post_init__(self) -> None:
        mistakes = [Mistake(f"columns.{i}", f"{c} is a part of every record", "contents are named in `on`") for i, c in enumerate(self.columns) if c in RECORD]
        if not self.kinds:
            mistakes.append(Mistake("kinds", "is empty: the step would find nothing", "name some, or leave the step out"))
        if self.mode == "vault" and self.columns:
            mistakes.append(
                Mistake("mode", f"vault keeps what stood in a record, not in columns ({', '.join(self.columns)})", "use another guard.pii with mode: surrogate for these")
            )
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Contents and what is carried with them, the column `pii`, and the named columns."""
        return (*CONTENTS, "tools", "meta", "layout", "pii", *self.columns)

    @property
    def reads(self) -> tuple[str, ...]:
        return self.columns

    @property
    def looks(self) -> tuple[str, ...] | None:
        return (*CONTENTS, "tools", "meta", "layout", *self.reads)

    def remarks(self) -> list[str]:
        """What `on` leaves out beside the words: it passes as it is."""
        left = [part for part in BESIDE if part not in self.on]
        return [f"guard.pii does not look at {', '.join(left)}: what stands there stays (see its `on`)"] if left else []

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
        if self.mode == "flag":
            return self._flag(rows)
        return self._replaced(rows, Masks if self.mode == "mask" else Surrogates)

    def before_and_after(self, old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """What the records said, each value as ⟨kind:keyed digest⟩ (in a vault with its seal), and what they say; where something else than words changed, that too, a line each."""
        hidden = self._replaced(old, lambda id: Digests(self.mode == "vault"))
        said = pl.DataFrame([prose(rows, ("text", *ROLES)).alias(name) for name, rows in (("old", old), ("new", new), ("hidden", hidden))])
        changed = pl.col("old").ne_missing(pl.col("new"))
        was = [said.select(pl.when(changed).then("hidden")).to_series()]
        now = [said.select(pl.when(changed).then("new")).to_series()]
        for before, after, shown in zip(beside(old), beside(new), beside(hidden), strict=True):
            each = pl.DataFrame({"differs": before.ne_missing(after), "after": after, "shown": shown})
            for lines, told in ((was, "shown"), (now, "after")):
                lines.append(each.select(pl.when("differs").then(pl.lit(f"{before.name}: ") + pl.col(told).fill_null(""))).to_series())
        return _lines(was), _lines(now)

    def _people(self, rows: pl.DataFrame) -> dict[int, People]:
        """The people that each record's structure names."""
        if "speaker" not in self.kinds or not {"name", "meta"}.intersection(self.on):
            return {}
        return named(rows, "name" in self.on, "meta" in self.on, self.columns)

    def _replaced(self, rows: pl.DataFrame, stands_in: Callable[[str], StandIn]) -> pl.DataFrame:
        """The rows with a stand-in for every value. stands_in: what makes them, by the record's id."""
        ids = rows.get_column("id").to_list()
        people = self._people(rows)
        known: dict[int, StandIn] = {}
        for place in places(rows, self.on, self.columns, self.guard(), people, self.threshold >= THRESHOLD):
            at, new = [], []
            for line, owner, string in zip(place.lines.to_list(), place.owners.to_list(), place.strings.to_list()):
                stand_in = known.get(owner) or known.setdefault(owner, stands_in(ids[owner]))
                clean = place.walk(string, partial(self._replace, stand_in, people.get(owner, NOBODY), place.beside))
                if clean != string:
                    at.append(line)
                    new.append(clean)
            if at:
                rows = place.put(rows, pl.Series(at, dtype=pl.UInt32), pl.Series(new, dtype=pl.String))
        return rows

    def _flag(self, rows: pl.DataFrame) -> pl.DataFrame:
        people = self._people(rows)
        kinds: dict[int, set[str]] = {at: {"speaker"} for at in people}
        for place in places(rows, self.on, self.columns, self.guard(), people, self.threshold >= THRESHOLD):
            for owner, string in zip(place.owners.to_list(), place.strings.to_list()):
                place.walk(string, partial(self._look, kinds.setdefault(owner, set()), place.beside))
        told = {owner: ",".join(kind for kind in ALL if kind in found) for owner, found in kinds.items() if found}
        empty = pl.Series("pii", [None], dtype=pl.String).new_from_index(0, rows.height)
        return rows.with_columns(put(empty, pl.Series(list(told), dtype=pl.UInt32), pl.Series(list(told.values()), dtype=pl.String)))

    def _look(self, kinds: set[str], beside: bool, string: str, key: str) -> str:
        kinds.update(span.kind for span in self._find(string, key, beside))
        return string

    def _find(self, string: str, key: str, unasked: bool) -> list[Span]:
        """The values in a string; `key`, the name of a field or column, counts as a word in front of it. unasked: the guard was not asked yet."""
        front = fronted(key)
        if unasked and not self._may(front + string):
            return []
        spans = find(front + string, self.kinds, self.threshold)
        cut = len(front)
        return [Span(s.start - cut, s.end - cut, s.kind, s.value, s.confidence) for s in spans if s.start >= cut]

    def _may(self, string: str) -> bool:
        """What `guard` says of one string: fields are many, and most hold nothing; half of those of a chat are times."""
        if _TIME.search(string):
            return False
        return MAYBE.search(string) is not None or ("name" in self.kinds and _NAMES.search(string) is not None)

    def _replace(self, stand_in: StandIn, people: People, beside: bool, string: str, key: str) -> str:
        if beside and (name := string.strip()) in people.names:
            return string.replace(name, stand_in(name, "speaker", name))
        if people.names:
            string = people.written(string, stand_in, key in ROOMS)
        for _ in range(ROUNDS):
            spans = self._find(string, key, beside or bool(people.names))
            if not spans:
                break
            string = _with(string, spans, [stand_in(string[s.start : s.end], s.kind, s.value) for s in spans])
        return string


def _lines(parts: list[pl.Series]) -> pl.Series:
    """What the parts say of each record, a line each; null where none says anything."""
    each = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts)])
    some = pl.any_horizontal(pl.all().is_not_null())
    return each.select(pl.when(some).then(pl.concat_str(pl.all(), separator="\n", ignore_nulls=True))).to_series()


def _with(text: str, spans: Iterable[Span], replacements: Iterable[str]) -> str:
    out, end = [], 0
    for span, replacement in zip(spans, replacements):
        out += [text[end : span.start], replacement]
        end = span.end
    return "".join(out) + text[end:]
