"""Every row that came in is trained on or left out with a reason, and not too many are left out."""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.format.supervise import fits
from dadeum.train.checks.found import Found, Setup, share

LONG: Final = 0.005
"""`max_length` should hold 99.5 % of the rows: what is longer is left out whole, so the long kind of answer is never learned."""
LEFT: Final = 0.01


def rows_accounted(setup: Setup) -> Found:
    """Rows in = rows trained on + rows with a reason, in the same order (TRL drops rows without a word where a prompt fills the window)."""
    ledger = setup.ledger
    told = ledger.height == setup.rows.height and ledger["id"].to_list() == setup.rows["id"].to_list()
    bare = ledger.filter((pl.col("n_supervised") == 0) & pl.col("reason").is_null())
    missing = abs(setup.rows.height - ledger.height)
    if told and not bare.height:
        return Found("rows_accounted", "pass", 0.0, f"all {ledger.height:,} rows are trained on or left out with a reason")
    first = bare["id"][0] if bare.height else next(iter(set(setup.rows["id"]) ^ set(ledger["id"])), "")
    means = f"{missing:,} rows are in no line of the ledger, {bare.height:,} are trained on with no token that carries loss"
    return Found("rows_accounted", "fail", float(missing + bare.height), means, first, "run without the folder's cache/supervision")


def too_long(setup: Setup) -> Found:
    """Rows longer than max_length."""
    length = fits(setup.ledger.filter(pl.col("n_tokens") > 0)["n_tokens"].to_list())
    remedy = f"train.max_length {length} would hold 99.5 % of the rows (it is {setup.settings.max_length})"
    return share("too_long", setup.ledger, (setup.ledger["reason"] == "too_long").fill_null(False), LONG, "are too long and left out whole", remedy)


def left_out(setup: Setup) -> Found:
    """Rows left out for any other reason."""
    ledger = setup.ledger
    hit = ledger["reason"].is_not_null() & (ledger["reason"] != "too_long").fill_null(False)
    reasons = ", ".join(f"{r} {n:,}" for r, n in ledger.filter(hit)["reason"].value_counts(sort=True).iter_rows())
    return share("left_out", ledger, hit, LEFT, f"cannot be trained on ({reasons or 'no reason'})", "look at them in supervision.parquet and mend or filter them")
