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


def context_fits(setup: Setup) -> Found:
    """Rows longer than the base was made for: positions that it has never seen, or has no embedding for, which is an error in the middle."""
    settings, context = setup.settings, getattr(setup.model.config.get_text_config(), "max_position_embeddings", None)
    if not context:
        return Found("context_fits", "not applicable", 0.0, "the base does not say how long a text may be")
    before = settings.prompt.length if settings.method == "prompt" else 0
    # Of a pair the ledger counts both ends: the longer one has half of them at least. A long document is laid out in several examples.
    tokens = pl.min_horizontal(pl.col("n_tokens") // (2 if settings.objective in ("dpo", "reward") else 1), settings.max_length) + before
    hit = setup.ledger.select((tokens > context) & pl.col("reason").is_null()).to_series()
    remedy = f"train.max_length {context - before}, which leaves them out and says so, or a base with a longer context"
    return share("context_fits", setup.ledger, hit, 0.0, f"are longer than the {context:,} tokens that the base was made for", remedy)


def left_out(setup: Setup) -> Found:
    """Rows left out for any other reason that is no fault (mask_proven tells of those)."""
    ledger = setup.ledger
    hit = ledger["reason"].is_not_null() & ~ledger["reason"].is_in(["too_long", *setup.faults]).fill_null(False)
    reasons = ", ".join(f"{r} {n:,}" for r, n in ledger.filter(hit)["reason"].value_counts(sort=True).iter_rows())
    said = ledger.filter(hit & (ledger["reason"] == "refused").fill_null(False))["note"].drop_nulls()
    means = f"cannot be trained on ({reasons}){f': {said[0]}' if len(said) else ''}" if reasons else "cannot be trained on"
    return share("left_out", ledger, hit, LEFT, means, "look at their `reason` and `text` in supervision.parquet; mend them, or filter them before mix.split")
