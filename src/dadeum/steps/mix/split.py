"""mix.split: which rows are for training, which for validation, which for the test, by group, by time, and without leaks.

**Where a group goes.** A group (all reviews of a film, all messages of a customer) lies on one side as a whole. Its place is a
hash of the seed and its own value: the same on every machine, whatever the order of the rows, and, where shares are asked for,
whatever other groups there are. `test: 0.1` therefore means that every group has a chance of one in ten; the report tells the
realised shares. Counts (`test: 500`), `stratify` and `time` have to look at all groups.

**What never straddles.** Groups (`by`) and shared contexts (`contexts`) are put on one side. No prompt stands on two: neither a
text nor the user turns of a chat, by normalised key (`steps/_key.py`), nor with `near` one that is nearly the same. Groups can't
promise that alone, because a short review stands under hundreds of films. With `leak: drop` the row that leaves is the one on the
side that matters less (train before validation before test), so no test row is ever lost: rows that are like a row there, not the
neighbours of their neighbours. With `leak: unite` nothing leaves: groups that share a prompt, or are linked by chains of
near-duplicates, become one, which can make large groups and moves them when a new row links two.

Rows that leave may make counts come out differently; the step begins anew without them until none leaves, so a second run on what
stayed changes nothing.

A sketch is 33 bytes a row (row 8, group 8, prompt 16, ready-made side 1), 8 more for each context and for `time`; 4 more for each
shingle of a row with `near` (100 for a short review). Placing takes about 105 a row more (measured at 1.5 million rows, without `near`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import ROLES, prose
from dadeum.step import DECISION, Compare
from dadeum.steps import _key
from dadeum.steps.dedup import _near
from dadeum.steps.mix import _groups, _sides
from dadeum.steps.mix._dates import instants
from dadeum.steps.mix._placed import Bound, placed, told

SPLIT: Final = {**dict(DECISION), "split": pl.String()}
"""A decision's columns."""


