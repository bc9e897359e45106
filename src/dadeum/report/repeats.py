"""Records that say the same: counted by the very sketches that `dedup.exact` decides by, so that a look and a run agree.

A sketch is 32 bytes a record (and 32 more where there are chats: who asks the same, who answers the same). Texts are not kept: the
few that are shown are read again from the place where they first stand.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.record import records
from dadeum.steps.dedup.exact import KEY, Exact

TOP: Final = 10
"""Texts that are shown."""
FEW: Final = 40
"""Fields with few values that are held against equal texts, at a byte a record each."""
WHOLE: Final = Exact()
ASKED: Final = Exact(by=("user",), against=("assistant",))


class Repeats:
    """Copies, conflicts, and the texts and answers that occur most."""

    def __init__(self) -> None:
        self._whole: list[pl.DataFrame] = []
        self._asked: list[pl.DataFrame] = []
        self._few: dict[str, dict[int, pl.Series]] = {}

    def add(self, rows: pl.DataFrame, chats: bool, few: dict[str, pl.Series]) -> None:
        """Sketch one chunk. chats: whether any of its records has turns; few: fields with few values, as numbers."""
        for name, numbers in few.items():
            if name in self._few or len(self._few) < FEW:
                self._few.setdefault(name, {})[len(self._whole)] = numbers.cast(pl.UInt8)
        self._whole.append(WHOLE.sketch(rows))
        if chats:
            self._asked.append(ASKED.sketch(rows))

    def tell(self, labels: list[str], categories: list[str]) -> dict[str, Any]:
        """{copies, conflicts, differing, questions, texts, answers}.

        copies: {texts: texts that occur more than once, records: that have one of them, more: records beyond the first of each}.
        conflicts: {texts, records, shown: [{row, n, labels}]}: the same text under different labels, for the labels given.
        differing: [{field, texts, records}]: the same text with different values of one of these `categories`.
        questions: the same user turns with different answers, {texts, records}, or None without chats.
        texts, answers: [{row, n}], the most frequent first; row is where each first stands.
        """
        whole = _all(self._whole)
        told = WHOLE.report(WHOLE.relate(whole))
        told_asked = ASKED.report(ASKED.relate(_all(self._asked))) if self._asked else None
        copies = {"texts": told["repeated_keys"], "records": told["repeated_rows"], "more": told["repeated_rows"] - told["repeated_keys"]}
        questions = {"texts": told_asked["conflicts"], "records": told_asked["conflicting_rows"]} if told_asked else None
        return {
            "copies": copies,
            "conflicts": {"texts": told["conflicts"], "records": told["conflicting_rows"], "shown": _clashes(whole, labels)},
            "differing": [told for name in categories if name in self._few and (told := self._differing(name, whole))["texts"]],
            "questions": questions,
            "texts": _top(whole, list(KEY)),
            "answers": _top(_all(self._asked), ["says"]) if self._asked else [],
        }

    def rows(self) -> tuple[pl.Series, pl.Series]:
        """(rows whose text bears another label elsewhere, rows that repeat an earlier one): row numbers."""
        related = WHOLE.relate(_all(self._whole))
        clashing = related.filter("conflict").get_column("row")
        later = related.filter(pl.col("row") != pl.col("row").min().over(KEY))
        return clashing, later.get_column("row")

    def _differing(self, name: str, whole: pl.DataFrame) -> dict[str, Any]:
        parts = self._few[name]
        none = pl.Series([None], dtype=pl.UInt8)
        value = pl.concat([parts.get(i, none.new_from_index(0, sketch.height)).alias("value") for i, sketch in enumerate(self._whole)])
        rows = whole.select(*KEY).with_columns(value).drop_nulls()
        groups = rows.group_by(KEY).agg(pl.col("value").n_unique().alias("values"), pl.len().alias("n")).filter(pl.col("values") > 1)
        return {"field": name, "texts": groups.height, "records": int(groups.get_column("n").sum())}


def _all(sketches: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(sketches) if sketches else WHOLE.sketch(records([]))


def _top(sketches: pl.DataFrame, by: list[str]) -> list[dict[str, int]]:
    """Where the most frequent keys first stand, and how often they occur."""
    groups = sketches.filter(pl.col(by[0]).is_not_null()).group_by(by).agg(pl.col("row").min(), pl.len().alias("n"))
    return groups.filter(pl.col("n") > 1).sort("n", "row", descending=[True, False]).head(TOP).select("row", "n").to_dicts()


def _clashes(sketches: pl.DataFrame, labels: list[str]) -> list[dict[str, Any]]:
    """The texts with most records that bear different labels, with how often each label stands there."""
    if not labels:
        return []
    names = pl.DataFrame({"says": WHOLE.sketch(records({"label": v} for v in labels)).get_column("says"), "label": labels})
    names = names.unique("says", keep="first", maintain_order=True)
    said = sketches.filter(pl.col("says").is_not_null() & pl.col("hi").is_not_null())
    votes = said.group_by(*KEY, "says").agg(pl.col("row").min(), pl.len().cast(pl.Int64).alias("n"))
    votes = votes.join(names, on="says", how="left").sort("n", "row", descending=[True, False])
    groups = votes.group_by(KEY, maintain_order=True).agg(pl.col("row").min(), pl.col("n").sum(), pl.struct("label", pl.col("n")).alias("votes"))
    shown = groups.filter(pl.col("votes").list.len() > 1).sort("n", "row", descending=[True, False]).head(TOP)
    return [{"row": row, "n": n, "labels": [[v["label"], v["n"]] for v in votes]} for row, n, votes in shown.select("row", "n", "votes").iter_rows()]
