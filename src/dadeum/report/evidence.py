"""What the guard found, by benchmark: the ledger's verdicts grouped by the file that each witness stands in.

A witness of guard.contamination is the place of an item (`file:line`, `file#row`), so the pairs of a row and its item are in the
ledger already; nothing is kept a second time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

REASONS: Final = ("contaminated", "paraphrased")
PAIRS: Final = 5
"""Pairs shown of each benchmark and reason."""
PLACE: Final = r"^(.*)[:#]\d+$"


def by_benchmark(run: Path) -> pl.DataFrame:
    """`{step, benchmark, reason, rows, items, pairs}`: rows that left, different items that they hold, and the strongest pairs.

    run: a run's folder. pairs: list of `{id, place, value, item}`, strongest first, by id where alike. The most rows come first.
    """
    verdicts = pl.scan_parquet(run / "ledger/verdicts.parquet").filter(pl.col("reason").is_in(REASONS) & pl.col("witness").is_not_null())
    named = verdicts.with_columns(pl.coalesce(pl.col("witness").str.extract(PLACE), "witness").alias("benchmark"))
    pair = pl.struct("id", "place", "value", pl.col("witness").alias("item"))
    told = named.sort(pl.col("value"), "id", descending=[True, False]).group_by("step", "benchmark", "reason", maintain_order=True)
    counted = told.agg(pl.len().alias("rows"), pl.col("witness").n_unique().alias("items"), pair.head(PAIRS).alias("pairs"))
    return counted.sort("rows", "benchmark", "reason", descending=[True, False, False]).collect()
