"""annotate.agreement: what several annotators say of an item together, how far they agree, and whom to ask again.

    - annotate.agreement: {votes: [severity], annotator: who, item: [text], level: interval}      a row a vote
    - annotate.agreement: {votes: [anna, ben, cho]}                                               a column an annotator
    - annotate.agreement: {votes: [annotations], value: label, annotator: workerID}               a list of objects in one column

It writes, on every row of an item:

| column                | what it holds                                                                        |
|-----------------------|--------------------------------------------------------------------------------------|
| `agreement_votes`     | number of votes                                                                      |
| `agreement_majority`  | the most frequent vote, ties by `tie`                                                |
| `agreement_share`     | the share of votes that it has                                                       |
| `agreement_soft`      | every vote's share, as JSON: {"no": 0.25, "yes": 0.75}                               |
| `agreement_mean`      | mean vote, at the levels interval and ratio                                          |
| `agreement_model`     | the likely truth, by Dawid and Skene (up to 50 classes): votes weighted by how each annotator errs |
| `agreement_certainty` | its estimated chance                                                                 |
| `agreement_ask`       | why the item should be asked again: no_vote, one_vote, tie, split, model_differs, uncertain |

The report tells Krippendorff's alpha, Fleiss' and Cohen's kappa, AC1 and the observed agreement with intervals over items, each
annotator's quality, and which items and annotators to ask again (`_agreement.py`, `_annotators.py`, `_dawid_skene.py`).

On real data: convabuse .726 (interval; 2,422 items), klue_nli .838, square .317 and -.053, the last with 133 of 158 items unanimous:
nearly all votes are of one class there, so chance explains them, and AC1 is .883. `prevalence` in the report says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError
from dadeum.record import RECORD
from dadeum.step import DECISION, Compare
from dadeum.steps import _key
from dadeum.steps.annotate import _agreement, _annotators, _votes
from dadeum.steps.annotate._agreement import Level
from dadeum.steps.annotate._dawid_skene import Estimate, estimate

MODELLED: Final = 50
"""Up to so many classes confusion matrices are estimated."""
ASKED: Final = 50
"""Items and annotators that the report names, those asked most urgently."""
REASONS: Final = ("no_vote", "one_vote", "tie", "split", "model_differs", "uncertain")
EQUAL: Final = 1e-9
WRITTEN: Final = {
    "agreement_votes": pl.Int64(),
    "agreement_majority": pl.String(),
    "agreement_share": pl.Float64(),
    "agreement_soft": pl.String(),
    "agreement_mean": pl.Float64(),
    "agreement_model": pl.String(),
    "agreement_certainty": pl.Float64(),
    "agreement_ask": pl.String(),
}


@dataclass(frozen=True)
class Agreement(Compare):
    """Writes the votes' majority, shares and likely truth; reports how far annotators agree."""

    votes: tuple[str, ...]
    """Where the votes are: one column (a vote a row, or a list), or a column for each annotator."""
    item: tuple[str, ...] = ()
    """Columns whose equal values make rows votes on the same item (`text`, roles and `messages` by their normalised keys); empty:
    every row is an item."""
    annotator: str = ""
    """The column that names who voted, where a row is a vote; the key of the name, where a list holds objects."""
    value: str = ""
    """The key of the vote, where a list holds objects."""
    level: Level = "nominal"
    """What differences between votes mean: nothing (nominal), an order, distances (interval), or proportions (ratio)."""
    order: tuple[str, ...] = ()
    """The votes from least to most, where they are no numbers."""
    repeats: Literal["all", "first"] = "all"
    """When the same annotator votes on the same item again: every vote counts, or the first alone."""
    tie: Literal["none", "model", "least", "most"] = "none"
    """Where several votes are most frequent. none: there is no majority; model: the likeliest of them by Dawid and Skene; least,
    most: the first or last of them in the order."""
    rows: Literal["keep", "merge"] = "keep"
    """merge: one row stays of each item, the first; the others are merged into it (reason `same_item`)."""
    split: Annotated[float, Field(ge=0, le=1)] = 0.6
    """An item whose majority has a smaller share should be asked again."""
    certain: Annotated[float, Field(ge=0, le=1)] = 0.8
    """An item whose likely truth has a smaller chance should be asked again."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the intervals."""
    draws: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Samples of the items that the intervals are taken from."""
    seed: int = 0
    writes = tuple(WRITTEN)
    late = ("level", "order", "repeats", "tie", "rows", "split", "certain", "confidence", "draws", "seed")

    def __post_init__(self) -> None:
        mistakes = []
        if not self.votes:
            mistakes.append(Mistake("votes", "is empty: name the column, or columns, that hold the votes"))
        if len(self.votes) > 1 and (self.annotator or self.value):
            mistakes.append(Mistake("annotator" if self.annotator else "value", "has no meaning where each annotator has a column"))
        if self.order and self.level in ("interval", "ratio"):
            mistakes.append(Mistake("order", f"gives no distances: {self.level} needs numbers", "level: ordinal"))
        if self.rows == "merge" and not self.item:
            mistakes.append(Mistake("rows", "merge has no meaning where every row is an item", "name the columns of an item in `item`"))
        mistakes += [Mistake(f"item.{i}", f"{c!r} makes no items") for i, c in enumerate(self.item) if c in _key.UNUSABLE]
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        named = (*self.votes, *((self.annotator,) if self.annotator and not self.value else ()))
        return tuple(dict.fromkeys((*(c for c in named if c not in RECORD), *_key.columns(self.item))))

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `id`, `item` (a hash), `names` and `votes` (lists)."""
        own = _key.marks("\0" + rows.get_column("id"))
        item = pl.select(pl.coalesce(_key.marks(_key.said(rows, self.item)), own)).to_series() if self.item else own
        names, votes = _votes.lists(rows, self.votes, self.annotator, self.value)
        return pl.DataFrame([rows.get_column("row"), rows.get_column("id"), item.alias("item"), names.alias("names"), votes.alias("votes")])

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row` and the columns of `writes`; with `rows: merge` DECISION's columns too.

        Raises RecipeError for votes that the level can't take.
        """
        table = _votes.table(related, self.level, self.order, self.repeats)
        judged = self._judged(table, _modelled(table))
        told = table.rows.join(judged, on="at", how="left", maintain_order="left")
        if self.rows == "keep":
            return told.select("row", *WRITTEN)
        leaves = pl.when(~pl.col("first"))
        return told.with_columns(
            state=leaves.then(pl.lit("merged")), reason=leaves.then(pl.lit("same_item")), value=leaves.then(pl.lit(1.0)),
            threshold=pl.lit(None), witness=leaves.then("leads"),
        ).with_columns(pl.col(c).cast(t) for c, t in DECISION.items()).select(*DECISION.names(), *WRITTEN)  # fmt: skip

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """The statistics with their intervals, annotators, and what to ask again."""
        table = _votes.table(related, self.level, self.order, self.repeats)
        model = _modelled(table)
        judged = self._judged(table, model)
        counts = table.counts
        everyone = _annotators.told(table, model, self.level, self.confidence)
        statistics = _agreement.all_of(counts, self.level, table.values, self.confidence, self.draws, self.seed)
        shares = counts.sum(0) / max(1.0, counts.sum())
        alpha, plain = statistics["alpha"]["value"], statistics["observed"]["value"]
        asked = judged.filter(pl.col("agreement_ask").is_not_null()).sort("agreement_certainty", "at", nulls_last=False)
        ids = table.rows.filter("first").select("at", "id")
        first = asked.head(ASKED).join(ids, on="at", how="left", maintain_order="left").select("id", "agreement_ask")
        return {
            "items": table.items,
            "votes": int(counts.sum()),
            "annotators": len(table.annotators),
            "classes": dict(zip(_annotators.names(table.classes), counts.sum(0).astype(int).tolist())),
            "level": self.level,
            **statistics,
            "cohen": _annotators.cohen(table, self.level, self.confidence, self.draws, self.seed),
            "repeated": {"votes": table.repeats, "consistent": table.consistent},
            # Chance explains agreement where one class has nearly all votes: low alpha, and hardly anyone disagrees.
            "prevalence": bool(alpha is not None and plain is not None and alpha < 0.4 and plain > 0.8 and shares.max(initial=0) > 0.8),
            "by_annotator": sorted(everyone, key=lambda line: (not line["why"], -line["votes"]))[:ASKED],
            "ask_annotators": {line["annotator"]: line["why"] for line in everyone if line["why"]},
            "ask_items": {r: n for r in REASONS if (n := asked.filter(pl.col("agreement_ask") == r).height)},
            "ask_first": dict(first.rows()),
        }

    def _judged(self, table: _votes.Table, model: Estimate | None) -> pl.DataFrame:
        """`at` (item) and the columns of `writes`."""
        counts = table.counts
        n, many = counts.shape
        if not many:
            blank = {name: pl.Series([None], dtype=kind).new_from_index(0, n) for name, kind in WRITTEN.items()}
            blank |= {"agreement_votes": pl.Series([0] * n, dtype=pl.Int64), "agreement_ask": pl.Series(["no_vote"] * n, dtype=pl.String)}
            return pl.DataFrame({"at": np.arange(n), **blank})
        votes, most = counts.sum(1), counts.max(1)
        best = counts == most[:, None]
        tied = (best.sum(1) > 1) & (votes > 0)
        majority = _broken(best, model, self.tie)
        nobody = (votes == 0) | (tied & (majority < 0))
        names = pl.Series(table.classes)
        frame = pl.DataFrame({
            "at": np.arange(n),
            "agreement_votes": votes.astype(np.int64),
            "agreement_majority": names.gather(pl.Series(np.maximum(majority, 0))),
            "agreement_share": most / np.maximum(votes, 1),
            "agreement_soft": _soft(counts, table.classes),
            "agreement_mean": counts @ table.values / np.maximum(votes, 1) if self.level in ("interval", "ratio") else np.full(n, np.nan),
            "agreement_model": pl.Series([None], dtype=pl.String).new_from_index(0, n),
            "agreement_certainty": np.full(n, np.nan),
        })  # fmt: skip
        differs, sure = np.zeros(n, dtype=bool), np.ones(n)
        if model is not None:
            sure, likely = model.chances.max(1), (model.chances >= model.chances.max(1, keepdims=True) - EQUAL).argmax(1)
            differs = (majority >= 0) & (model.chances[np.arange(n), np.maximum(majority, 0)] < sure - EQUAL)
            frame = frame.with_columns(names.gather(pl.Series(likely)).alias("agreement_model"), pl.Series("agreement_certainty", sure.round(6)))
        asked = np.select(
            [votes == 0, votes == 1, tied, most < self.split * votes, differs, sure < self.certain], list(REASONS), default=""
        )
        unmeasured = pl.Series(votes == 0)
        return frame.with_columns(
            pl.when(~pl.Series(nobody)).then("agreement_majority").alias("agreement_majority"),
            *(pl.when(~unmeasured).then(pl.col(c)).alias(c) for c in ("agreement_share", "agreement_soft", "agreement_model")),
            *(pl.when(~unmeasured).then(pl.col(c).fill_nan(None)).alias(c) for c in ("agreement_mean", "agreement_certainty")),
            pl.Series("agreement_ask", asked).replace("", None).cast(pl.String),
        ).cast(WRITTEN)  # type: ignore[arg-type]


def _modelled(table: _votes.Table) -> Estimate | None:
    """The estimate of the likely truth; unnamed votes count as one annotator's. None where there is nothing to estimate."""
    if not 1 <= len(table.classes) <= MODELLED:
        return None
    who = np.where(table.annotator < 0, len(table.annotators), table.annotator)
    return estimate(table.item, who, table.said, table.items, len(table.annotators) + 1, len(table.classes))


def _broken(best: np.ndarray, model: Estimate | None, tie: str) -> np.ndarray:
    """The class of the majority; -1 where a tie has none."""
    if tie == "most":
        return best.shape[1] - 1 - best[:, ::-1].argmax(1)
    if tie == "least":
        return best.argmax(1)
    if tie == "model" and model is not None:
        return np.where(best, model.chances, -1.0).argmax(1)
    return np.where(best.sum(1) > 1, -1, best.argmax(1))


def _soft(counts: np.ndarray, classes: list[str]) -> list[str]:
    """The shares of the votes as JSON, classes nobody voted for left out; each kind of item is written once."""
    kinds, which = np.unique(counts, axis=0, return_inverse=True)
    made = []
    for kind in kinds:
        total = max(1.0, float(kind.sum()))
        made.append(json.dumps({c: round(float(k) / total, 4) for c, k in zip(classes, kind) if k}, ensure_ascii=False))
    return [made[i] for i in which.ravel().tolist()]
