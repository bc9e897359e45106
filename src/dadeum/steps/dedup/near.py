"""dedup.near: rows that say nearly the same are merged into one of them, each into a witness that stays and is that similar.

How similar two texts are is the Jaccard similarity of their shingles (`_near/shingle.py`): of all runs of letters that occur in
one of them, the share that occurs in both. It sees spacing, punctuation and case as no difference, typos and endings as a small
one, another order of paragraphs as almost none, and a paraphrase as another text. Texts too short for shingles are alike by their
normalised key alone, as in `dedup.exact`: distinct short answers all stay, unless `edits` says how far apart they may be.

Every pair is verified: no row leaves because its hashes collide. (Of the short Korean texts that unverified MinHash removes, two of
three have no partner at the threshold.) And similarity does not travel along chains: rows are taken in the order of `keep`, and one
leaves only if a row before it that stays is so similar. Its witness is the first of those.

A sketch is 4 bytes a letter of a text of 22 or more (reviews: 80 a row on average), and 28 a row for the rest. To relate them takes, besides,
about 60 a row and 16 for each of the rarest fifth of the shingles; `floor` decides how many. What is related is 24 bytes a pair,
and the sets again of rows that come in crowds (`_near/crowd.py`); of all rows where MinHash found the pairs (`_near/choice.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import ROLES, prose
from dadeum.step import DECISION, Compare, Profile
from dadeum.steps import _key
from dadeum.steps.dedup import _near
from dadeum.steps.dedup._near.choice import Choice, choose, framed
from dadeum.steps.dedup._near.edits import close
from dadeum.steps.dedup._near.lists import flat, listed
from dadeum.steps.dedup._near.shingle import LONGEST

FLOOR: Final = 0.7
"""Similarity down to which pairs are kept for another threshold. On 424,824 reviews it costs what 0.8 does; 0.6 costs three times as
much."""
STEP: Final = 0.05
"""Distance of the thresholds that the report tells of."""
TOLD: Final = 1 << 10
"""Rows in crowds, or of buckets, up to which the report tries other thresholds: on more it would cost as much as the decision."""


@dataclass(frozen=True)
class Near(Compare):
    """One row of each set of near-copies stays, the others are merged into it."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """How similar two rows must be. 0.8: one letter of 25 may differ, or one word of a paragraph; 0.6 for short texts with typos."""
    measure: Literal["jaccard"] = "jaccard"
    """What similarity is: shared shingles by all shingles of both."""
    method: _near.Method = "auto"
    """How pairs are found. exact: all of them; minhash: those of 0.8 and more with a probability of 0.9999, at a cost that does not
    depend on what else there is; auto: exact where it has few enough candidates. Each pair is verified either way."""
    keep: Literal["longest", "first", "last", "score", "source"] = "longest"
    """Which row stays: the one with the most characters, the first or last in the input, the one with the greatest value of the
    column `score`, or of the source that `sources` names first. Between equals the first."""
    by: tuple[str, ...] = ()
    """What is compared: `text`, roles (`user`, `assistant`, ...), `messages`, `chosen`, `rejected`, other columns. Empty: all that a
    record says."""
    score: str = ""
    """The column that `keep: score` looks at; rows without a value come last."""
    sources: tuple[str, ...] = ()
    """The order of sources for `keep: source`; those not named come last."""
    edits: Annotated[int, Field(ge=0, le=2)] = 0
    """Texts below 22 letters: how many edits may lie between two that are alike (`_near/edits.py`), in jamo where they are Hangul. Their
    similarity is 1 - edits / jamo, and has to reach the threshold too. 0: they are alike by key alone, and all distinct ones stay."""
    shingle: Annotated[int, Field(ge=2, le=LONGEST)] | None = None
    """Letters of a shingle, in every script and for every text that has as many: what other tools measure (3 is usual for Korean, 5 for
    English). Left out: 3 from Hangul, Kana and Han on, 5 from other letters, and none of texts below 22 letters."""
    floor: Annotated[float, Field(gt=0, le=1)] | None = None
    """The similarity down to which pairs are kept, so that another threshold above it looks at no row again. Left out: 0.7, or the
    threshold where that is lower."""
    profile: Profile = field(default="auto", kw_only=True)
    """By which language's rules letters are compared: code is compared with its punctuation and case."""
    late = ("threshold", "keep")
    version = 2

    def __post_init__(self) -> None:
        mistakes = [
            Mistake(f"by.{i}", f"{column!r} differs from row to row by nature and can't be compared")
            for i, column in enumerate(self.by)
            if column in _key.UNUSABLE
        ]
        if self.floor is not None and self.floor > self.threshold:
            mistakes.append(Mistake("floor", f"{self.floor:g} is above the threshold {self.threshold:g}", "leave it out, or lower it"))
        if self.edits and self.shingle:
            mistakes.append(Mistake("edits", "is for short texts without shingles, and `shingle` gives them some", "leave one of both out"))
        if self.keep == "score" and not self.score:
            mistakes.append(Mistake("score", "is empty, and `keep: score` needs a column", "the name of a column that a step wrote"))
        if self.keep == "source" and not self.sources:
            mistakes.append(Mistake("sources", "is empty, and `keep: source` needs an order", "the names of sources, the best one first"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return _key.columns((*self.by, *([self.score] if self.score else [])))

    @property
    def lowest(self) -> float:
        """The similarity down to which pairs are kept."""
        return min(FLOOR, self.threshold) if self.floor is None else self.floor

    @property
    def early_key(self) -> str:
        """Without what is late, but with the floor that follows from the threshold."""
        return replace(self, floor=self.lowest).key_without(*self.late)

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `key` (0: says nothing), `set` (shingles), `length` in characters; `score` and `source` where they are asked for."""
        sets = _near.of_records(rows, self.by, self.profile, self.shingle or 0)
        length = prose(rows, ("text", *ROLES)).str.len_chars().fill_null(0).alias("length")
        columns = [rows.get_column("row"), pl.Series("key", sets.keys), listed("set", sets.values, sets.offsets), length]
        if self.edits:
            said = _key.said(rows, self.by, self.profile)
            columns.append(pl.select(pl.when(pl.Series(sets.sizes == 0) & ~said.str.starts_with("\0")).then(said).alias("short")).to_series())
        if self.score:
            columns.append(rows.get_column(self.score).cast(pl.Float64, strict=False).alias("score"))
        if self.sources:
            place = {name: i for i, name in enumerate(self.sources)}
            columns.append(rows.get_column("source").replace_strict(place, default=len(place), return_dtype=pl.UInt16))
        return pl.DataFrame(columns)

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """The rows that are like another one: what `keep` asks for, `same` (the first row with the same text), and, of these first
        ones, `near` and `similarity` (those further down that are alike), `crowd` and `set` (rows of one crowd are to be compared)."""
        rows = sketches if sketches.get_column("row").is_sorted() else sketches.sort("row")
        values, offsets = flat(rows.get_column("set"))
        rows = rows.drop("set")
        del sketches  # the sets are the most of it, and `values` holds them
        found = _near.related(_near.Sets(values, offsets, rows.get_column("key").to_numpy()), self.lowest, self.method)
        if self.edits:
            first = found.same == np.arange(len(found.same))
            made = close(rows.select(pl.when(pl.Series(first)).then("short")).to_series(), self.edits, self.lowest)
            a, b, similarity = (np.append(*both) for both in zip((found.a, found.b, found.similarity), made))
            found, rows = replace(found, a=a, b=b, similarity=similarity), rows.drop("short")
        return framed(found, rows, values, offsets)

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """DECISION: `duplicate` (the same text: value 1) and `near_duplicate` (value: the similarity with the witness)."""
        made = self._chosen(related, self.threshold)
        return pl.DataFrame({"row": made.rows, "witness": made.witness, "value": made.similarity, "equal": made.equal}).select(
            "row",
            pl.lit("merged").alias("state"),
            pl.when("equal").then(pl.lit("duplicate")).otherwise(pl.lit("near_duplicate")).alias("reason"),
            "value",
            pl.lit(self.threshold).alias("threshold"),
            "witness",
        ).cast(DECISION).sort("row")  # fmt: skip

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """The method, the pairs by similarity from the floor up (without those in crowds), the crowds and their rows, and how many
        rows would leave at other thresholds."""
        if related.is_empty():
            return {"pairs": {}, "crowds": 0, "crowd_rows": 0, "would_leave": {}}
        grid = [round(self.lowest + STEP * i, 2) for i in range(int((1 - self.lowest) / STEP + 1e-9) + 1)]
        similarity = related.get_column("similarity").explode(empty_as_null=False).drop_nulls().to_numpy()
        counted = np.bincount(np.clip(np.searchsorted(grid, similarity, side="right") - 1, 0, None), minlength=len(grid))
        crowd = related.get_column("crowd")
        crowd_rows = int((crowd > 0).sum())
        costly = crowd_rows if related.get_column("method")[0] == "exact" else related.height
        told = {} if costly > TOLD else {f"{t:.2f}": len(self._chosen(related, t).rows) for t in grid}
        return {
            "method": related.get_column("method")[0],
            "pairs": {f"{t:.2f}": int(n) for t, n in zip(grid, counted)},
            "crowds": crowd.filter(crowd > 0).n_unique(),
            "crowd_rows": crowd_rows,
            "would_leave": told,
        }

    def _chosen(self, related: pl.DataFrame, threshold: float) -> Choice:
        first: dict[str, list[pl.Expr]] = {
            "first": [],
            "last": [pl.lit(2**64 - 1, dtype=pl.UInt64) - pl.col("row")],
            "longest": [-pl.col("length").cast(pl.Int64)],
            "score": [-pl.col("score").fill_nan(None).fill_null(-np.inf)] if self.score else [],
            "source": [pl.col("source")],
        }
        return choose(related.sort(*first[self.keep], "row"), threshold, self.lowest, self.method)
