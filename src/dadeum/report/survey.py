"""What a pile of records is like: everything that `look` tells, gathered chunk by chunk.

Held in memory: counts, 32 to 64 bytes a record for who says the same as whom, and a few examples. The answer is plain JSON whose
strings of rows are still bare; `look` conceals them before anyone sees them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from dadeum.io.layout import parsed
from dadeum.profiles import NAMES, profile
from dadeum.record import CHATS, CONTENTS, ROLES, prose, put, turns
from dadeum.report import balance, coverage, cuts
from dadeum.report.alike import Alike
from dadeum.report.even import Behind
from dadeum.report.personal import CONTENT, Personal
from dadeum.report.qualities import Qualities
from dadeum.report.repeats import Repeats
from dadeum.report.slices import Slices
from dadeum.report.tally import Column, Fields, Lengths, Values, bin_of, carried, own
from dadeum.report.tokens import Tokens
from dadeum.report.votes import Votes

Example = tuple[int, int, str]
"""Characters, row, text."""
EXAMPLES: Final = 4
"""Longest and shortest texts that are kept."""
CUT: Final = 4000
"""Characters of an example that are kept: more than is shown, so that what is concealed is not cut in two."""
ARROW: Final = "\n→ "
"""Parts a question from its answer."""
LABELS: Final = 1000
"""Different labels that are counted; with more of them they are free text."""


class Survey:
    """Counts of many chunks. `add` each, then `tell`.

    tokenizer: as `annotate.tokens` takes it; without one tokens are estimated. sampled: whether to keep what `coverage` compares.
    """

    def __init__(self, tokenizer: str = "", sampled: bool = False) -> None:
        self.sample = coverage.Pile(coverage.DATA) if sampled else None
        self.records = 0
        self._empty = 0
        self._fields = Fields()
        self._lengths: dict[str, Lengths] = {}
        self._files: dict[int, Lengths] = {}
        self._profiles: Counter[str] = Counter()
        self._layouts: dict[str, dict[str, Any]] = {}
        self._sources: Counter[str] = Counter()
        self._labels = Values(most=LABELS)
        self._scores = _Scores()
        self._repeats = Repeats()
        self._personal = Personal()
        self._chats = _Chats()
        self._alike = Alike()
        self._qualities = Qualities()
        self._slices = Slices()
        self._tokens = Tokens(tokenizer)
        self._balance = balance.Balance()
        self._votes = Votes()
        self._behind = Behind()
        self._longest: list[Example] = []
        self._shortest: list[Example] = []

    def add(self, rows: pl.DataFrame, text: str = "text") -> None:
        """Count one chunk: RECORD's columns (`row` is file number * 2^32 + line) and those that are carried.

        text: what the field that is taken for the text is called in the raw rows.
        """
        self.records += rows.height
        others = carried(rows)
        self._fields.add(own(rows, text))
        few = self._fields.add(others)
        flat = {name: turns(rows, name) for name in CHATS if rows.get_column(name).null_count() < rows.height}
        self._chats.add(rows, flat)
        said = _spoken(rows, flat)
        sizes = said.str.len_chars()
        self._empty += int((said.str.strip_chars().fill_null("") == "").sum())
        self._measure(rows, flat, sizes)
        kinds = _profiles(said)
        if self.sample is not None:
            self.sample.add(rows, kinds)
        self._profiles.update(dict(kinds.drop_nulls().value_counts().iter_rows()))
        self._layout(rows.get_column("layout"))
        self._labels.add(rows.get_column("label"))
        self._scores.add(rows.get_column("score").drop_nulls())
        self._repeats.add(rows, bool(flat), few)
        self._personal.add(rows.get_column("row"), [(CONTENT, said), *_strings(others)])
        self._alike.add(rows)
        self._qualities.add(rows, said, bool(flat), cuts.scored(others, rows.height))
        by = self._slices.add(rows, sizes, others)
        self._votes.add(rows, others)
        self._tokens.add(rows, flat, kinds, sizes, others)
        row = rows.get_column("row")
        self._behind.add("profile", kinds, row)
        self._behind.add("length", bin_of(sizes), row)
        if self._labels.counts is not None:
            self._behind.add("label", rows.get_column("label"), row)
            self._balance.add(rows.get_column("label"), {**by, "language": kinds, "length": balance.bins(sizes)}, row)
        self._examples(rows.get_column("row"), said, sizes)

    def _measure(self, rows: pl.DataFrame, flat: dict[str, pl.DataFrame], sizes: pl.Series) -> None:
        self._lengths.setdefault("record", Lengths()).add(sizes)
        for name, lines in flat.items():
            told = lines.select("role", pl.col("content").str.len_chars().alias("n"))
            if name != "messages":
                self._lengths.setdefault(name, Lengths()).add(told.get_column("n"))
                continue
            for (role,), part in told.partition_by("role", as_dict=True, maintain_order=True).items():
                self._lengths.setdefault(str(role), Lengths()).add(part.get_column("n"))
        for (file,), part in pl.DataFrame([rows.get_column("row") // 2**32, sizes.alias("n")]).partition_by("row", as_dict=True).items():
            self._files.setdefault(int(file), Lengths()).add(part.get_column("n"))

    def _layout(self, layouts: pl.Series) -> None:
        """Count the kinds; how one of a kind was read is told by the first."""
        found = layouts.to_frame("of").with_columns(pl.col("of").str.extract(r'^\{"kind":"([a-z]+)"').fill_null("record").alias("kind"))
        for kind, n, first in found.group_by("kind", maintain_order=True).agg(pl.len(), pl.col("of").first().alias("first")).iter_rows():
            known = self._layouts.setdefault(kind, {"kind": kind, "n": 0, "fields": _mapping(first)})
            known["n"] += n

    def _examples(self, row: pl.Series, said: pl.Series, sizes: pl.Series) -> None:
        frame = pl.DataFrame([sizes.alias("n"), row.alias("row"), said.alias("s")]).filter(pl.col("n") > 0)
        if frame.is_empty():
            return
        low = frame.filter(pl.col("n") <= frame.get_column("n").bottom_k(200).max()).sort("n", "row").head(200).unique("s", keep="first", maintain_order=True)
        high = frame.filter(pl.col("n") >= frame.get_column("n").top_k(40).min()).sort("n", "row", descending=[True, False]).head(40)
        cut = pl.col("s").str.slice(0, CUT)
        self._shortest = _kept(self._shortest, low.with_columns(cut), sign=1)
        self._longest = _kept(self._longest, high.unique("s", keep="first", maintain_order=True).with_columns(cut), sign=-1)

    def tell(self) -> dict[str, Any]:
        """Everything but the counts of raw rows; see the keys. `row` stands where a text has to be read again."""
        labels = self._labels.ranked()
        lengths = {name: told for name, found in self._lengths.items() if (told := found.tell()) is not None}
        alike, near = self._alike.tell()
        conflicting, copies = self._repeats.rows()
        # A copy of a text that is like another one is told as a copy alone.
        near = near.filter(~near.is_in(copies.implode()))
        alike["near"] = len(near)
        return {
            "layouts": sorted(self._layouts.values(), key=lambda k: -k["n"]),
            "empty": self._empty,
            "fields": self._fields.tell(self.records),
            "fields_more": len(self._fields.more),
            "lengths": lengths,
            "tokens": self._tokens.tell(),
            "profiles": {name: self._profiles[name] for name in NAMES if self._profiles[name]},
            "chats": self._chats.tell(),
            "labels": None if not self._labels.counts and self._labels.counts is not None else {"many": self._labels.counts is None, "values": [list(v) for v in labels]},
            "scores": self._scores.tell(),
            **self._repeats.tell([name for name, _ in labels], [name for name, found in self._fields.known.items() if found.category()]),
            "personal": self._personal.tell(),
            "near": alike,
            **self._qualities.tell(conflicting, copies, near, self._personal.marks),
            "slices": self._slices.tell(),
            "balance": self._balance.tell(),
            "votes": self._votes.tell(),
            "behind": {bar: self._behind.tell(bar) for bar in ("profile", "length", "label")} | {"personal": self._personal.behind.tell("personal")},
            "longest": [{"row": row, "n": n, "text": text} for n, row, text in self._longest],
            "shortest": [{"row": row, "n": n, "text": text} for n, row, text in self._shortest],
            "sizes": {file: found.tell(bins=False) for file, found in self._files.items()},
        }


class _Scores:
    """The numbers that came with the rows."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, float, float, float]] = []

    def add(self, scores: pl.Series) -> None:
        if len(scores):
            self._parts.append((len(scores), scores.min(), scores.sum(), scores.max()))  # type: ignore[arg-type]

    def tell(self) -> dict[str, Any] | None:
        if not self._parts:
            return None
        n = sum(part[0] for part in self._parts)
        low, high = min(part[1] for part in self._parts), max(part[3] for part in self._parts)
        return {"n": n, "min": low, "mean": sum(part[2] for part in self._parts) / n, "max": high}


