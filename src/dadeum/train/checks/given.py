"""What the training is given: a ledger that is still true, a base that is whole and whose parts belong together, rows for a step, room on the disk."""

from __future__ import annotations

from typing import Final

import polars as pl

from dadeum.train.checks.found import Found, Setup

TWINS: Final = 0.9
"""Share of its embeddings that a tokenizer has to name. Vocabularies are padded to multiples of 64 or 128, small ones by up to a tenth."""


def cache_fresh(setup: Setup) -> Found:
    """The kept ledger says of the sampled rows what supervising them now says (a stale cache after a changed template: open-instruct #1497)."""
    kept = dict(setup.ledger.select("id", "labels_digest").iter_rows())
    now = dict(setup.sample.ledger.select("id", "labels_digest").iter_rows())
    stale = [id for id, told in now.items() if id in kept and kept[id] != told]
    if not stale:
        return Found("cache_fresh", "pass", 0.0, f"the kept ledger is what {len(now):,} sampled rows give now")
    means = f"{len(stale):,} of {len(now):,} sampled rows give other tokens or labels now than the kept ledger says"
    return Found("cache_fresh", "fail", len(stale) / len(now), means, stale[0], "delete cache/supervision in the run's folder")


def base_finite(setup: Setup) -> Found:
    """Every weight of the base is a number: one that is not makes every answer and every loss NaN."""
    import torch

    bad = {name: int((~torch.isfinite(p)).sum()) for name, p in setup.model.named_parameters() if not bool(torch.isfinite(p).all())}
    if not bad:
        return Found("base_finite", "pass", 0.0, "every weight of the base is a number")
    means = f"{sum(bad.values()):,} weights of the base are NaN or infinite, the first in {next(iter(bad))}: so will be every answer and every loss"
    return Found("base_finite", "fail", float(sum(bad.values())), means, "", "copy or download the base anew (train.base)")


def base_fits(setup: Setup) -> Found:
    """Tokenizer and model of the base belong together: its size, and what both call the stop."""
    rows = setup.model.get_input_embeddings().weight.shape[0]
    named = len(setup.tokenizer)
    remedy = "take the tokenizer that came with the base: its files belong into the same folder"
    if named > rows or named < TWINS * rows:
        return Found("base_fits", "fail", named / rows, f"the tokenizer has {named:,} tokens, the model {rows:,} embeddings", "", remedy)
    own = setup.model.config.get_text_config().eos_token_id
    stops = {own} if isinstance(own, int) else set(own or ())
    known = {*stops, *_generation(setup.model)}
    if known and setup.tokenizer.eos_token_id not in known:
        told = ", ".join(repr(setup.tokenizer.convert_ids_to_tokens(i)) for i in sorted(known) if i < named)
        means = f"the tokenizer ends texts with {setup.tokenizer.eos_token!r}, the model's configuration with {told}"
        return Found("base_fits", "fail", float(setup.tokenizer.eos_token_id), means, "", remedy)
    return Found("base_fits", "pass", named / rows, f"{named:,} tokens for {rows:,} embeddings, and one stop")


def _generation(model: object) -> set[int]:
    had = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return {had} if isinstance(had, int) else set(had or ())


def data_enough(setup: Setup) -> Found:
    """All rows together fill at least one optimiser step."""
    rows = setup.ledger.filter(pl.col("reason").is_null())
    tokens, asked = int(rows["n_tokens"].sum()), setup.settings.batch_tokens
    if tokens >= asked:
        return Found("data_enough", "pass", tokens / asked, f"{rows.height:,} rows of {tokens:,} tokens fill {tokens / asked:,.1f} steps an epoch")
    row = rows["id"][0] if rows.height else ""
    if not rows.height:
        return Found("data_enough", "fail", 0.0, "no row can be trained on", row, "look at the reasons in supervision.parquet")
    remedy = f"set train.batch_tokens to {max(1, tokens // 8):,} or less, or bring more rows"
    return Found("data_enough", "fail", tokens / asked, f"all rows together are {tokens:,} tokens, a step takes {asked:,}", row, remedy)


def disk_enough(setup: Setup) -> Found:
    """Room for two checkpoints (weights and both moments of what is trained), the model, and its draft."""
    size = setup.model.num_parameters()
    low = setup.settings.method in ("lora", "qlora", "prompt")
    # An adapter is a few per cent of the base: its checkpoints are counted with a tenth, the merged model whole.
    needed = round(4 * size * (2 * 3 * (0.1 if low else 1.0) + 2))
    if setup.free is None:
        return Found("disk_enough", "not applicable", float(needed), f"about {needed / 1e9:.2g} GB for checkpoints and model")
    said = f"about {needed / 1e9:,.2g} GB for checkpoints and model, {setup.free / 1e9:,.3g} GB are free"
    if setup.free >= needed:
        return Found("disk_enough", "pass", needed / max(1, setup.free), said)
    return Found("disk_enough", "fail", needed / max(1, setup.free), said, "", "make room, or put the run's folder on a larger disk (--out)")