@dataclass(frozen=True)
class Split(Compare):
    """Writes `split`: train, validation or test."""

    by: tuple[str, ...] = ()
    """Columns whose equal values make a group. Empty, or null in a row: every row is a group of its own."""
    test: Annotated[int | float, Field(ge=0)] = 0.1
    """A share of the groups (below 1; of the rows, with `stratify` or `time`), or at least so many rows (1 and more)."""
    validation: Annotated[int | float, Field(ge=0)] = 0.05
    """As `test`."""
    contexts: tuple[str, ...] = ()
    """Columns of which each is a context that rows may share (passage, image, document): rows with the same value in any of them
    stand on one side. Other than `by`, whose columns make one group together."""
    stratify: tuple[str, ...] = ()
    """Columns whose values, together, get the same shares on every side (a group counts for its most frequent value)."""
    time: str = ""
    """A column of dates: the newest rows are the test, those before them validation. Read as ISO, Korean and English dates and as
    seconds or milliseconds since 1970. Rows of one instant are never parted; a group is as old as its newest row, so that nothing
    in training is newer than what the test begins with."""
    undated: Literal["train", "drop", "error"] = "train"
    """What happens to rows whose `time` is missing or no date."""
    near: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The similarity (Jaccard, of runs of letters) from which on two prompts count as the same one; 0: only equal ones do."""
    seed: int = 0
    """Another seed puts other groups to the test."""
    leak: Literal["drop", "unite", "error", "allow"] = "drop"
    """What happens where a prompt stands on two sides. drop: the row on the side that matters less leaves (reason `leak`, the
    witness is the row it repeats); unite: groups that share a prompt become one; error: the run stops; allow: nothing (with
    `check` the report tells them all the same)."""
    check: str = ""
    """A column that holds a ready-made split (test, validation, train and their usual names; `source`, where the splits are
    sources): it is taken over and searched for leaks, of prompts, `by` groups and `contexts`. Rows without a value are split by
    hash."""
    writes = ("split",)
    version = 2

    def __post_init__(self) -> None:
        mistakes = []
        for name in ("test", "validation"):
            value = getattr(self, name)
            if value >= 1 and value != int(value):
                mistakes.append(Mistake(name, f"{value} is neither a share below 1 nor a whole number of rows"))
        if sum(value for value in (self.test, self.validation) if value < 1) >= 1:
            mistakes.append(Mistake("test", f"test and validation take {self.test + self.validation:g} of the rows: none is left for training"))
        for name in ("stratify", "time"):
            if self.check and getattr(self, name):
                mistakes.append(Mistake(name, "has no meaning where `check` takes over a ready-made split"))
        if self.time and self.stratify:
            mistakes.append(Mistake("stratify", "can't be kept where `time` alone says which rows are the test"))
        if self.undated != "train" and not self.time:
            mistakes.append(Mistake("undated", "says what happens to rows without a `time`, which is not asked for"))
        if self.near and self.leak == "allow" and not self.check:
            mistakes.append(Mistake("near", "has no meaning where leaks are allowed"))
        if self.check and self.leak == "unite":
            mistakes.append(Mistake("leak", "can't unite groups that `check` has already placed", "drop, error or allow"))
        mistakes += [
            Mistake(f"{name}.{i}", f"{c!r} makes no groups")
            for name in ("by", "contexts", "stratify")
            for i, c in enumerate(getattr(self, name))
            if c in _key.UNUSABLE
        ]
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns([c for c in (*self.by, *self.contexts, *self.stratify, self.time, self.check) if c])

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `group` (hash); `hi` `lo`, the prompt's key (null where there is none); and as they are asked for `context0`, ...
        (hashes), `stratum` (its name), `time` (microseconds), `side` (Int8) and `shingles` (a list)."""
        own = _key.marks("\0" + rows.get_column("id"), self.seed)
        columns = [rows.get_column("row"), own.alias("group")]
        if self.by:
            shared = _key.marks(rows.select(_groups.named(rows, self.by).alias("by")).to_series(), self.seed)
            columns[1] = pl.select(pl.coalesce(shared, own)).to_series().alias("group")
        if self.check or self.leak != "allow":
            asked = _prompts(rows)
            hi, lo = _key.text_digests(asked)
            columns += [hi.alias("hi"), lo.alias("lo")]
            if self.near:
                columns.append(_listed(_near.shingled(asked)))
        columns += [_key.marks(rows.get_column(c).cast(pl.String)).alias(f"context{i}") for i, c in enumerate(self.contexts)]
        if self.stratify:
            columns.append(_groups.stratum(rows, self.stratify))
        if self.time:
            columns.append(instants(rows.get_column(self.time)).alias("time"))
        if self.check:
            columns.append(_sides.ready(rows.get_column(self.check)))
        return pl.DataFrame(columns)

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """Each row with its side and, where it leaves, why: see `_placed.placed`.

        Raises RecipeError where `leak` is `error` and there are leaks, and where `undated` is `error` and a row has no date.
        """
        return placed(sketches, self._bound())

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row`, `split`, and DECISION's columns, which are null for rows that stay; one line per row."""
        left = pl.col("reason").is_not_null()
        return related.select(
            "row",
            pl.when(left).then(pl.lit("dropped")).alias("state"),
            "reason",
            "value",
            pl.when(left & (pl.col("value") < 1)).then(pl.lit(self.near)).alias("threshold"),
            "witness",
            pl.when(~left).then(pl.col("side").cast(pl.Int64).replace_strict(dict(enumerate(_sides.SIDES)), return_dtype=pl.String)).alias("split"),
        ).cast(pl.Schema(SPLIT))

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Rows, groups and share of each side, leaks by kind and pair of sides, and what deserves a warning: see `_placed.told`."""
        return told(related, self._bound())

    def _bound(self) -> Bound:
        asked = (float(self.test), float(self.validation))
        return Bound(asked, self.leak, bool(self.check), bool(self.stratify), self.undated if self.time else "", self.near)


def _prompts(rows: pl.DataFrame) -> pl.Series:
    """What is asked: the text and the user turns; of chats without any, all turns."""
    asked = prose(rows, ("text", "user"))
    if asked.null_count():
        asked = pl.select(pl.coalesce(asked, prose(rows, ROLES))).to_series()
    return asked


def _listed(sets: _near.Sets) -> pl.Series:
    """The sets as a column of lists."""
    at = np.repeat(np.arange(len(sets), dtype=np.uint32), sets.sizes)
    flat = pl.DataFrame({"at": at, "shingles": sets.values})
    lists = flat.group_by("at", maintain_order=True).agg("shingles")
    every = pl.DataFrame({"at": np.arange(len(sets), dtype=np.uint32)}).join(lists, on="at", how="left", maintain_order="left")
    return every.get_column("shingles").fill_null(pl.Series([[]], dtype=pl.List(pl.UInt32)))