class _Chats:
    """Turns, roles and tools."""

    def __init__(self) -> None:
        self.records = 0
        self._turns = Lengths()
        self._roles: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._pairs = self._tools = self._calls = self._silent = 0

    def add(self, rows: pl.DataFrame, flat: dict[str, pl.DataFrame]) -> None:
        if not flat:
            return
        some = pl.any_horizontal(pl.col(c).list.len() > 0 for c in CHATS)
        self.records += int(rows.select(some.fill_null(False).sum()).item())
        self._pairs += int(rows.select((pl.col("chosen").is_not_null() & pl.col("rejected").is_not_null()).sum()).item())
        self._tools += int(rows.select((pl.col("tools").str.strip_chars().is_in(["", "[]", "{}", "null"]).not_() & some).fill_null(False).sum()).item())
        for lines in flat.values():
            self._roles.update(dict(lines.get_column("role").fill_null("").value_counts().iter_rows()))
            self._calls += len(lines) - lines.get_column("tool_calls").null_count()
            spoke = pl.col("content").str.strip_chars().fill_null("") != ""
            mute = (pl.col("role") == "assistant") & ~spoke & pl.col("tool_calls").is_null() & pl.col("parts").is_null()
            self._silent += int(lines.select(mute.sum()).item())
        # A preference pair's messages are its prompt, which ends with the user by nature.
        whole = rows.filter(pl.col("chosen").is_null() & (pl.col("messages").list.len() > 0)).get_column("messages")
        self._turns.add(whole.list.len())
        last = whole.list.last().struct.field("role").fill_null("") if len(whole) else pl.Series([], dtype=pl.String)
        self._last.update(dict(last.value_counts().iter_rows()))

    def tell(self) -> dict[str, Any] | None:
        """{records, turns, roles, last, unanswered, silent, tools, calls, pairs}, or None without chats.

        last: role of the last turn, by record; unanswered: records whose last turn is not the assistant's; silent: assistant turns
        that hold neither text nor a call; tools: records that offer tools; calls: turns that call one; pairs: preference pairs.
        """
        if not self.records:
            return None
        told = {"records": self.records, "turns": self._turns.tell(bins=False), "roles": dict(self._roles.most_common()), "last": dict(self._last.most_common())}
        unanswered = sum(n for role, n in self._last.items() if role != "assistant")
        return told | {"unanswered": unanswered, "silent": self._silent, "tools": self._tools, "calls": self._calls, "pairs": self._pairs}


