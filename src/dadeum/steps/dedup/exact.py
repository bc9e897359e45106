"""dedup.exact: rows that say the same, letter by letter, are merged into one of them.

Two rows are the same when their normalised keys are (`steps/_key.py`: letters and digits, lower case, no spaces). Compared by
128-bit digests.

Rows that say the same but contradict each other (the same review once `positive`, once `negative`) are conflicts. What a row
does not say contradicts nothing: rows without a label are merged into those with one, as long as there is only one. Conflicts
are told in the report whatever is done about them, and each row that leaves for one names its strongest rival.

A sketch is 32 bytes a row (row 8, key 16, label 8), 36 where `keep` is `longest`. The decision groups the sketches by key and
sorts those rows alone that have a twin: at most 40 bytes a row more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import ROLES, prose
from dadeum.step import DECISION, Compare, Profile
from dadeum.steps import _key
from dadeum.steps.dedup import _unordered

KEY: Final = ("hi", "lo")


@dataclass(frozen=True)
class Exact(Compare):
    """One row of each text stays, the others are merged into it."""

    by: tuple[str, ...] = ()
    """What has to be the same: `text`, roles (`user`, `assistant`, ...), `messages`, `chosen`, `rejected`, by their normalised keys;
    any other column by its exact value. Empty: all that a record says, tool calls and tools too."""
    keep: Literal["first", "last", "longest"] = "first"
    """Which row stays: by its place in the input, or the one with the most characters (the first of several)."""
    conflicts: Literal["keep", "drop", "majority", "review", "merge"] = "keep"
    """What happens to rows of one key that contradict each other. keep: they are different records, only those that agree are
    merged; drop: all leave (reason `conflict`); majority: those with the most frequent value stay, the others leave
    (`conflict_minority`), all where there is no such value; review: all leave with the reason `review`, for a person to look at
    and decide; merge: the contradiction is ignored."""
    against: tuple[str, ...] = ("label",)
    """In what rows contradict each other, named as in `by`: `by: [user], against: [assistant]` finds questions with several answers."""
    unordered: bool = False
    """Another order is the same: of the columns that `by` names (the pairs a, b and b, a), of the elements of a list in one of them
    (choices), and of turns."""
    profile: Profile = field(default="auto", kw_only=True)
    """By which language's rules a key is made: code is compared as it is."""
    late = ("conflicts",)

    def __post_init__(self) -> None:
        for name in ("by", "against"):
            for i, column in enumerate(getattr(self, name)):
                if column in _key.UNUSABLE:
                    raise RecipeError(Mistake(f"{name}.{i}", f"{column!r} differs from row to row by nature and can't be compared"))
        if not self.against:
            raise RecipeError(Mistake("against", "is empty", "leave it out for the label, or set `conflicts: merge`"))

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns((*self.by, *self.against))

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, key `hi` `lo` (null: the row says nothing that is compared), `says` (what may contradict), `length`."""
        digests = _unordered.digests if self.unordered else _key.digests
        hi, lo = digests(rows, self.by, self.profile)
        says = _key.marks(_key.said(rows, self.against, self.profile))
        columns = [rows.get_column("row"), hi.alias("hi"), lo.alias("lo"), says.alias("says")]
        if self.keep == "longest":
            columns.append(prose(rows, ("text", *ROLES)).str.len_chars().fill_null(0).alias("length"))
        return pl.DataFrame(columns)

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """The rows whose key another row has too, with `conflict` (the key's rows say more than one thing) and `value`, the share
        of the key's rows that say the same; rows that say nothing have no share."""
        half = np.sort(sketches.get_column("hi").drop_nulls().to_numpy())
        twice = pl.Series(half[1:][half[1:] == half[:-1]], dtype=pl.UInt64)
        # Half of the key, sorted, finds nearly all that stand alone in an eighth of the time that grouping by all of it takes.
        rows = sketches.filter(pl.col("hi").is_in(twice.implode())).filter(pl.len().over(KEY) > 1)
        votes = pl.col("says").count()
        return rows.with_columns(
            conflict=pl.col("says").drop_nulls().n_unique().over(KEY) > 1,
            value=votes.over(*KEY, "says") / votes.over(KEY),
        ).with_columns(value=pl.when(pl.col("says").is_not_null()).then("value"))

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """DECISION: `duplicate` (merged, value 1); `conflict`, `conflict_minority` and `review` (dropped; value: the share of the key's
        rows that say what this one says; witness: the first row of the most frequent value that contradicts it)."""
        rows = related.with_columns(same=pl.lit(None, dtype=pl.UInt64), reason=pl.lit(None, dtype=pl.String))
        if self.conflicts == "keep":
            rows = rows.with_columns(same=pl.when("conflict").then("says"))
        elif self.conflicts in ("drop", "review"):
            told = "conflict" if self.conflicts == "drop" else "review"
            rows = rows.with_columns(reason=pl.when("conflict").then(pl.lit(told)))
        elif self.conflicts == "majority":
            rows = _outvoted(rows)
        order = [*KEY, "same", pl.col("says").is_null(), *self._first(), "row"]
        staying = rows.filter(pl.col("reason").is_null()).sort(order)
        staying = staying.with_columns(witness=pl.col("row").first().over(*KEY, "same"))
        merged = staying.filter(pl.col("row") != pl.col("witness")).select(
            "row", pl.lit("merged").alias("state"), pl.lit("duplicate").alias("reason"), pl.lit(1.0).alias("value"),
            pl.lit(None, dtype=pl.Float64).alias("threshold"), "witness",
        )  # fmt: skip
        dropped = _rivals(rows).filter(pl.col("reason").is_not_null()).select(
            "row", pl.lit("dropped").alias("state"), "reason", "value",
            pl.lit(None, dtype=pl.Float64).alias("threshold"), "witness",
        )  # fmt: skip
        return pl.concat([merged, dropped]).cast(DECISION).sort("row")

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Keys that occur more than once, those of them with a conflict, and the rows of either."""
        counted = related.group_by(KEY).agg(pl.len().alias("rows"), pl.col("conflict").first())
        clashing = counted.filter("conflict")
        return {
            "repeated_keys": counted.height,
            "repeated_rows": related.height,
            "conflicts": clashing.height,
            "conflicting_rows": int(clashing["rows"].sum()),
        }

    def _first(self) -> list[pl.Expr]:
        if self.keep == "last":
            return [pl.lit(2**64 - 1, dtype=pl.UInt64) - pl.col("row")]
        return [-pl.col("length").cast(pl.Int64)] if self.keep == "longest" else []


def _outvoted(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the reason to leave of those that the majority of their key contradicts."""
    best = pl.col("value").max().over(KEY)
    winner = pl.when(pl.col("value") == best).then("says")
    tie = winner.drop_nulls().n_unique().over(KEY) > 1
    reason = pl.when(tie).then(pl.lit("conflict")).when(pl.col("value") < best).then(pl.lit("conflict_minority"))
    return rows.with_columns(reason=pl.when("conflict").then(reason))


def _rivals(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of keys with a conflict, with `witness`: of those that say otherwise the first of the most frequent value.

    The first of the whole key is the rival of all but those who say the same; the first that contradicts it is theirs.
    """
    ranked = rows.filter("conflict").sort(*KEY, pl.col("value"), "row", descending=[False, False, True, False], nulls_last=True)
    said = ranked.filter(pl.col("says").is_not_null()).select(*KEY, "row", "says")
    best = said.unique(KEY, keep="first", maintain_order=True).rename({"row": "first", "says": "claim"})
    other = said.join(best, on=KEY).filter(pl.col("says") != pl.col("claim")).unique(KEY, keep="first", maintain_order=True)
    ranked = ranked.join(best, on=KEY).join(other.select(*KEY, pl.col("row").alias("second")), on=KEY)
    return ranked.with_columns(witness=pl.when(pl.col("says") == pl.col("claim")).then("second").otherwise("first"))
