"""Records unlike the rest, with the likely cause: what `annotate.outlier` measures, and what the other checks know of the same records.

    broken_encoding   the score card's check found mojibake: whatever else is odd comes of that
    the step's own    too long, too short, signs, figures, repetition, entropy, letters of another script; a rare language; a label that
                      similar records contradict (`annotate.outlier`)
    other_topic       of at least `WORDS` different words hardly any stands in another record: at most `SHARED` others, or one in a
                      thousand. As robustly far from the median of its language as the step asks of its own measures
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from dadeum.steps.annotate.outlier import Outlier

OUTLIER: Final = Outlier()
ROWS: Final = 5
"""Rows that are shown of each cause."""
WORDS: Final = 6
SHARED: Final = 2
LEAST: Final = 0.1
"""The least deviation of the share of strange words: at the step's limit of 6, a record is .6 above the median."""
COMMON: Final = 0.05
"""Share of all records from which a language has a vocabulary that can be held against its own records."""


def told(sketches: pl.DataFrame, topics: pl.DataFrame, checked: pl.DataFrame) -> list[dict[str, Any]]:
    """[{cause, n, rows}], the most frequent first, with the farthest rows of each.

    sketches: the step's; topics: `row` and `words` of the same records; checked: `row` and `mojibake`.
    """
    found = OUTLIER.decide(OUTLIER.relate(sketches)).select("row", "outlier", pl.col("outlier_cause").alias("cause"))
    strange = _strange(topics.select("row", "words").join(sketches.select("row", "profile"), on="row"))
    found = found.join(strange, on="row", how="left").join(checked.select("row", "mojibake"), on="row", how="left")
    cause = (
        pl.when(pl.col("mojibake").fill_null(False)).then(pl.lit("broken_encoding"))
        .when(pl.col("cause").is_not_null()).then("cause")
        .when(pl.col("strange") >= OUTLIER.limit).then(pl.lit("other_topic"))
    )  # fmt: skip
    far = pl.when(cause == "other_topic").then("strange").otherwise("outlier")
    found = found.select("row", cause.alias("cause"), far.alias("far")).filter(pl.col("cause").is_not_null())
    groups = found.sort("far", "row", descending=[True, False]).group_by("cause", maintain_order=True)
    return groups.agg(pl.len().alias("n"), pl.col("row").head(ROWS).alias("rows")).sort("n", "cause", descending=[True, False]).to_dicts()


def _strange(rows: pl.DataFrame) -> pl.DataFrame:
    """`row`, `strange`: how far above the median of its language the share of words lies that hardly any other record has."""
    flat = rows.select("row", pl.col("words").alias("word")).explode("word", empty_as_null=True, keep_nulls=True).drop_nulls()
    rare = pl.len().over("word") <= max(SHARED + 1, rows.height // 1000)
    shares = flat.with_columns(rare.alias("rare")).group_by("row").agg(pl.len().alias("n"), pl.col("rare").mean().alias("share"))
    shares = shares.filter(pl.col("n") >= WORDS).join(rows.select("row", "profile"), on="row")
    shares = shares.filter(pl.len().over("profile") >= COMMON * rows.height)
    middle = pl.col("share").median().over("profile")
    spread = pl.max_horizontal(1.4826 * (pl.col("share") - middle).abs().median().over("profile"), pl.lit(LEAST))
    return shares.select("row", ((pl.col("share") - middle) / spread).alias("strange"))