def targets(chunks: Iterable[pl.DataFrame]) -> coverage.Pile:
    """What `coverage` compares of the rows that data should cover."""
    pile = coverage.Pile(coverage.TARGET)
    for rows in chunks:
        pile.add(rows, _profiles(whole(rows)))
    return pile


def _profiles(said: pl.Series) -> pl.Series:
    return said.to_frame("s").select(pl.when(pl.col("s").is_not_null()).then(profile(pl.col("s").fill_null(""))).alias("profile")).to_series()


def whole(rows: pl.DataFrame) -> pl.Series:
    """All that each record says, as one string: text and turns of any role."""
    return _spoken(rows, {name: turns(rows, name) for name in CHATS})


def _spoken(rows: pl.DataFrame, flat: dict[str, pl.DataFrame]) -> pl.Series:
    others = sorted({role for lines in flat.values() for role in lines.get_column("role").unique().to_list() if role is not None} - set(ROLES))
    return prose(rows, ("text", *ROLES, *others))


def answered(rows: pl.DataFrame) -> pl.Series:
    """What the assistant says in each record."""
    return prose(rows, ("assistant",))


def exchanged(rows: pl.DataFrame) -> pl.Series:
    """The last question and its answer, `ARROW` between them: what a check of the answer looked at. Null without turns."""
    told = []
    for role, fields in (("user", ("messages",)), ("assistant", ("chosen", "messages"))):
        last = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        for name in reversed(fields):  # a pair's chosen answer counts before an earlier one of its prompt
            flat = turns(rows, name).filter((pl.col("role") == role) & pl.col("content").is_not_null()).unique("index", keep="last", maintain_order=True)
            last = put(last, flat.get_column("index"), flat.get_column("content"))
        told.append(last)
    return pl.DataFrame([told[0].alias("q"), told[1].alias("a")]).select(pl.concat_str(_ends("q"), pl.lit(ARROW), _ends("a").fill_null(""))).to_series()


