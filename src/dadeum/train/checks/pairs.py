"""Preference pairs and labels: pairs that say the opposite of one another, pairs that teach length, labels too rare or never seen."""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.train.checks.found import Found, Setup

LONGER: Final = 0.7
"""Share of pairs whose chosen end is the longer (or the shorter) one. In published sets of human preferences it is .5 to .65, and what is
above is learned as "longer is better" (P. Singhal et al., 2023)."""
RARE: Final = 0.1
"""Of a label's even share."""
_END: Final = "\x1f"


def pairs_contradict(setup: Setup) -> Found:
    """Pairs of which another row prefers, after the same prompt, the other end."""
    pairs = _pairs(setup)
    if pairs is None:
        return Found("pairs_contradict", "not applicable", 0.0, "train.objective asks for no pairs")
    # Two equal ends turned round are the same pair: it is left out by itself, and contradicts nobody.
    turned = pairs.filter(pl.col("chosen") != pl.col("rejected")).select("prompt", pl.col("rejected").alias("chosen"), pl.col("chosen").alias("rejected")).unique()
    hit = pairs.join(turned, on=["prompt", "chosen", "rejected"], how="semi", maintain_order="left")
    if not hit.height:
        return Found("pairs_contradict", "pass", 0.0, f"none of {pairs.height:,} pairs is turned round in another row")
    means = f"{hit.height:,} of {pairs.height:,} pairs stand there both ways round: together they teach nothing"
    return Found("pairs_contradict", "fail", hit.height / pairs.height, means, hit["id"][0], "drop both (the annotators disagree), or keep the one more of them chose")


def pairs_length(setup: Setup) -> Found:
    """Whether the longer end alone tells which one was chosen."""
    pairs = _pairs(setup)
    if pairs is None:
        return Found("pairs_length", "not applicable", 0.0, "train.objective asks for no pairs")
    apart = pl.col("chosen").str.len_chars().cast(pl.Int64) - pl.col("rejected").str.len_chars().cast(pl.Int64)
    uneven = pairs.select("id", apart.alias("apart")).filter(pl.col("apart") != 0)
    share = float((uneven["apart"] > 0).sum()) / max(1, uneven.height)
    said = f"the chosen end is the longer one in {share:.0%} of {uneven.height:,} pairs"
    if uneven.height < 20 or 1 - LONGER <= share <= LONGER:
        return Found("pairs_length", "pass", share, said)
    row = uneven.sort("apart", descending=share > 0.5)["id"][0]
    remedy = "bring pairs of like length (filter.pairs), and read the model's `longer` beside its accuracy"
    return Found("pairs_length", "fail", share, f"{said}: a model that only counts does as well", row, remedy)


def labels_balanced(setup: Setup) -> Found:
    """Whether every label has rows enough to be learned."""
    if setup.settings.objective != "classify":
        return Found("labels_balanced", "not applicable", 0.0, "train.objective is not classify")
    trained = setup.rows.join(setup.ledger.filter(pl.col("reason").is_null()), on="id", how="semi")
    counts = trained.get_column("label").value_counts().sort(["count", "label"])
    if counts.height < 2:
        return Found("labels_balanced", "fail", 1.0, f"all {trained.height:,} rows have one label", setup.rows["id"][0], "there is nothing to tell apart: look at annotate.label and filter.label")
    label, least = counts.row(0)
    part = least / (trained.height / counts.height)
    said = f"the rarest of {counts.height} labels, {label}, has {least:,} of {trained.height:,} rows"
    if part >= RARE or setup.settings.classify.weights == "balanced":
        return Found("labels_balanced", "pass", part, said)
    row = trained.filter(pl.col("label") == label)["id"][0]
    return Found("labels_balanced", "warn", part, said, row, "train.classify.weights: balanced, mix.cap on the common ones, or more rows; read macro_f1, not accuracy")


def labels_known(setup: Setup) -> Found:
    """Labels of held-out rows that no training row has."""
    if setup.settings.objective != "classify":
        return Found("labels_known", "not applicable", 0.0, "train.objective is not classify")
    known = setup.rows.get_column("label").drop_nulls().unique()
    held = pl.concat([rows.select("id", "label") for rows in (setup.validation, setup.test)])
    new = held.filter(pl.col("label").is_not_null() & ~pl.col("label").is_in(known.implode()))
    if not new.height:
        return Found("labels_known", "pass", 0.0, "every held-out label is one that is trained")
    names = ", ".join(sorted(new["label"].unique().to_list())[:5])
    return Found("labels_known", "fail", float(new.height), f"{new.height:,} held-out rows have a label that training never sees: {names}", new["id"][0], "split by rows instead of by a group, or leave those labels out (filter.label)")


def _pairs(setup: Setup) -> pl.DataFrame | None:
    """{id, prompt, chosen, rejected} as text, of the rows that have both ends."""
    if setup.settings.objective not in ("dpo", "reward"):
        return None
    both = setup.rows.filter((pl.col("chosen").list.len() > 0) & (pl.col("rejected").list.len() > 0))
    said = pl.element().struct.field("content").fill_null("")
    texts = {name: pl.col(column).list.eval(said).list.join(_END).fill_null("") for name, column in (("prompt", "messages"), ("chosen", "chosen"), ("rejected", "rejected"))}
    return both.select("id", **texts)