def field_to_measure(rows: pl.DataFrame) -> str:
    """The carried field that most likely holds the text, where no content was found: the one with the longest median.

    Fields in which fewer than a quarter of the values hold white space (ids, links, digests) count only where there is no other.
    Gives "" where content was found, or where no field holds strings.
    """
    if any(rows.get_column(name).null_count() < rows.height for name in CONTENTS):
        return ""
    best = (False, 0.0)
    name = ""
    for field, column, types in carried(rows):
        if column.dtype != pl.String or (types and set(types) != {"text"}):
            continue
        some = column.drop_nulls()
        some = some.filter(some.str.strip_chars() != "")
        if some.is_empty():
            continue
        worth = (bool(some.str.contains(r"\S\s+\S").mean() >= 0.25), float(some.str.len_chars().median()))  # type: ignore[arg-type, operator]
        if worth > best:
            best, name = worth, field
    return name


def _ends(column: str) -> pl.Expr:
    """Both ends of a long text: more of either than is shown, so that what is concealed is not cut in two."""
    text, half = pl.col(column), CUT // 2
    return pl.when(text.str.len_chars() <= CUT).then(text).otherwise(pl.concat_str(text.str.head(half), pl.lit(" … "), text.str.tail(half)))


def _strings(columns: list[Column]) -> list[tuple[str, pl.Series]]:
    return [(name, column) for name, column, _ in columns if column.dtype == pl.String and len(column)]


def _kept(known: list[Example], more: pl.DataFrame, sign: int) -> list[Example]:
    """The first EXAMPLES by size (sign 1: smallest first) and place, no text twice."""
    made: dict[str, Example] = {}
    for n, row, text in sorted([*known, *more.head(4 * EXAMPLES).iter_rows()], key=lambda e: (sign * e[0], e[1])):
        made.setdefault(text, (n, row, text))
    return list(made.values())[:EXAMPLES]


def _mapping(layout: str | None) -> dict[str, str]:
    """Which field of a raw row became what: {"question": "user", "answer": "assistant"}."""
    told = parsed(layout) if layout else {}
    return {".".join(path): str(more[-1]) if codec == "said" else column for path, column, codec, *more in told.get("slots", [])}
